"""The null server: compiled if there is a compiler, else in Python; and what the benchmark asks of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Server:
    """A running null server."""

    port: int
    tls_port: int
    """0: it speaks no TLS."""
    certificate: Path
    kind: str
    """"C" or "Python"."""

    def endpoint(self, *, tls: bool = False) -> str:
        """Where S3 is."""
        return f"https://localhost:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"

    def ask(self, what: str, **parameters: object) -> dict[str, float]:
        """One of the requests that null_server.c names; they are not counted."""
        url = f"http://127.0.0.1:{self.port}/__/{what}?{urlencode(parameters)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as answer:
            return dict(json.load(answer))


def compiler() -> str | None:
    """The C compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiled(source: str, base: Path, *flags: str) -> Path | None:
    """The program that a source in this folder makes, anew if the source is newer; None where it can't be made."""
    program, code, cc = base / Path(source).stem, HERE / source, compiler()
    if program.exists() and program.stat().st_mtime > code.stat().st_mtime:
        return program
    if cc is None:
        return None
    base.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([cc, "-O2", "-o", str(program), str(code), *flags], stderr=subprocess.PIPE, text=True)
    return program if not done.returncode else None


def certificate(base: Path) -> tuple[Path, Path] | None:
    """A certificate for localhost and its key, valid for a year; None without the openssl program."""
    paths = base / "localhost.pem", base / "localhost.key"
    if not all(path.exists() for path in paths):
        if not shutil.which("openssl"):
            return None
        base.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-out", str(paths[0]), "-keyout", str(paths[1])], check=True, capture_output=True,
        )  # fmt: skip
    return paths


def command(base: Path, *, python: bool) -> tuple[list[str], str]:
    """The program that serves, and what it is written in."""
    built = None
    if not python:
        built = compiled("null_server.c", base, "-DTLS", "-lssl", "-lcrypto") or compiled("null_server.c", base)
    return ([str(built)], "C") if built else ([sys.executable, "-m", "benchmarks.null_server"], "Python")


@contextmanager
def null_server(base: Path, *, python: bool = False) -> Iterator[Server]:
    """A server that lives as long as the block. What it is made of is kept below `base`."""
    program, kind = command(base, python=python)
    pair = certificate(base)
    process = subprocess.Popen(
        [*program, *map(str, pair or ())], cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port, tls_port = map(int, process.stdout.readline().split())
        yield Server(port, tls_port, pair[0] if pair else Path(), kind)
    finally:
        process.kill()
        process.communicate()
