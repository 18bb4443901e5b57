"""What the zygote forks is told from a fresh `python manage.py` by nothing that a test could care about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests import zygote
from tests.project import Project, Result
from tests.servers import Server

pytestmark = pytest.mark.skipif(not zygote.available(), reason="Here every process is a fresh one.")

FACTS = """\
import json, os, signal, sys, threading, time

def of_stream(stream):
    told = ("encoding", "errors", "mode", "name", "line_buffering", "write_through")
    return [getattr(stream, name) for name in told] + [stream.fileno(), type(stream.buffer).__name__]

print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "cwd": os.getcwd(), "env": dict(os.environ),
    "main": {name: str(value) for name, value in globals().items()
             if name.startswith("__") and name not in ("__loader__", "__annotations__")},
    "is_main": sys.modules["__main__"].__dict__ is globals(), "flags": str(sys.flags), "warned": sys.warnoptions,
    "streams": [of_stream(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "same": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__],
    "descriptors": [name for name in sorted(os.listdir("/proc/self/fd")) if int(name) < 20],
    "ignored": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "group": [os.getpgid(0), os.getsid(0)], "umask": os.umask(0o22), "stdin": sys.stdin.read(), "zone": time.tzname,
    "home": os.path.expanduser("~"), "threads": threading.active_count(), "thread": threading.current_thread().name,
    "alone": threading.current_thread() is threading.main_thread(),
    "settings": "DJANGO_SETTINGS_MODULE" in os.environ,
}))
"""
DJANGO = """\
from django.conf import settings
from django.apps import apps
assert not settings.configured and not apps.ready
"""
MODELS = """\
import boto3, hashlib, json

session = boto3.Session("a", "b", region_name="eu-west-1")
client, resource = session.client("s3"), session.resource("s3")
loader = session._session.get_component("data_loader")
model = json.dumps(loader.load_service_model("s3", "service-2"))
events = client.meta.events
for name in ("before-call.s3.PutObject", "before-sign.s3", "docs.*.autoscaling.X.complete", "docs.*.rds-data.X"):
    print(events._alias_event_name(name), [h.__name__ for h in events._emitter._handlers.prefix_search(name)])
for handler in (lambda: 0, lambda **how: 0, dict, print, client.put_object, json.JSONEncoder(), 1):
    try:
        print(events.register("a.b", handler))
    except ValueError:
        print("refused")
print(hashlib.md5(model.encode()).hexdigest(), client.meta.endpoint_url, *client.meta.service_model.operation_names,
      *dir(resource.Bucket("b")), *session.get_available_resources(), *session.get_available_services(),
      *dict.fromkeys(loader.search_paths))
"""
ENDS = {
    "returns": "print('a')",
    "exit": "import sys; print('a'); sys.exit(7)",
    "exit-text": "import sys; sys.exit('a text')",
    "exit-none": "raise SystemExit",
    "raises": "def f():\n    raise ValueError('räume')\nf()",
    "raises-from": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('a') from error",
    "raises-in-a-library": "import json\njson.loads('{')",
    "syntax": "def f(:\n    pass",
    "interrupted": "raise KeyboardInterrupt",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "killed": "import os; print('lost'); os.kill(os.getpid(), 9)",
    "ctrl-c": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "at-once": "import os, sys; sys.stdout.write('never written'); os._exit(3)",
    "atexit": "import atexit; atexit.register(print, 'later'); print('first'); raise SystemExit(2)",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('last'))).start()",
    "thread-raises": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\nt.start()\nt.join()",
    "unflushed": "import sys; sys.stdout.write('no newline'); sys.stderr.write('neither')",
    "closed-stdout": "import os; print('a'); os.close(1)",
    "hook": "import sys; sys.excepthook = lambda *a: print('mine', a[0].__name__); 1 / 0",
    "warns": "import warnings; warnings.warn('a'); warnings.warn('b', DeprecationWarning)",
    "waste": "open(__file__); print('a')",
    "pool": "from concurrent.futures import ThreadPoolExecutor as T\nprint(*T(2).map(abs, [-1, -2]))",
    "loop": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 3\nprint(asyncio.run(f()))",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: 'int'\nprint(A(1), A.__module__)",
    "finalizer": "class A:\n    def __del__(self):\n        print('gone', flush=True)\na = A()\na.me = a",
    "finalizer-of-a-module": (
        "from pathlib import Path; import sys\n"
        "Path('mine.py').write_text('class A:\\n def __del__(s): print(__name__, flush=True)\\na = A()\\na.me = a')\n"
        "import mine; sys.exit(5)"
    ),
    "daemon": "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start(); print('a')",
    "exit-true": "import sys; print('a'); sys.exit(True)",
    "exit-negative": "import sys; sys.exit(-2)",
    "exit-large": "import sys; sys.exit(256 + 7)",
    "replaced-stdout": "import io, sys; print('a', end=''); sys.stdout = io.StringIO(); print('b')",
    "no-stdout": "import sys; print('a'); sys.stdout = None",
    "sibling": "import backends, settings; print(backends.__file__, settings.BASE_DIR)",
}  # fmt: skip


@pytest.fixture(name="nowhere")
def make_nowhere(tmp_path: Path) -> Project:
    """A project that talks to no server."""
    server = Server(kind="moto", endpoint_url="http://127.0.0.1:9", access_key="a", secret_key="b")
    return Project(tmp_path / "project", server, "bucket")


def both(project: Project, program: str, *args: str, **how: Any) -> tuple[Result, Result]:
    """What a program does that stands in `manage.py`: forked, and fresh."""
    (project.root / "manage.py").write_text(program)
    forked, fresh = project.run(*args, fresh=False, **how), project.run(*args, fresh=True, **how)
    return forked, fresh


def test_forks_are_forks(nowhere: Project) -> None:
    """Were all processes fresh, the other tests here would prove nothing."""
    process = nowhere.start("help")
    assert isinstance(process, zygote.Forked)
    assert 0 == nowhere.finish(process).code
    (nowhere.root / "manage.py").write_text("import sys; print('boto3' in sys.modules)")
    assert "True\n" == nowhere.run().stdout
    assert "False\n" == nowhere.run(fresh=True).stdout
    nowhere.fresh = True
    assert "False\n" == nowhere.run().stdout
    assert "True\n" == nowhere.run(fresh=False).stdout


def test_same_facts(nowhere: Project, tmp_path: Path) -> None:
    """All that a program can ask about itself."""
    said = tmp_path / "said"
    said.write_bytes(b"one\r\ntwo")
    env = {"WORD": "räume \udcff", "AWS_PROFILE": "p", "no_proxy": "x", "S3SYNC_STATE_DIR": None}
    (nowhere.root / "manage.py").write_text(FACTS)
    found = []
    for fresh in (False, True):
        with said.open("rb") as stdin:
            result = nowhere.run("a b", "--ü", env=env, stdin=stdin, fresh=fresh)
        assert (0, "") == (result.code, result.stderr), result
        found.append(result.report)
    forked, fresh = found
    assert fresh == forked
    assert ("one\r\ntwo", "räume \udcff") == (forked["stdin"], forked["env"]["WORD"])


def test_django_is_as_new(nowhere: Project) -> None:
    """It is imported, but nobody has looked at any settings."""
    assert ["", ""] == [result.stderr for result in both(nowhere, DJANGO)]


def test_same_models(nowhere: Project, tmp_path: Path) -> None:
    """What botocore knows of S3 was read by the zygote; what the environment adds is not forgotten for that."""
    forked, fresh = both(nowhere, MODELS)
    assert fresh == forked
    forked, fresh = both(nowhere, MODELS, env={"AWS_DATA_PATH": str(tmp_path / "models")})
    assert fresh == forked
    assert str(tmp_path / "models") in forked.stdout


@pytest.mark.parametrize("name", ENDS)
def test_same_end(nowhere: Project, name: str) -> None:
    """Exit code, both streams, and tracebacks to the letter."""
    forked, fresh = both(nowhere, ENDS[name] + "\n")
    assert fresh == forked


def test_each_has_its_own_chance(nowhere: Project) -> None:
    """Random numbers differ from run to run."""
    (nowhere.root / "manage.py").write_text(
        "import random, secrets, uuid, tempfile, ssl\n"
        "print(random.random(), secrets.token_hex(8), uuid.uuid4(), ssl.RAND_bytes(8).hex(), tempfile.mktemp())"
    )
    words = [nowhere.run().stdout.split() for _ in range(2)]
    assert 10 == len({word for line in words for word in line})


@pytest.mark.parametrize(
    "env",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"TZ": "Asia/Seoul"}, {"HOME": "/nowhere"}, {"PYTHONPATH": None}],
)
def test_what_is_read_at_the_start_makes_a_fresh_one(nowhere: Project, env: dict[str, str | None]) -> None:
    """The zygote was born with other values."""
    process = nowhere.start("--help", env=env)
    assert isinstance(process, subprocess.Popen)
    nowhere.finish(process)


def test_signals(nowhere: Project) -> None:
    """Each of them arrives, and the exit code tells which; what has ended can be signalled in vain."""
    (nowhere.root / "manage.py").write_text("import time; print(1, flush=True); time.sleep(60)")
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        process = nowhere.start()
        assert isinstance(process, zygote.Forked)
        assert process.stdout
        assert b"1\n" == process.stdout.readline()
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.01)
        os.kill(process.pid, 0)
        process.send_signal(number)
        assert -number == nowhere.finish(process).code
        assert (-number, -number) == (process.poll(), process.wait(1))
        process.kill()
        assert not Path(f"/proc/{process.pid}").exists()


def test_signalled_while_another_thread_waits(nowhere: Project) -> None:
    """A proxy's thread ends a process for whose end the test waits: neither takes the descriptors from the other."""
    (nowhere.root / "manage.py").write_text("print(1, flush=True)")

    def signal_it(process: zygote.Forked, failed: list[Exception]) -> None:
        try:
            while process.returncode is None:
                process.send_signal(signal.SIGCONT)
        except Exception as error:  # noqa: BLE001  the test tells of it
            failed.append(error)

    for _ in range(30):
        process, failed = nowhere.start(), []  # type: ignore[var-annotated]
        assert isinstance(process, zygote.Forked)
        thread = threading.Thread(target=signal_it, args=(process, failed))
        with process:
            thread.start()
            assert (b"1\n", b"") == process.communicate(timeout=30)
            thread.join()
        assert (0, []) == (process.returncode, failed)


def test_several_at_a_time(nowhere: Project) -> None:
    """Each has its own streams and its own end, whoever comes first; more output than a pipe holds; input."""
    (nowhere.root / "manage.py").write_text(
        "import sys; said = sys.stdin.read(); print(said * 50_000, file=sys.stderr); sys.exit(int(said))"
    )
    processes = [nowhere.start(stdin=subprocess.PIPE) for _ in range(4)]
    for number, process in reversed(list(enumerate(processes))):
        assert process.stdin
        process.stdin.write(b"%d" % number)
        stdout, stderr = process.communicate(timeout=30)
        assert (number, b"", b"%d" % number * 50_000 + b"\n") == (process.returncode, stdout, stderr)


WORKER = """\
import os, sys, signal
from pathlib import Path
from tests import zygote
from tests.project import Project
from tests.servers import Server

project = Project(Path(sys.argv[1]), Server(kind="moto", endpoint_url="", access_key="", secret_key=""), "b")
(project.root / "manage.py").write_text("import os, time; print(os.getpid(), os.getppid(), flush=True); time.sleep(60)")
print(project.start().stdout.readline().decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_ends_with_its_worker(tmp_path: Path) -> None:
    """A pytest that is killed leaves neither a zygote nor what came of it."""
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(tmp_path)], env={**os.environ, "PYTHONPATH": root}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert -signal.SIGKILL == done.returncode, done.stderr
    numbers = [int(word) for word in done.stdout.split()]
    assert 2 == len(numbers)
    end = time.monotonic() + 20
    while any(running(number) for number in numbers):
        assert time.monotonic() < end
        time.sleep(0.05)


def running(number: int) -> bool:
    """Whether a process is there and no zombie, which is for its parent to remove."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_zygote_that_can_not_start_says_why(tmp_path: Path) -> None:
    """With what Python had to say."""
    found = zygote.Zygote({**os.environ, "PYTHONHOME": "/nowhere"})
    with pytest.raises(RuntimeError, match=r"(?s)The zygote has ended.*encodings"):
        found.fork(
            ["manage.py"], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    found.stop()
