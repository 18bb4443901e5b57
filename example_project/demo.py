"""The whole story on this machine: a photo site moves its pictures to S3, and nothing is sent twice.

``make demo`` runs this, and ``make demo ARGS=--serve`` leaves the site running at the end. A stand-in for S3 (moto's
server) is started on a free port of 127.0.0.1. Nothing can reach a real account: every AWS variable, profile, proxy and
secret of the caller is taken out of the environment before anything else happens, and an endpoint that is not on this
machine is refused. All files are in a temporary folder. It is removed at the end, as are the servers, Ctrl-C included.

Each step is checked, by the command's own report *and* by asking the bucket. Exit code 1: one was not as it should be.
"""

import argparse
import contextlib
import hashlib
import html
import ipaddress
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urljoin, urlsplit

HERE = Path(__file__).resolve().parent
BUCKET = "fernweh-demo"
PASSWORD = "far-from-home"  # of people who live for a minute, in a temporary database, on loopback
REGION = "us-east-1"

#: What would lead away from this machine, or into the caller's own project. Prefixes, in upper case.
FOREIGN = ("AWS_", "BOTO_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "DJANGO_", "S3SYNC_", "EXAMPLE_")
FOREIGN_NAMES = ("DATABASE_URL", "SECRET_KEY", "MEDIA_ON", "BEHIND_TLS_PROXY")

#: How long a server may take to answer for the first time, in seconds.
PATIENCE = 30

#: How long a management command may take, in seconds: far longer than any of them should.
COMMAND_LIMIT = 300

#: The public half of the bucket. Pictures are read through presigned addresses and need no policy.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/static/*"}
    ],
}


class DemoError(Exception):
    """A step was not as it should be."""


def main() -> int:
    arguments = parse_arguments()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # the names hold more than some terminals can show
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        with contextlib.ExitStack() as cleanup:
            folder = Path(
                cleanup.enter_context(tempfile.TemporaryDirectory(prefix="s3sync-demo-", ignore_cleanup_errors=True))
            )
            isolate(os.environ, folder)
            Demo(folder, cleanup).run(pictures=arguments.pictures, serve=arguments.serve)
    except DemoError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The servers and the temporary folder are gone.")
        return 130
    print("\nThe servers and the temporary folder are gone.")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description="A photo site moves its pictures to S3.")
    parser.add_argument("--serve", action="store_true", help="leave the site running at the end, until Ctrl-C")
    parser.add_argument("--pictures", type=int, default=300, metavar="N", help="how many pictures (default: 300)")
    arguments = parser.parse_args()
    if arguments.pictures < 30:
        parser.error("--pictures must be at least 30: the thirtieth is the large one")
    return arguments


# ---- Staying on this machine


def isolate(environment: Any, folder: Path) -> None:
    """Change an environment so that nothing run in it knows an account, a proxy or the caller's project."""
    for name in list(environment):
        if name.upper().startswith(FOREIGN) or name.upper() in FOREIGN_NAMES:
            del environment[name]
    nothing = folder / "empty"
    nothing.touch()
    environment.update(
        {
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "AWS_CONFIG_FILE": str(nothing),
            "AWS_SHARED_CREDENTIALS_FILE": str(nothing),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DJANGO_DEBUG": "1",
            "EXAMPLE_DATA_DIR": str(folder / "site"),
            "EXAMPLE_SECRETS_FILE": "",
            "S3SYNC_STATE_DIR": str(folder / "state"),
        }
    )


def require_loopback(url: str) -> str:
    """The URL, if it is one of this machine; DemoError otherwise."""
    try:
        loopback = ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise DemoError(f"{url} is not on this machine. The demo talks to 127.0.0.1 only.")
    return url


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# ---- Servers


@contextlib.contextmanager
def running(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen]:
    """A server for as long as the block lasts.

    It gets a session of its own, so Ctrl-C reaches this script alone and the order of ending things stays ours.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    """Return when the server answers; DemoError with the end of its log when it does not."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            fetch(url)
            return
        time.sleep(0.1)
    what = "ended" if process.poll() is not None else f"did not answer within {PATIENCE} seconds"
    raise DemoError(f"{shlex.join(process.args[1:])} {what}. It said:\n{tail(log)}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def fetch(url: str) -> tuple[int, bytes]:
    """Status and body of a URL of this machine, through no proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(require_loopback(url), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


# ---- The story


@dataclass(frozen=True)
class Push:
    """One run of ``s3_push_media``: what happened before it, and its report."""

    title: str
    report: dict[str, Any]

    def count(self, name: str) -> int:
        return self.report["counts"][name]


class Demo:
    """The steps, in order; each one fails loudly."""

    def __init__(self, folder: Path, cleanup: contextlib.ExitStack):
        self.folder = folder
        self.cleanup = cleanup
        self.media = folder / "site" / "media"
        self.endpoint = ""
        self.s3: Any = None
        self.steps = 0
        self.pushes: list[Push] = []
        self.large: list[str] = []
        self.started = time.monotonic()

    def run(self, *, pictures: int, serve: bool) -> None:
        say(f"A photo site moves its pictures to S3. All of it happens in {self.folder}, on this machine.")
        self.start_s3()
        self.make_site(pictures)
        self.push_all()
        self.push_nothing()
        self.push_one()
        site = self.cut_over()
        self.verify()
        self.summarise()
        if serve:
            self.serve(site)
        else:
            self.next_steps()

    def start_s3(self) -> None:
        self.head("A stand-in for S3, and an empty bucket")
        port = free_port()
        self.endpoint = require_loopback(f"http://127.0.0.1:{port}")
        log = self.folder / "s3.log"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        show(command)
        wait_for(f"{self.endpoint}/moto-api/", self.cleanup.enter_context(running(command, log, os.environ)), log)
        # AWS_ENDPOINT_URL is boto3's own, for every service: even a client nobody thought of stays here.
        os.environ.update(
            AWS_ENDPOINT_URL=self.endpoint, AWS_S3_ENDPOINT_URL=self.endpoint, AWS_STORAGE_BUCKET_NAME=BUCKET
        )
        import boto3

        self.s3 = boto3.client("s3")
        require_loopback(self.s3.meta.endpoint_url)
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
        say(f"{self.endpoint} answers. The bucket is {BUCKET!r}: static/ is public by a policy, all else private.")

    def make_site(self, pictures: int) -> None:
        self.head("The site as it was: its pictures on its own disk")
        say("MEDIA_ON=local: STORAGES['default'] is the disk, and STORAGES['media_s3'] the bucket.")
        os.environ["MEDIA_ON"] = "local"
        self.prepare("migrate", "--verbosity", "0")
        self.prepare("seed_posts", "--count", str(pictures), "--password", PASSWORD)
        files = self.files()
        largest = max(files.values())
        say(f"{len(files)} files, {megabytes(sum(files.values()))}; the largest has {megabytes(largest)}.")
        expect("pictures on the disk", len(files), pictures)

    def push_all(self) -> None:
        self.head("The first push: everything")
        push = self.push("first push")
        files = self.files()
        expect("pictures uploaded", push.count("uploaded"), len(files))
        self.compare_bucket(files)
        name = max(files, key=files.__getitem__)
        etag = self.s3.head_object(Bucket=BUCKET, Key=f"media/{name}")["ETag"].strip('"')
        _, _, parts = etag.partition("-")
        if parts:
            self.large = [name]
            say(f"{name!r} went in {parts} parts.")

    def push_nothing(self) -> None:
        self.head("The second push: nothing has changed")
        push = self.push("nothing changed")
        expect("pictures uploaded", push.count("uploaded"), 0)
        expect("pictures unchanged", push.count("unchanged"), len(self.files()))

    def push_one(self) -> None:
        from PIL import Image, ImageOps

        self.head("One picture is replaced on the disk")
        path = min(self.media.rglob("*.jpg"))
        name = path.relative_to(self.media).as_posix()
        with Image.open(path) as picture:
            ImageOps.mirror(picture).save(path, format="JPEG", quality=90)
        say(f"{name!r} is now its own mirror image.")
        push = self.push("one picture replaced")
        expect("pictures uploaded", push.count("uploaded"), 1)
        expect("pictures unchanged", push.count("unchanged"), len(self.files()) - 1)
        stored = self.s3.get_object(Bucket=BUCKET, Key=f"media/{name}")["Body"].read()
        expect("MD5 of the picture in the bucket", md5(stored), md5(path.read_bytes()))

    def cut_over(self) -> str:
        """Start the site without MEDIA_ON=local, prove that its pictures load, and return its address."""
        self.head("The cut-over: the site without MEDIA_ON=local reads from the bucket")
        del os.environ["MEDIA_ON"]
        self.prepare("collectstatic", "--s3", "--no-input")
        port = free_port()
        site = f"http://127.0.0.1:{port}/"
        log = self.folder / "site.log"
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        show(command)
        wait_for(site, self.cleanup.enter_context(running(command, log, os.environ)), log)
        status, body = fetch(site)
        if status != 200:
            raise DemoError(f"{site} answered {status}. The site said:\n{tail(log)}")
        page = body.decode()
        self.look_at(page)
        return site

    def look_at(self, page: str) -> None:
        """Fetch what a browser would: a picture by its presigned address, the stylesheet, and what that refers to."""
        picture = self.address(page, r'<img src="([^"]+/media/[^"]+)"', "picture")
        expect("status of a picture", fetch(picture)[0], 200)
        bare = picture.partition("?")[0]
        expect("status of the same picture without the signature", fetch(bare)[0], 403)
        stylesheet = self.address(page, r'<link rel="stylesheet" href="([^"]+)"', "stylesheet")
        status, css = fetch(stylesheet)
        expect("status of the stylesheet", status, 200)
        sky = re.search(r'url\("([^"]+\.webp)"\)', css.decode())
        expect("a picture in the stylesheet", sky is not None, True)
        expect("status of a picture in the stylesheet", fetch(urljoin(stylesheet, sky[1]))[0], 200)
        say("The feed: 200. A picture of it, by its presigned address: 200; without the signature: 403.")
        say("Its stylesheet, and what that refers to: 200.")

    def address(self, page: str, pattern: str, what: str) -> str:
        found = re.search(pattern, page)
        url = html.unescape(found[1]) if found else ""
        if not url.startswith(f"{self.endpoint}/{BUCKET}/"):
            raise DemoError(f"The page has no {what} from the bucket; it has {url!r}.")
        return url

    def verify(self) -> None:
        """Prove who can read what; open one picture to everybody behind the tool's back; find it, and close it."""
        self.head("Who can read it")
        for name in self.large:  # moto has no ACL to tell of what came in parts
            self.s3.put_object_acl(Bucket=BUCKET, Key=f"media/{name}", ACL="private")
        expect("exit code", self.manage("s3_verify_acl"), 0)
        name = min(self.files())
        key = f"media/{name}"
        url = f"{self.endpoint}/{BUCKET}/{quote(key)}"
        self.s3.put_object_acl(Bucket=BUCKET, Key=key, ACL="public-read")
        say(f"Somebody makes {name!r} public, behind our back: {fetch(url)[0]} without a signature.")
        expect("exit code", self.manage("s3_verify_acl"), 3)
        expect("exit code", self.manage("s3_verify_acl", "--fix", "--no-input"), 0)
        expect("exit code", self.manage("s3_verify_acl"), 0)
        expect("status without a signature", fetch(url)[0], 403)

    def summarise(self) -> None:
        self.head("Summary")
        print(f"    {'push':<24}{'scanned':>9}{'uploaded':>10}{'unchanged':>11}{'failed':>8}{'sent':>12}{'seconds':>9}")
        for push in self.pushes:
            numbers = "".join(
                f"{push.count(name):>{width}}"
                for name, width in (("scanned", 9), ("uploaded", 10), ("unchanged", 11), ("failed", 8))
            )
            sent, seconds = megabytes(push.report["bytes"]["sent"]), push.report["seconds"]["total"]
            print(f"    {push.title:<24}{numbers}{sent:>12}{seconds:>9.2f}")
        say(f"All as it should be, in {time.monotonic() - self.started:.0f} seconds.")

    def next_steps(self) -> None:
        print(
            "\nNext:\n"
            "    make demo ARGS=--serve           the same, and then look at the site in a browser\n"
            "    example_project/README.md        the example against a bucket of your own\n"
            "    example_project/config/          the settings and storages that you have just seen at work"
        )

    def serve(self, site: str) -> NoReturn:
        self.head("The site is yours")
        say(f"{paint('1', site)}  Its pictures come from the bucket. Sign in as 'mina' with {PASSWORD!r}.")
        say("What you share there goes to the bucket too. Ctrl-C ends it all.")
        while True:
            time.sleep(3600)

    # -- Running and checking

    def head(self, title: str) -> None:
        self.steps += 1
        print(f"\n{paint('1;36', f'{self.steps}. {title}')}")

    def manage(self, *arguments: str) -> int:
        """Run a management command and return its exit code. Its standard error, with the progress bar, is ours."""
        command = [sys.executable, "manage.py", *arguments]
        show(command)
        try:
            ended = subprocess.run(
                command,
                cwd=HERE,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=COMMAND_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DemoError(f"manage.py {arguments[0]} did not end within {COMMAND_LIMIT} seconds.") from None
        for line in filter(None, ended.stdout.splitlines()):
            say(line)
        return ended.returncode

    def prepare(self, *arguments: str) -> None:
        """Run a management command that has to succeed."""
        code = self.manage(*arguments)
        if code != 0:
            raise DemoError(f"manage.py {arguments[0]} ended with exit code {code}.")

    def push(self, title: str) -> Push:
        """Run ``s3_push_media`` and return its report, which must be one of success."""
        path = self.folder / f"push-{len(self.pushes) + 1}.json"
        code = self.manage("s3_push_media", "--format", "json", "--output", str(path))
        try:
            report = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DemoError(f"s3_push_media ended with exit code {code} and no report: {error}.") from error
        if code != 0 or report["status"] != "ok" or report["counts"]["failed"]:
            raise DemoError(f"s3_push_media ended with exit code {code}:\n{json.dumps(report, indent=2)[:4000]}")
        push = Push(title, report)
        self.pushes.append(push)
        requests = ", ".join(f"{number} {name}" for name, number in report["requests"].items() if number)
        print(
            f"    {paint('1', str(push.count('uploaded')) + ' uploaded')}, {push.count('unchanged')} unchanged, "
            f"{push.count('failed')} failed, in {report['seconds']['total']:.2f} s. Requests: {requests or 'none'}."
        )
        return push

    def files(self) -> dict[str, int]:
        """Name and size of every picture on the disk."""
        return {
            path.relative_to(self.media).as_posix(): path.stat().st_size
            for path in self.media.rglob("*")
            if path.is_file()
        }

    def compare_bucket(self, files: dict[str, int]) -> None:
        """Ask the bucket itself: the same names and sizes as on the disk, no more and no less."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="media/")
        objects = {item["Key"].removeprefix("media/"): item["Size"] for page in pages for item in page["Contents"]}
        if objects != files:
            different = sorted(objects.items() ^ files.items())[:5]
            raise DemoError(f"The bucket and the disk differ, for example: {different}.")
        say(f"The bucket lists the same {len(objects)} names and sizes as the disk.")


def expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise DemoError(f"{what}: {actual!r}, expected {expected!r}.")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"


def say(text: str) -> None:
    print(f"    {text}", flush=True)


def show(command: list[str]) -> None:
    """Print a command as one would type it in example_project/."""
    print(f"    {paint('2', '$ ' + shlex.join(['python', *command[1:]]))}", flush=True)


def paint(style: str, text: str) -> str:
    return f"\033[{style}m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


if __name__ == "__main__":
    sys.exit(main())
