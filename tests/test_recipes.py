"""The files under docs/recipes: run as far as that goes without cron, systemd and the rest; and shown as they are.

Each command starts from nothing, which takes a second: by default some are run and all are parsed; a soak runs all.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

import s3sync
from s3sync.core import metrics
from s3sync.core.report import BUDGET, DIFFERENCES, FAILED, HELD_BACK, LOCKED, NOT_STARTED, UNDECIDED, USAGE
from tests.project import S3_MANIFEST, Project
from tests.proxy import Proxy
from tests.servers import ON_MOTO
from tests.soak import IN_SOAK, SOAK
from tests.test_push import listed

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "docs" / "recipes"
SHOWN = re.compile(r"(<!-- file: (?P<path>\S+) -->\n```\w+\n)(?P<text>.*?)```\n", re.DOTALL)
INTERRUPTED = {130, 143}
BAD = {NOT_STARTED, USAGE, DIFFERENCES, HELD_BACK, UNDECIDED}
PASSING = {LOCKED, BUDGET}


def recipe(name: str) -> str:
    return (RECIPES / name).read_text()


class Host:
    """A machine as the recipes take it to be, in a folder: its paths are put before each of theirs."""

    def __init__(self, project: Project) -> None:
        self.root = project.root.parent / "host"
        self.site = self.root / "srv" / "acme"
        self.state = self.root / "var" / "lib" / "s3sync"
        self.metrics = self.root / "var" / "lib" / "node_exporter"
        for folder in (self.site.parent, self.state, self.metrics, self.root / "bin"):
            folder.mkdir(parents=True)
        self.site.symlink_to(project.root)
        python = f'#!/bin/sh\nPYTHONPATH={Path(s3sync.__file__).parents[1]} exec {sys.executable} "$@"\n'
        for place in (project.root / ".venv" / "bin" / "python", self.root / "bin" / "python"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(python)
            place.chmod(0o755)

    def here(self, text: str) -> str:
        """What is written for the machine, for this one."""
        return re.sub(r"(?<![\w.])/(srv|var/lib)/", rf"{self.root}/\1/", text)

    def run(self, command: str, *, shell: str = "/bin/sh", cwd: Path | None = None,
            **env: str) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """As cron would: a shell, next to no environment, no standard input."""
        own = {"PATH": f"{self.root}/bin:/usr/bin:/bin", "SHELL": shell, "LOGNAME": "acme", "HOME": str(self.root)}
        flags = ["-e"] if shell.endswith("bash") else []
        return subprocess.run(
            [shell, *flags, "-c", self.here(command)], env=own | env, cwd=cwd or self.root, text=True, timeout=120,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip


@pytest.fixture(name="host")
def make_host(project: Project) -> Host:
    """With the project at /srv/acme."""
    return Host(project)


def test_every_recipe_is_shown_as_it_is() -> None:
    """A document whose files nobody tests would rot; so would one that shows others. S3SYNC_WRITE_DOCS=1 writes it."""
    path = ROOT / "docs" / "operations.md"
    text = path.read_text()
    if os.environ.get("S3SYNC_WRITE_DOCS"):
        text = SHOWN.sub(lambda found: f"{found[1]}{(ROOT / 'docs' / found['path']).read_text()}```\n", text)
        path.write_text(text)
    shown = {found["path"]: found["text"] for found in SHOWN.finditer(text)}

    assert {f"recipes/{entry}" for entry in os.listdir(RECIPES)} == shown.keys()
    for name, content in shown.items():
        assert (ROOT / "docs" / name).read_text() == content


def crontab() -> tuple[dict[str, str], list[str]]:
    """The variables and the commands."""
    variables, commands = {}, []
    for line in recipe("crontab").splitlines():
        if name := re.match(r"(\w+)=(.*)", line):
            variables[name[1]] = name[2]
        elif line and not line.startswith("#"):
            commands.append(re.sub(r"^(\S+ ){5}", "", line))
    return variables, commands


@ON_MOTO
def test_crontab(project: Project, host: Host, s3: Any, bucket: str) -> None:
    """Each line, as cron runs it: silent while all is well, and also while another run is at work"""
    project.write("a.txt", b"one", age=60)
    variables, (push, verify) = crontab()
    variables = {name: host.here(value) for name, value in variables.items()}

    assert "%" not in push + verify  # a line end to cron
    first = host.run(push, **variables)
    assert (0, "", "") == (first.returncode, first.stdout, first.stderr)
    assert {"media/a.txt"} == listed(s3, bucket).keys()
    assert ["acme_media.prom"] == os.listdir(host.metrics)
    assert any(host.state.iterdir())
    if not SOAK:
        return
    verified = host.run(verify, **variables)
    assert (0, "", "") == (verified.returncode, verified.stdout, verified.stderr)

    (lock,) = host.state.glob("*.lock")
    with lock.open("w") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        second = host.run(push, **variables)
    assert (LOCKED, "", "") == (second.returncode, second.stdout, second.stderr)

    project.configure(bucket="no-such-bucket-here")
    failed = host.run(push, **variables)
    assert (NOT_STARTED, "") == (failed.returncode, failed.stdout)
    assert "no-such-bucket-here" in failed.stderr


def unit(name: str) -> configparser.ConfigParser:
    """A unit file; its keys as they are written."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(recipe(name))
    return parser


@IN_SOAK
@ON_MOTO
def test_systemd_service(project: Project, host: Host, s3: Any, bucket: str) -> None:
    """Its command in its folder, with its environment"""
    project.write("a.txt", b"one", age=60)
    service = unit("s3sync.service")["Service"]
    name, _, value = service["Environment"].partition("=")

    done = host.run("exec " + service["ExecStart"], cwd=host.site.resolve(), **{name: host.here(value)})

    assert 0 == done.returncode, done
    assert {"media/a.txt"} == listed(s3, bucket).keys()


def test_systemd_knows_our_exit_codes() -> None:
    """Another run, the time is up, somebody has stopped it: no failures; and it may write where it has to"""
    service, timer = unit("s3sync.service")["Service"], unit("s3sync.timer")

    assert f"S3SYNC_STATE_DIR=/var/lib/{service['StateDirectory']}" == service["Environment"]
    assert {*PASSING, 143} == {int(code) for code in service["SuccessExitStatus"].split()}
    metrics_folder = os.path.dirname(service["ExecStart"].split()[-1])
    assert metrics_folder == service["ReadWritePaths"]
    assert "*:0/10" == timer["Timer"]["OnCalendar"]
    assert "timers.target" == timer["Install"]["WantedBy"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """systemd-analyze verify finds no key that it does not know"""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    for name in ("s3sync.service", "s3sync.timer"):
        text = re.sub(r"(?m)^(User=).*", r"\1root", recipe(name))
        text = re.sub(r"/srv/acme/\.venv/bin/python", "/bin/true", text).replace("/srv/acme", "/")
        (tmp_path / name).write_text(text)
    units = [str(tmp_path / name) for name in ("s3sync.service", "s3sync.timer")]
    done = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
    if "Failed to initialize" in done.stderr:
        pytest.skip(done.stderr)

    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "s3sync." in line]
    assert ([], 0) == (said, done.returncode)


def cronjob() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The job's spec, its pod's, and the container's."""
    job = yaml.safe_load(recipe("cronjob.yaml"))["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    return job, pod, container


def test_cronjob_knows_our_exit_codes() -> None:
    """Each code that is no success has one rule; what a retry mends is tried again, what people mend is not"""
    job, pod, container = cronjob()
    rules = [rule for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]

    assert {container["name"]} == {rule["onExitCodes"]["containerName"] for rule in rules}
    assert {"FailJob": BAD, "Count": {FAILED, *PASSING, *INTERRUPTED}} == {
        rule["action"]: set(rule["onExitCodes"]["values"]) for rule in rules
    }
    assert "Never" == pod["restartPolicy"]  # a pod failure policy asks for that
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert volumes == {mount["name"] for mount in container["volumeMounts"]}
    table = re.findall(r"^\| ([\d, ]+) \| ", (ROOT / "README.md").read_text(), re.MULTILINE)
    codes = {int(code) for row in table for code in row.split(",")}
    assert codes - {0} == BAD | PASSING | INTERRUPTED | {FAILED}


@ON_MOTO
def test_cronjob(project: Project, host: Host, s3: Any, bucket: str) -> None:
    """The container's command by its user, who has no name, on a tree that nobody can write to"""
    if os.geteuid() or not (shutil.which("setpriv") and shutil.which("unshare")):
        pytest.skip("only root, with setpriv and unshare, can be another user on a read-only tree")
    project.write("a.txt", b"one", age=60)
    _, pod, container = cronjob()
    user, env = pod["securityContext"]["runAsUser"], {each["name"]: each["value"] for each in container["env"]}
    places = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    writable = [place for place, mount in places.items() if not mount.get("readOnly")]
    tmp = host.root / "tmp"
    tmp.mkdir()
    folders = [str(tmp) if place == "/tmp" else host.here(place + "/").rstrip("/") for place in writable]
    for folder in folders:
        os.chown(folder, user, user)
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert env["S3SYNC_STATE_DIR"] in writable
    mounts = " && ".join(f"mount --bind {shlex.quote(folder)} {shlex.quote(folder)}" for folder in folders)
    probe = subprocess.run(["unshare", "--mount", "sh", "-c", f"{mounts} && mount -o remount,ro,bind /"],
                           capture_output=True, text=True, timeout=60)  # fmt: skip
    if probe.returncode:
        pytest.skip(f"mounts can't be changed here: {probe.stderr}")
    # The right to read, since the interpreter may lie in somebody's home; none to write.
    as_user = (
        f"setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs "
        "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    )
    command = f"{mounts} && mount -o remount,ro,bind / && exec {as_user} {shlex.join(container['command'])}"

    def run() -> subprocess.CompletedProcess[str]:
        variables = {name: host.here(value + "/").rstrip("/") for name, value in env.items()}
        own = {"PATH": f"{host.root}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": str(tmp)}
        return subprocess.run(["unshare", "--mount", "sh", "-c", command], env=own | variables, text=True,
                              cwd=host.site.resolve(), timeout=120, capture_output=True,
                              stdin=subprocess.DEVNULL)  # fmt: skip

    first = run()
    assert (0, "") == (first.returncode, first.stderr), first
    assert {"media/a.txt": b"one"} == listed(s3, bucket)
    assert '"uploaded": 1' in first.stdout
    assert {user} == {entry.stat().st_uid for entry in host.state.iterdir()}
    assert [] == list(project.root.rglob("__pycache__"))
    if SOAK:
        assert '"unchanged": 1' in run().stdout


@pytest.fixture(name="static_host")
def make_static_host(project: Project) -> Host:
    """With hashed static files on S3."""
    project.configure_static(S3_MANIFEST)
    project.asset("css/a.css", "body{background:url(../img/b.png)}")
    project.asset("img/b.png", b"png")
    return Host(project)


@ON_MOTO
def test_image_and_release(project: Project, static_host: Host, proxy: Proxy, s3: Any, bucket: str) -> None:
    """The Dockerfile's command without network; release.sh, twice"""
    project.configure_static(S3_MANIFEST, endpoint_url="http://127.0.0.1:9", access_key=None, secret_key=None)
    commands = [line[4:] for line in recipe("Dockerfile").splitlines() if line.startswith("RUN ")]
    installs = [command for command in commands if command.startswith("pip ")]
    (build,) = (command for command in commands if command not in installs)
    here = static_host.site.resolve()
    built = static_host.run(build, cwd=here)
    assert 0 == built.returncode, built
    tree = static_host.root / "srv" / "static"
    assert "staticfiles.json" in os.listdir(tree)
    if not SOAK:
        return

    project.configure_static(S3_MANIFEST, endpoint_url=proxy.server.endpoint_url)
    script = recipe("release.sh")
    assert script.startswith("#!/bin/sh\n")
    assert (RECIPES / "release.sh").stat().st_mode & stat.S_IXUSR
    released = static_host.run(script, cwd=here)
    assert 0 == released.returncode, released
    assert {name for name in listed(s3, bucket) if ".s3sync" not in name} == {
        f"static/{path.relative_to(tree)}" for path in tree.rglob("*") if path.is_file() and ".s3sync" not in str(path)
    }
    proxy.clear()
    assert 0 == static_host.run(script, cwd=here).returncode
    assert 0 == proxy.count()["PutObject"]


@IN_SOAK
@ON_MOTO
def test_procfile(project: Project, static_host: Host, s3: Any, bucket: str) -> None:
    """Its release line"""
    (release,) = re.findall(r"^release: (.*)$", recipe("Procfile"), re.MULTILINE)

    done = static_host.run(release, cwd=static_host.site.resolve())

    assert 0 == done.returncode, done
    assert "static/staticfiles.json" in listed(s3, bucket)


@IN_SOAK
@ON_MOTO
def test_github_actions(project: Project, static_host: Host, s3: Any, bucket: str) -> None:
    """Every run line in its order, by the shell that a runner has; and once more where a stylesheet is wrong"""
    steps = yaml.safe_load(recipe("github-actions.yml"))["jobs"]["push"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    installs = [run for run in runs if "pip install" in run]
    check, push, tell = (run for run in runs if run not in installs)
    summary, here = static_host.root / "summary", static_host.site.resolve()
    bash = shutil.which("bash") or "/bin/bash"
    for run in (check, push, tell):
        assert "${{" not in run
        done = static_host.run(run, shell=bash, cwd=here, GITHUB_STEP_SUMMARY=str(summary))
        assert 0 == done.returncode, done
    assert '"uploaded": 6' in summary.read_text()
    assert "static/staticfiles.json" in listed(s3, bucket)

    project.asset("css/a.css", "body{background:url(../img/none.png)}")
    assert 3 == static_host.run(check, shell=bash, cwd=here).returncode
    (artifact,) = (step for step in steps if "upload-artifact" in step.get("uses", ""))
    assert artifact["with"]["path"] in os.listdir(here)


def commands() -> list[str]:
    """Every `manage.py` line of the recipes."""
    lines = [re.sub(r"\\\n\s*", " ", recipe(name)) for name in os.listdir(RECIPES) if name != "cronjob.yaml"]
    found = re.findall(r"python manage\.py ([^\n&|;>]+)", "\n".join(lines))
    return [*found, shlex.join(cronjob()[2]["command"][2:])]


@pytest.mark.parametrize("command", commands())
def test_every_option_is_known(command: str) -> None:
    """What argparse does not know would be exit 2, every ten minutes"""
    name, *args = shlex.split(command)
    app = get_commands()[name]
    assert name in ("check", "collectstatic") or "s3sync" == app
    command_class = load_command_class("s3sync" if name == "collectstatic" else app, name)
    command_class.create_parser("manage.py", name).parse_args(args)


def test_alerts_look_at_what_is_written() -> None:
    """An alert on a misspelt name never fires"""
    groups = yaml.safe_load(recipe("alerts.yml"))["groups"]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]

    assert set() == set(re.findall(r"s3sync_\w+", " ".join(expressions))) - metrics._HELP.keys()
    assert 4 == len(expressions)


def test_operations_names_every_figure() -> None:
    """docs/operations.md has each metric"""
    text = (ROOT / "docs" / "operations.md").read_text()

    assert [] == [name for name in metrics._HELP if f"`{name}" not in text]
