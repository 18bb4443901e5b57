"""The example project and its demo, run as a person would run them: each in a process of its own.

The settings of the suite and those of the example never meet. Nothing here reaches beyond 127.0.0.1.
"""

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests import zygote
from tests.project import inherited, only_set, read_result

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "example_project"


def load(path: Path):
    """A module of the example by its file, so that its names (``config``, ``photos``) stay out of this process."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


demo = load(EXAMPLE / "demo.py")
database = load(EXAMPLE / "config" / "database.py")


@pytest.fixture(name="environment")
def fixture_environment(tmp_path):
    """An environment that knows no account and no project of the caller, with a data folder of its own."""
    environment = only_set(inherited())
    demo.isolate(environment, tmp_path)
    return environment


def run(arguments, environment, *, fresh=False, **changes):
    """Run a file of the example, or the program that follows "-c", which sees the example's modules as `-c` would."""
    env = {**environment, **changes}
    pipe = subprocess.PIPE
    how = {"cwd": EXAMPLE, "env": env, "stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe}
    process = None
    if not fresh:
        if arguments[0] == "-c":
            program = Path(env["EXAMPLE_DATA_DIR"]).with_name("program.py")
            program.write_text(f"import sys; sys.path[0] = {str(EXAMPLE)!r}\n{arguments[1]}", encoding="utf-8")
            arguments = [str(program), *arguments[2:]]
        process = zygote.start(arguments, usual=only_set(inherited()), **how)
    process = process or subprocess.Popen([sys.executable, *arguments], **how)
    with process:
        stdout, stderr = process.communicate(timeout=120)
    return read_result(process.returncode, stdout, stderr)


def succeed(arguments, environment, **changes):
    ended = run(arguments, environment, **changes)
    assert 0 == ended.code, ended
    return ended.stdout


def settings_of(environment, expression, **changes):
    """The value of an expression over the example's settings, through JSON."""
    script = f"import json; from django.conf import settings; print(json.dumps({expression}, default=str))"
    return json.loads(succeed(["-c", script], environment, **changes))


def refused(environment, **changes):
    """What the example says when it will not start."""
    ended = run(["-c", "from django.conf import settings; settings.DEBUG"], environment, **changes)
    assert 0 != ended.code
    return ended.stderr


# ---- The site


@pytest.mark.parametrize(
    "changes",
    [{}, {"AWS_STORAGE_BUCKET_NAME": "b"}, {"AWS_STORAGE_BUCKET_NAME": "b", "MEDIA_ON": "local"}],
    ids=["disk", "s3", "before the cut-over"],
)
def test_check_has_nothing_to_say(environment, changes):
    """No warning in any of the three lives of the site, and no network needed to find that out."""
    assert "no issues" in succeed(["manage.py", "check", "--fail-level", "WARNING"], environment, **changes)


def test_migrations_are_complete(environment):
    """The models and the migrations agree."""
    assert "No changes" in succeed(["manage.py", "makemigrations", "--check"], environment, fresh=True)


PAGES = """
import io, re
import django
django.setup()
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from photos.models import Post

settings.ALLOWED_HOSTS = ["testserver"]
client = Client()
status = lambda url: client.get(url).status_code
post = Post.objects.first()

for url in ("/", "/?page=2", "/login/", "/by/mina/", post.get_absolute_url()):
    assert 200 == status(url), url
assert 404 == status("/by/nobody/")
assert 404 == status("/?page=99")
page = client.get("/").content.decode()
assert 24 == page.count("<li style=")
image = re.search(r'<img src="(/media/[^"]+)"', page)[1]
assert 200 == status(image), image
client.get(image).close()

assert "/login/?next=/upload/" == client.get("/upload/").url
assert client.login(username="mina", password="secret")
assert 200 == status("/upload/")

def upload(name, format):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 40), "teal").save(buffer, format)
    return client.post("/upload/", {"caption": "Grüße", "image": SimpleUploadedFile(name, buffer.getvalue())})

answer = upload("가을 Grüße.jpg", "JPEG")
shared = Post.objects.get(caption="Grüße")
assert shared.get_absolute_url() == answer.url
assert ("mina", 64, 40) == (shared.author.username, shared.width, shared.height)
assert "Your picture is shared." in client.get(answer.url).content.decode()
assert shared.image.storage.exists(shared.image.name)
assert "Browsers do not show TIFF" in upload("a.tiff", "TIFF").content.decode()
assert 200 == client.post("/upload/", {"image": SimpleUploadedFile("a.jpg", b"no picture")}).status_code

get_user_model().objects.filter(username="mina").update(is_staff=True, is_superuser=True)
assert 200 == status("/admin/photos/post/")
"""


def test_pages_and_upload(environment):
    """Feed, pages of it, a person, a picture, sign-in, upload and admin; a picture is served, a stranger sent away."""
    succeed(["manage.py", "migrate", "--verbosity", "0"], environment)
    succeed(["manage.py", "seed_posts", "--count", "40", "--no-large", "--password", "secret"], environment)
    succeed(["-W", "error", "-c", PAGES], environment, fresh=True)


def test_empty_feed(environment):
    """Before there is any picture, the feed says so."""
    succeed(["manage.py", "migrate", "--verbosity", "0"], environment)
    script = (
        "import django; django.setup(); from django.test import Client; "
        "print(Client(SERVER_NAME='localhost').get('/').content.decode())"
    )
    assert "Nothing here yet" in succeed(["-c", script], environment)


def test_seeding_is_deterministic_and_repeatable(environment, tmp_path):
    """The same pictures under the same names on every machine, and a second run adds none."""
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        changes = {"EXAMPLE_DATA_DIR": str(folder)}
        succeed(["manage.py", "migrate", "--verbosity", "0"], environment, **changes)
        succeed(["manage.py", "seed_posts", "--count", "15"], environment, **changes)
        contents.append({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("posts/**/*.*")})
    assert contents[0] == contents[1]
    assert 15 == len(contents[0])
    assert "0 pictures" in succeed(["manage.py", "seed_posts", "--count", "15"], environment, **changes)


def test_seeded_names_and_sizes(environment, tmp_path):
    """Names of many scripts, and one file large enough to be sent in parts."""
    succeed(["manage.py", "migrate", "--verbosity", "0"], environment)
    succeed(["manage.py", "seed_posts", "--count", "30"], environment)
    files = [path for path in (tmp_path / "site" / "media").rglob("*") if path.is_file()]
    names = " ".join(path.name for path in files)
    for piece in ("제주의", "Über", "🌅", "夜", "%", "+", "#", "&"):
        assert piece in names
    assert 20 * 1024**2 < max(path.stat().st_size for path in files) < 22 * 1024**2


# ---- Settings


def test_storages_follow_the_environment(environment):
    """Disk without a bucket; S3 with one; both with MEDIA_ON=local."""
    backends = "[{a: s['BACKEND'] for a, s in settings.STORAGES.items()}, getattr(settings, 'S3SYNC', None)]"
    disk, media, static = "django.core.files.storage.FileSystemStorage", "config.storages.MediaStorage", "staticfiles"
    local = {"default": disk, static: "django.contrib.staticfiles.storage.StaticFilesStorage"}
    assert [local, None] == settings_of(environment, backends)
    bucket = {"AWS_STORAGE_BUCKET_NAME": "b"}
    on_s3 = {"default": media, static: "config.storages.StaticStorage"}
    assert [on_s3, None] == settings_of(environment, backends, **bucket)
    both = {**on_s3, "default": disk, "media_s3": media}
    assert [both, {"MEDIA_STORAGE": "media_s3"}] == settings_of(environment, backends, **bucket, MEDIA_ON="local")


def test_impossible_settings_are_refused(environment):
    """A word MEDIA_ON does not know, S3 without a bucket, and production without a secret key."""
    assert "MEDIA_ON is 'disk'" in refused(environment, MEDIA_ON="disk")
    assert "names no bucket" in refused(environment, MEDIA_ON="s3")
    assert "SECRET_KEY must be set" in refused(environment, DJANGO_DEBUG="0")


def test_production_settings_pass_the_deploy_check(environment):
    """Of Django's own deployment checks only the choice of HSTS is left to the operator."""
    changes = {
        "DJANGO_DEBUG": "0",
        "SECRET_KEY": "k" * 10 + "0123456789abcdefghij" * 3,
        "DJANGO_ALLOWED_HOSTS": "a.example",
    }
    output = run(["manage.py", "check", "--deploy"], environment, **changes).stderr
    assert {"security.W004"} == {word.strip("():") for word in output.split() if "security.W" in word}


def test_database_url():
    """User, password, host, port and name, percent-decoded, and libpq's options as they are."""
    parsed = database.parse_database_url("postgresql://u%40x:p%2F%23%3A@db.example:6543/photos?sslmode=require")
    expected = {"NAME": "photos", "USER": "u@x", "PASSWORD": "p/#:", "HOST": "db.example", "PORT": "6543"}
    assert expected == {name: parsed[name] for name in expected}
    assert {"sslmode": "require"} == parsed["OPTIONS"]
    assert "django.db.backends.postgresql" == parsed["ENGINE"]


def test_database_url_may_be_short():
    """A name is enough: libpq knows the rest; a socket is an option; an IPv6 host loses its brackets."""
    short = database.parse_database_url("postgres:///photos?host=/run/postgresql")
    assert ("photos", "", "", {"host": "/run/postgresql"}) == tuple(
        short[k] for k in ("NAME", "HOST", "PORT", "OPTIONS")
    )
    assert "::1" == database.parse_database_url("postgres://[::1]/photos")["HOST"]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:hunter2@h/name",
        "postgres://u:hunter2@h",
        "postgres://u:hunter2@h/",
        "postgres://u:hunter2@h:port/name",
        "postgres://u:hunter2@h:99999/name",
        "postgres://u:hunter2#x@h/name",
        "postgres://u:hunter2/x@h/name",
        "postgres://u:[hunter2@h/name",
        "postgres://h/name/other",
    ],
)
def test_malformed_database_url(url):
    """One sentence that says what to mend and never repeats the password."""
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL is malformed: .* It looks like") as caught:
        database.parse_database_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_database_url_reaches_the_settings(environment):
    """PostgreSQL with DATABASE_URL, SQLite in the data folder without."""
    engine = "[settings.DATABASES['default'][k] for k in ('ENGINE', 'NAME')]"
    url = "postgres://u:p@127.0.0.1/photos"
    assert ["django.db.backends.postgresql", "photos"] == settings_of(environment, engine, DATABASE_URL=url)
    assert str(Path(environment["EXAMPLE_DATA_DIR"], "db.sqlite3")) == settings_of(environment, engine)[1]


# ---- Secrets

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAFILE", "AWS_SECRET_ACCESS_KEY": "from-file"}
CHOSEN = "[settings.S3_OPTIONS.get(k) for k in ('access_key', 'secret_key', 'security_token')]"


def secrets_file(tmp_path, content) -> str:
    path = tmp_path / "some-secrets.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def without_keys(environment):
    return {name: value for name, value in environment.items() if name != "AWS_ACCESS_KEY_ID"}


def test_environment_wins_over_secrets_file(environment, tmp_path):
    """A name in the environment counts; what it lacks comes from the file."""
    file = secrets_file(tmp_path, {"SECRET_KEY": "file", "AWS_STORAGE_BUCKET_NAME": "file-bucket"})
    names = "[settings.SECRET_KEY, settings.BUCKET_NAME]"
    assert ["file", "file-bucket"] == settings_of(environment, names, EXAMPLE_SECRETS_FILE=file)
    assert ["env", "file-bucket"] == settings_of(environment, names, EXAMPLE_SECRETS_FILE=file, SECRET_KEY="env")


def test_keys_of_the_secrets_file(environment, tmp_path):
    """They are used only while the environment names neither a key nor a profile."""
    changes = {"EXAMPLE_SECRETS_FILE": secrets_file(tmp_path, KEYS), "AWS_STORAGE_BUCKET_NAME": "b"}
    assert ["AKIAFILE", "from-file", None] == settings_of(without_keys(environment), CHOSEN, **changes)
    assert [None, None, None] == settings_of(environment, CHOSEN, **changes)
    assert [None, None, None] == settings_of(without_keys(environment), CHOSEN, **changes, AWS_PROFILE="p")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"SECRET_KEY": "hunter2",}', "is not JSON (line 1)"),
        ('["hunter2"]', "one JSON object with strings"),
        ('{"PORT": 5432, "P": "hunter2"}', "one JSON object with strings"),
        ('{"AWS_STORAGE_BUCKET_NAME": "b", "AWS_ACCESS_KEY_ID": "hunter2"}', "no AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_bad_secrets_file(environment, tmp_path, content, message):
    """The message names the file and the fault, and no secret."""
    said = refused(without_keys(environment), EXAMPLE_SECRETS_FILE=secrets_file(tmp_path, content))
    assert message in said
    assert "hunter2" not in said


def test_missing_secrets_file(environment, tmp_path):
    """A file that somebody named must be there."""
    assert "Cannot read the secrets file" in refused(environment, EXAMPLE_SECRETS_FILE=str(tmp_path / "none.json"))


def test_example_of_a_secrets_file(environment):
    """What we ship as an example is accepted, and git ignores the real one."""
    file = str(EXAMPLE / "secrets.example.json")
    assert "my-photos" == settings_of(environment, "settings.BUCKET_NAME", EXAMPLE_SECRETS_FILE=file)
    assert "/secrets.json" in (EXAMPLE / ".gitignore").read_text().splitlines()


@pytest.fixture(name="secrets_manager")
def fixture_secrets_manager(environment, tmp_path):
    """An environment with a secret 'site' in a Secrets Manager on this machine."""
    url = f"http://127.0.0.1:{demo.free_port()}"
    log = tmp_path / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]]
    with demo.running(command, log, environment) as process:
        demo.wait_for(f"{url}/moto-api/", process, log)
        environment["AWS_ENDPOINT_URL"] = url
        secret = json.dumps({"SECRET_KEY": "manager", "AWS_ACCESS_KEY_ID": "AKIAMANAGER", "AWS_SECRET_ACCESS_KEY": "m"})
        for name, value in (("site", secret), ("broken", "SECRET_KEY=hunter2")):
            script = (
                f"import boto3; boto3.client('secretsmanager').create_secret(Name={name!r}, SecretString={value!r})"
            )
            succeed(["-c", script], environment)
        yield environment


def test_secrets_manager(secrets_manager, tmp_path):
    """It wins over the file and loses to the environment; its pair of keys is never mixed with another."""
    file = secrets_file(
        tmp_path, {**KEYS, "AWS_SESSION_TOKEN": "t", "SECRET_KEY": "f", "AWS_STORAGE_BUCKET_NAME": "fb"}
    )
    changes = {"EXAMPLE_SECRETS_FILE": file, "AWS_SECRETS_MANAGER_ID": "site"}
    names = "[settings.SECRET_KEY, settings.BUCKET_NAME]"
    assert ["manager", "fb"] == settings_of(secrets_manager, names, **changes)
    assert ["env", "fb"] == settings_of(secrets_manager, names, **changes, SECRET_KEY="env")
    # boto3's own chain reads the secret, from a credentials file here, and the keys in it are then for S3.
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    bare = without_keys(secrets_manager)
    chosen = settings_of(bare, CHOSEN, **changes, AWS_SHARED_CREDENTIALS_FILE=str(credentials))
    assert ["AKIAMANAGER", "m", None] == chosen


def test_secrets_manager_refuses(secrets_manager):
    """What is missing or no JSON object stops the start, with the name of the secret and never its content."""
    said = refused(secrets_manager, AWS_SECRETS_MANAGER_ID="nowhere")
    assert "Cannot read the secret 'nowhere' from AWS Secrets Manager" in said
    said = refused(secrets_manager, AWS_SECRETS_MANAGER_ID="broken")
    assert "The secret 'broken' in AWS Secrets Manager is not JSON" in said
    assert "hunter2" not in said


# ---- The demo


def test_demo_knows_no_account(tmp_path):
    """Whatever the caller's environment leads to, none of it is left; the rest of the environment is."""
    mine = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL_S3": "https://s3.example",
        "PATH": "/bin",
    }
    mine |= {"AWS_CA_BUNDLE": "/x", "https_proxy": "http://proxy", "DATABASE_URL": "postgres://p/d", "MEDIA_ON": "s3"}
    mine |= {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_CONFIG_FILE": "/home/me/.aws/config", "AWS_SECRETS_MANAGER_ID": "s"}
    demo.isolate(mine, tmp_path)
    assert "/bin" == mine["PATH"]
    assert "demo" == mine["AWS_ACCESS_KEY_ID"]
    assert "" == Path(mine["AWS_CONFIG_FILE"]).read_text() == Path(mine["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    assert "" == mine["EXAMPLE_SECRETS_FILE"]
    assert "true" == mine["AWS_EC2_METADATA_DISABLED"]
    gone = {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE", "https_proxy"}
    gone |= {"DATABASE_URL", "MEDIA_ON", "AWS_SECRETS_MANAGER_ID"}
    assert set() == gone & set(mine)


@pytest.mark.parametrize(
    "url", ["https://s3.amazonaws.com", "http://10.0.0.1:9000", "http://localhost.example", "", "x"]
)
def test_demo_refuses_other_machines(url):
    """Only an address that is loopback by itself is accepted: a name could be resolved to anything."""
    with pytest.raises(demo.DemoError, match="not on this machine"):
        demo.require_loopback(url)
    assert "http://127.0.0.1:1" == demo.require_loopback("http://127.0.0.1:1")


def test_demo_names_what_is_wrong():
    """A step that is not as it should be stops the demo with both values."""
    with pytest.raises(demo.DemoError, match="pictures uploaded: 1, expected 0"):
        demo.expect("pictures uploaded", 1, 0)


@pytest.fixture(name="temporary")
def fixture_temporary(tmp_path):
    """A folder for the demo's temporary folder, to see what it leaves behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_demo_tells_the_whole_story(environment, temporary):
    """Everything, nothing, one; --serve leaves the site up; a termination leaves neither a file nor a server."""
    misleading = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL_S3": "http://192.0.2.1:9",
        "HTTP_PROXY": "http://192.0.2.1",
    }
    command = [sys.executable, "-u", "demo.py", "--serve", "--pictures", "30"]
    changes = {**environment, **misleading, "TMPDIR": str(temporary)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=EXAMPLE, env=changes, stdout=pipe, stderr=pipe, encoding="utf-8") as process:
        output = site = ""
        for line in process.stdout:
            output += line
            if "Its pictures come from the bucket" in line:
                site = line.split()[0]
                break
        if site:
            with urllib.request.urlopen(demo.require_loopback(site), timeout=30) as answer:
                assert b"30 pictures" in answer.read()
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert (143, True) == (process.returncode, bool(site)), output + said
    counts = [line.strip().split(" failed")[0] for line in output.splitlines() if " uploaded, " in line]
    expected = ["30 uploaded, 0 unchanged, 0", "0 uploaded, 30 unchanged, 0", "1 uploaded, 29 unchanged, 0"]
    assert expected == counts
    assert "The feed: 200. A picture of it, by its presigned address: 200; without the signature: 403." in output
    assert "manage.py collectstatic --s3 --no-input" in output
    assert "Its stylesheet, and what that refers to: 200." in output
    assert "CRITICAL EXPOSED default: 'media/" in output
    assert "manage.py s3_verify_acl --fix --no-input" in output
    assert [] == list(temporary.iterdir())
    assert_no_listener(output.split("moto.server -H 127.0.0.1 -p ")[1].split()[0])
    assert_no_listener(site.rstrip("/").rpartition(":")[2])


STEPS = """
import sys
import demo
for step in ("start_s3", "make_site", "push_all", "push_nothing", "push_one", "cut_over", "verify", "summarise"):
    setattr(demo.Demo, step, lambda *_: "http://127.0.0.1:9/")
sys.exit(demo.main())
"""


def test_demo_that_does_not_serve_ends_well(environment, temporary):
    """Once all steps are done (the test above does them): what to do next, exit 0, and no folder is left."""
    output = succeed(["-c", STEPS], environment, fresh=True, TMPDIR=str(temporary))
    assert "Next:\n    make demo ARGS=--serve" in output
    assert output.endswith("The servers and the temporary folder are gone.\n")
    assert [] == list(temporary.iterdir())


def assert_no_listener(port):
    """Nothing listens on the port any more, or not for longer than an ending process needs."""
    for _ in range(20):
        with contextlib.closing(socket.socket()) as client:
            if client.connect_ex(("127.0.0.1", int(port))) != 0:
                return
        time.sleep(0.1)
    pytest.fail(f"A server still listens on port {port}.")
