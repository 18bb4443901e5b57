"""`manage.py collectstatic`: Django's own to the letter without `--s3`, and with it what may be asked for and when."""

from __future__ import annotations

import os
import pty
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.project import Project, Result, s3_options
from tests.proxy import Proxy
from tests.servers import ON_MOTO, Server

S3_STATIC = "storages.backends.s3.S3StaticStorage"
MANIFEST = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
NOT_THE_SAME = re.compile(r'  File "[^"]*/s3sync/management/[^\n]*\n(    [^\n]*\n)+| at 0x[0-9a-f]+')
"""In tracebacks: our frames, and addresses of objects."""
QUESTION = "Type 'yes' to continue, or 'no' to cancel: "
BY_SETTING = 'S3SYNC = {"COLLECTSTATIC": "s3"}'


@pytest.fixture(name="local")
def make_local(tmp_path: Path) -> Project:
    """A project with some static files and no server: whoever asks one here fails."""
    nowhere = Server(kind="moto", endpoint_url="http://127.0.0.1:9", access_key="a", secret_key="b")
    project = Project(tmp_path / "project", nowhere, "nowhere")
    fill(project)
    return project


def fill(project: Project) -> None:
    """Some static files."""
    files = {
        "assets/css/a.css": "a { background: url(../img/i.png) }", "assets/img/i.png": "i", "assets/js/x.js": "x",
        "assets/.hidden": "h", "more/js/x.js": "another", "more/m.txt": "m",
    }  # fmt: skip
    for name, content in files.items():
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text(content)


def to_s3(project: Project, settings: str = "", **options: Any) -> None:
    """Put the static files on S3, under static/."""
    options = s3_options(project.server, project.bucket, location="static", **options)
    project.configure(storages={"staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": options}}, settings=settings)


@contextmanager
def typing(text: str) -> Iterator[int]:
    """A terminal on which somebody has typed this already."""
    ours, theirs = pty.openpty()
    os.write(ours, text.encode())
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


# Django's own


def run_on(project: Project, app: str, args: list[str], **how: Any) -> list[object]:
    """What `collectstatic` says and leaves in STATIC_ROOT, where `app` comes first; with -v 2 also a second time."""
    project.configure(
        settings=f"INSTALLED_APPS = [{app} 'django.contrib.staticfiles']\n"
        "STATICFILES_DIRS = [BASE_DIR / 'assets', BASE_DIR / 'more']",
        **how,
    )
    root = project.root / "static_root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    (root / "old.txt").write_text("old")
    seen: list[object] = []
    for _ in range(2 if "2" in args else 1):
        (project.root / "answer").write_text("no\n")
        with open(project.root / "answer", "rb") as answer:
            done = project.run("collectstatic", *args, stdin=answer)
        seen += [done.code, done.stdout, NOT_THE_SAME.sub("", done.stderr), tree(root)]
    return seen


def tree(root: Path) -> dict[str, object]:
    """Name -> where a link leads, or content."""
    files = sorted(path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return {str(f.relative_to(root)): os.readlink(f) if f.is_symlink() else f.read_bytes() for f in files}


@pytest.mark.parametrize(
    "args",
    [
        "--noinput", "--noinput -n", "--noinput -v 2", "--noinput --clear -v 2", "--noinput -c --dry-run -v 3",
        "--noinput -i *.css -v 0", "--no-input --no-default-ignore --ignore js", "--noinput --link -v 2",
        "--noi --l --dry --i *.js --c", "", "--clear -v 2", "--noinput --nonsense",
    ],
)  # fmt: skip
def test_same_as_djangos(local: Project, args: str) -> None:
    """Output, errors, exit code and tree: nobody has to learn that the command is another one."""
    theirs = run_on(local, "", args.split())

    if "--nonsense" in args:  # the usage above the error names our options
        ours = run_on(local, "'s3sync',", args.split())
        assert (theirs[0], str(theirs[2]).splitlines()[-1]) == (ours[0], str(ours[2]).splitlines()[-1])
    else:
        assert theirs == run_on(local, "'s3sync',", args.split())


@pytest.mark.parametrize(
    ("args", "missing", "code"),
    [
        ("--noinput -v 2", False, 0), ("--noinput", True, 1), ("--noinput -n", True, 0),
        ("--noinput --no-post-process", True, 0),
    ],
)  # fmt: skip
def test_same_as_djangos_with_a_manifest(local: Project, args: str, missing: bool, code: int) -> None:
    """collectstatic with hashed names, also where a stylesheet refers to nothing and Django gives up"""
    if missing:
        (local.assets / "css" / "b.css").write_text("b { background: url(none.png) }")
    theirs = run_on(local, "", args.split(), storages=MANIFEST)

    assert code == theirs[0]
    assert theirs == run_on(local, "'s3sync',", args.split(), storages=MANIFEST)


def test_djangos_costs_what_it_costs(local: Project) -> None:
    """A project that has nothing on S3 yet loads neither boto3 nor what works with it."""
    local.configure(
        settings="import atexit, sys\natexit.register(lambda: print(sorted({'boto3', 'storages', 's3sync.sync',"
        " 's3sync.conf'} & sys.modules.keys())))"
    )

    done = local.run("collectstatic", "--noinput", fresh=True)

    assert (0, "['s3sync.conf']") == (done.code, done.stdout.splitlines()[-1]), done


def test_broken_settings_that_it_does_not_need(local: Project) -> None:
    """collectstatic: a project's media must not stand in the way of its static files"""
    local.configure(settings="S3SYNC = {'ENGINE': 'fats', 'COLLECTSTATIC': 'django'}")

    done = local.run("collectstatic", "--noinput")

    assert 0 == done.code, done
    assert "3 static files copied" in done.stdout


def test_project_without_static_files(local: Project) -> None:
    """INSTALLED_APPS without django.contrib.staticfiles"""
    local.configure(settings="INSTALLED_APPS = ['s3sync']")

    for args in (["--noinput"], ["--noinput", "--s3"]):
        done = local.run("collectstatic", *args)
        assert (1, "") == (done.code, done.stdout), done
        assert "django.contrib.staticfiles is not in INSTALLED_APPS" in done.stderr
        assert "Traceback" not in done.stderr


# What goes with what


@pytest.mark.parametrize(
    "args",
    [
        "--storage x", "--check", "--exclude x", "--include x", "--prefix x", "-w 3", "--engine fast", "--format json",
        "-o x", "--progress", "--no-progress", "--lock none", "--max-duration 5m", "--max-errors 3", "--fail-fast",
        "--css-urls off", "--css-missing error", "--manifest-to x", "--build x", "--from x", "--prune", "--keep-days 3",
        "--keep-manifests 3", "--max-delete 3", "--allow-secret x", "--check-metadata", "--fix-metadata", "--verify",
        "--verify-css", "--no-s3 --prune",
    ],
)  # fmt: skip
def test_our_options_need_s3(args: str) -> None:
    """What would have no effect is not taken in silence."""
    with pytest.raises(CommandError, match=r"^only with --s3: --") as refused:
        call_command("collectstatic", "--noinput", *args.split())

    assert 2 == refused.value.returncode


def test_our_options_need_s3_on_the_command_line(local: Project) -> None:
    """collectstatic --css-urls inline --prune, and nothing is touched"""
    done = local.run("collectstatic", "--noinput", "--css-urls", "inline", "--prune")

    assert (2, "", "error: only with --s3: --css-urls, --prune\n") == (done.code, done.stdout, done.stderr)
    assert not (local.root / "static_root").exists()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ("--link", "--link and --s3"), ("--build x --from y", "--build and --from"), ("--build x --prune", "--prune"),
        ("--build x --clear", "--clear"), ("--build x --check", "--check"), ("--build x --verify", "--verify"),
        ("--build x --verify-css", "--verify-css"), ("--build x --check-metadata", "--check-metadata"),
        ("--build x --fix-metadata", "--fix-metadata"), ("--clear --include x", "--clear and --include"),
        ("--prune --include x", "--prune and --include"), ("--prune --prefix x", "--prune and --prefix"),
        ("--lock=", "--lock is empty"), ("--keep-days -1", "--keep-days"),
        ("--keep-manifests 0", "--keep-manifests"), ("--max-delete x", "--max-delete"),
        ("--css-urls signed", "--css-urls"), ("--workers 0", "--workers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["collectstatic", "s3_collectstatic"])
def test_contradictions(command: str, args: str, named: str) -> None:
    """collectstatic --s3: what can't be meant is refused before anything is asked or done"""
    with pytest.raises(CommandError) as refused:
        call_command(command, "--s3", *args.split())

    assert named in str(refused.value)
    assert 2 == refused.value.returncode or str(refused.value).startswith("Error: argument")


@pytest.mark.parametrize("args", [["--link"], ["--build", ""], ["--from", ""], ["--manifest-to", ""]])
def test_contradictions_on_the_command_line(local: Project, args: list[str]) -> None:
    """collectstatic --s3 --build "$UNSET" would fill the current folder"""
    done = local.run("collectstatic", "--s3", "--noinput", *args)

    assert (2, "") == (done.code, done.stdout), done
    assert args[0] in done.stderr.splitlines()[-1]


def test_alias_has_no_way_back(local: Project) -> None:
    """s3_collectstatic --no-s3"""
    done = local.run("s3_collectstatic", "--no-s3")

    assert (2, "error: --no-s3 makes no sense here: use collectstatic\n") == (done.code, done.stderr), done


# The question


@pytest.mark.parametrize("command", [["collectstatic", "--s3"], ["s3_collectstatic"]], ids="-".join)
def test_nobody_to_ask(local: Project, command: list[str]) -> None:
    """In a script a question would wait for ever, or end in a traceback; the words to add are said instead."""
    done = local.run(*command)

    assert (1, "") == (done.code, done.stdout), done
    assert "Nothing was done" in done.stderr
    assert "--no-input" in done.stderr
    done = local.run(*command, "--format", "json")
    assert (1, "NoInput", command[0]) == (done.code, done.report["error"]["code"], done.report["command"]), done


def test_standard_input_that_is_closed(local: Project) -> None:
    """collectstatic --s3 <&-, as some schedulers start it"""
    program = "import os, sys; os.close(0); sys.stdin = None; sys.argv = ['manage.py', 'collectstatic', '--s3']\n"
    (local.root / "closed.py").write_text(program + (local.root / "manage.py").read_text())
    (local.root / "manage.py").write_text((local.root / "closed.py").read_text())

    done = local.run()

    assert 1 == done.code, done
    assert "no terminal" in done.stderr


@pytest.mark.parametrize("answer", ["no\n", "\n", "y\n", "\x04"])
def test_any_answer_but_yes(local: Project, answer: str) -> None:
    """collectstatic --s3 on a terminal: only `yes` is yes, as with Django's"""
    with typing(answer) as terminal:
        done = local.run("collectstatic", "--s3", stdin=terminal)

    assert (1, "Collecting static files cancelled.\n") == (done.code, done.stderr), done
    assert "location as specified in your settings:\n\n    the storage 'staticfiles'\n\n" in done.stdout
    assert done.stdout.endswith(f"This will overwrite existing files!\nAre you sure you want to do this?\n\n{QUESTION}")


def test_question_before_clear(local: Project) -> None:
    """collectstatic --s3 --clear --storage: what is lost, and where"""
    with typing("no\n") as terminal:
        done = local.run("collectstatic", "--s3", "--clear", "--storage", "assets", stdin=terminal)

    assert 1 == done.code, done
    assert "the storage 'assets'" in done.stdout
    assert "After the upload it will DELETE ALL FILES in this location that are not in this collection!" in done.stdout


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_question_beside_a_report(local: Project, form: str) -> None:
    """collectstatic --s3 --format json > FILE: standard output is for the report alone"""
    with typing("no\n") as terminal:
        done = local.run("collectstatic", "--s3", "--format", form, stdin=terminal)

    assert (1, "Cancelled") == (done.code, done.report["error"]["code"]), done
    assert done.stderr.startswith("\nYou have requested")
    assert QUESTION in done.stderr


# The setting


def test_broken_setting(local: Project) -> None:
    """S3SYNC["COLLECTSTATIC"] misspelt: nobody can tell which way is meant"""
    local.configure(settings="S3SYNC = {'COLLECTSTATIC': 'S4'}")

    done = local.run("collectstatic", "--noinput")
    assert (1, "") == (done.code, done.stdout), done
    assert "S3SYNC['COLLECTSTATIC'] is 'S4'" in done.stderr
    assert "Traceback" not in done.stderr
    done = local.run("collectstatic", "--noinput", "--format", "json")
    assert (1, "ConfigurationError") == (done.code, done.report["error"]["code"]), done
    assert 0 == local.run("collectstatic", "--noinput", "--no-s3").code


def test_no_s3_over_the_setting(local: Project) -> None:
    """collectstatic --no-s3, where the setting says s3"""
    local.configure(settings=BY_SETTING)

    done = local.run("collectstatic", "--noinput", "--no-s3")

    assert 0 == done.code, done
    assert "3 static files copied" in done.stdout


# On S3


@pytest.fixture(name="on_s3")
def make_on_s3(project: Project, proxy: Proxy) -> Project:
    """A project whose static files belong on S3."""
    project.configure(server=proxy.server)
    fill(project)
    to_s3(project)
    return project


def keys(s3: Any, bucket: str) -> list[str]:
    """What is there to see."""
    found = (entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ()))
    return [key for key in found if not key.startswith("static/.s3sync/")]


PUSHED = ["static/css/a.css", "static/img/i.png", "static/js/x.js"]


@ON_MOTO
@pytest.mark.parametrize("answer", ["yes\n", "no\n"])
def test_answer(on_s3: Project, proxy: Proxy, s3: Any, answer: str) -> None:
    """collectstatic --s3 on a terminal"""
    with typing(answer) as terminal:
        done = on_s3.run("collectstatic", "--s3", stdin=terminal)

    assert ("yes" not in answer) == done.code, done
    assert QUESTION in done.stdout
    assert (PUSHED if "yes" in answer else []) == keys(s3, on_s3.bucket)
    assert bool(proxy.count()) == ("yes" in answer)


@ON_MOTO
@pytest.mark.parametrize("command", [["collectstatic", "--s3"], ["s3_collectstatic", "--s3"]])
def test_report_says_which_command(on_s3: Project, s3: Any, command: list[str]) -> None:
    """s3_collectstatic is collectstatic --s3 by another name"""
    done = on_s3.run(*command, "--noinput", "--format", "json")

    assert 0 == done.code, done
    assert (command[0], "staticfiles") == (done.report["command"], done.report["target"]["alias"])
    assert PUSHED == keys(s3, on_s3.bucket)


@ON_MOTO
@pytest.mark.parametrize("args", [["-n"], ["--check"], ["--build", "built"]], ids=lambda args: str(args[0]))
def test_no_question_where_nothing_is_sent(on_s3: Project, s3: Any, args: list[str]) -> None:
    """collectstatic --s3 without --no-input"""
    done = on_s3.run("collectstatic", "--s3", *args)

    assert (3 if "--check" in args else 0) == done.code, done
    assert QUESTION not in done.stdout
    assert [] == keys(s3, on_s3.bucket)
    assert ("--build" in args) == (on_s3.root / "built").exists()


@ON_MOTO
def test_setting_says_so_first(on_s3: Project, s3: Any) -> None:
    """S3SYNC["COLLECTSTATIC"] = "s3": whoever reads a platform's log sees why nothing went to STATIC_ROOT"""
    to_s3(on_s3, BY_SETTING)

    quiet = on_s3.run("collectstatic", "--noinput", "-v", "0")
    loud = on_s3.run("collectstatic", "--noinput")
    machine = on_s3.run("collectstatic", "--noinput", "--format", "json")

    assert (0, "") == (quiet.code, quiet.stdout), quiet
    assert 0 == loud.code, loud
    assert loud.stdout.startswith("S3SYNC['COLLECTSTATIC'] is 's3', so this is collectstatic --s3")
    assert 0 == machine.code, machine
    assert 3 == machine.counts["unchanged"]
    assert PUSHED == keys(s3, on_s3.bucket)


@ON_MOTO
def test_both_names_for_ignored_files(on_s3: Project, s3: Any) -> None:
    """collectstatic --s3 -i js --exclude '*.png' --no-default-ignore --allow-secret .hidden"""
    options = ["-i", "js", "--exclude", "*.png", "--no-default-ignore", "--allow-secret", ".hidden"]
    done = on_s3.run("collectstatic", "--s3", "--noinput", *options)

    assert 0 == done.code, done
    assert ["static/.hidden", "static/css/a.css"] == keys(s3, on_s3.bucket)


# Findings


def lines_of(text: str, code: str) -> list[str]:
    """The findings of a kind, as they stand in the output."""
    return [line for line in text.splitlines() if line.endswith(f"[{code}]")]


def break_css(project: Project, count: int) -> None:
    """A stylesheet with that many references to nothing, each on a line of its own."""
    lines = (f"\nb{number} {{ background: url(n{number}.png) }}" for number in range(count))
    (project.assets / "css" / "b.css").write_text("".join(lines))


@pytest.mark.parametrize("command", ["collectstatic", "s3_lint_css"])
def test_findings_at_their_place(local: Project, command: str) -> None:
    """As compilers and linters write it, so that editors lead there"""
    to_s3(local)
    break_css(local, 12)
    options = {"collectstatic": ["--s3", "--build", "built"], "s3_lint_css": []}[command]

    def lines(*args: str) -> tuple[list[str], Result]:
        shutil.rmtree(local.root / "built", ignore_errors=True)
        done = local.run(command, *options, *args)
        return lines_of(done.stdout if command == "s3_lint_css" else done.stderr, "css-missing"), done

    found, done = lines()
    assert (12 if command == "s3_lint_css" else 10) == len(found), done
    assert re.fullmatch(r"css/b\.css:2:\d+: (error|warning): .+ \[css-missing\]", found[0])
    assert ("and 2 more [css-missing]; -v 2 names them\n" in done.stderr) == (command == "collectstatic")
    found, done = lines("-v", "2")
    assert 12 == len(found), done
    assert " more [css-missing]" not in done.stderr


def test_lint_with_errors(local: Project) -> None:
    """s3_lint_css for a pipeline: exit 3, the lines on standard output, a summary at the end"""
    to_s3(local, "S3SYNC = {'CSS': {'MISSING': 'error'}}")
    break_css(local, 2)

    done = local.run("s3_lint_css")

    assert (3, "") == (done.code, done.stderr), done
    *found, summary = done.stdout.splitlines()
    assert found == lines_of(done.stdout, "css-missing")
    assert re.fullmatch(r"staticfiles: 2 stylesheets: 2 errors; \d+\.\d s \[differences, exit 3\]", summary)
    assert 0 == local.run("s3_lint_css", "-i", "b.css").code


def test_lint_for_machines(local: Project) -> None:
    """s3_lint_css --format json -o FILE"""
    to_s3(local)
    break_css(local, 1)

    done = local.run("s3_lint_css", "--format", "json")
    into_file = local.run("s3_lint_css", "--format", "json", "-o", "lint.json")

    assert "" == done.stderr
    assert ("s3_lint_css", done.code) == (done.report["command"], done.report["exit_code"])
    (finding,) = done.report["findings"]
    assert ("css-missing", "css/b.css", 2) == (finding["id"], finding["name"], finding["line"])
    assert finding["col"] > 1
    assert (done.code, "") == (into_file.code, into_file.stdout)
    assert '"css-missing"' in (local.root / "lint.json").read_text()


def test_lint_without_findings(local: Project) -> None:
    """s3_lint_css: exit 0 and a line, or none with -v 0; an alias that is not on S3 can't be judged"""
    to_s3(local)
    runs: list[Callable[[], Result]] = [
        lambda: local.run("s3_lint_css"), lambda: local.run("s3_lint_css", "-v", "0"),
        lambda: local.run("s3_lint_css", "--storage", "nope"),
    ]  # fmt: skip

    loud, quiet, wrong = (run() for run in runs)

    assert (0, 1) == (loud.code, len(loud.stdout.splitlines())), loud
    assert "1 stylesheet: nothing found" in loud.stdout
    assert (0, "", "") == (quiet.code, quiet.stdout, quiet.stderr)
    assert 1 == wrong.code
    assert "'nope'" in wrong.stderr
