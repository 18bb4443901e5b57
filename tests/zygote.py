"""Processes of `manage.py` that need not start from nothing.

Most of what a short command takes is the import of Django and boto3. So one process for each pytest worker, the zygote,
imports them once, and every command is a fork of it, which becomes what a fresh `python manage.py` would be by then:
descriptors, environment, folder, arguments, `__main__`. How it ends is again the interpreter's own business.

`start` is the one side, run in pytest; this file, run as a program, is the other. The zygote ends when pytest does,
however that ends, and takes with it what still runs. `test_zygote.py` holds a fork against a fresh process.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import importlib.machinery
import inspect
import io
import json
import mimetypes
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import IO, Any

import boto3
import botocore.hooks
import botocore.session

IMPORTED = (
    "asyncio", "boto3", "boto3.s3.inject", "botocore", "django", "django.contrib.contenttypes.apps",
    "django.contrib.staticfiles.apps", "django.contrib.staticfiles.finders", "django.core.cache.backends.locmem",
    "django.core.files.images", "django.core.management", "django.core.management.commands.check",
    "django.core.management.commands.migrate", "django.core.management.commands.shell",
    "django.db.backends.sqlite3.base", "django.db.models", "django.forms", "django.http", "django.template",
    "django.urls", "django.utils.log", "django.views.csrf", "django.views.debug", "django.views.generic",
    "encodings.idna", "filelock", "httptools", "logging.handlers", "platformdirs", "s3transfer", "sqlite3",
    "storages.backends.s3", "tqdm",
)  # fmt: skip
"""What a zygote imports besides all of `s3sync`. Nothing of it needs settings, starts a thread or opens a file."""
READ_AT_START = ("PYTHON", "LC_", "LD_", "MALLOC_", "GLIBC_", "OPENSSL_", "COV", "TQDM_", "ANDROID_")
READ_AT_START_TOO = {"LANG", "LANGUAGE", "TZ", "HOME"}
"""Variables that the interpreter, the C library or one of the modules looks at before `manage.py` is reached."""
TOO_LATE = "The zygote has ended"
WIDTH = 16
"""Of the answer with a process's number, so that no reading of it takes what follows, the exit status, with it."""


# In pytest


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a process can only be born with."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_START) or name in READ_AT_START_TOO
    }


class Forked:
    """A process that the zygote has forked; to its users a `subprocess.Popen` in binary mode."""

    def __init__(
        self, args: list[str], wire: socket.socket, pid: int, pidfd: int, streams: list[IO[bytes] | None]
    ) -> None:
        self.args = args
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._wire = wire
        self._pidfd = pidfd
        self._waiting, self._ending = threading.Lock(), threading.Lock()
        self._said: dict[str, list[bytes]] = {"stdout": [], "stderr": []}

    def poll(self) -> int | None:
        """The exit code, if it has ended, as far as anybody who waits has been told."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit code, or the negative number of the signal that ended it. For any thread."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self._waiting.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        try:
            if self.returncode is None:
                self._wire.settimeout(None if end is None else max(end - time.monotonic(), 0))
                self._note(self._wire.recv(64))
            return self.returncode  # type: ignore[return-value]
        except (BlockingIOError, TimeoutError):
            raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
        finally:
            self._waiting.release()

    def _note(self, status: bytes) -> None:
        if not status:
            raise RuntimeError(TOO_LATE)
        self._wire.close()
        with self._ending:
            self.returncode = os.waitstatus_to_exitcode(int(status))
            os.close(self._pidfd)

    def communicate(self, *, timeout: float | None = None) -> tuple[bytes | None, bytes | None]:
        """What it writes until its end. After TimeoutExpired one may ask again, and nothing is lost."""
        end = None if timeout is None else time.monotonic() + timeout
        if self.stdin:
            self.stdin.close()
        with selectors.DefaultSelector() as open_streams:
            for name in self._said:
                stream = getattr(self, name)
                if stream and not stream.closed:
                    open_streams.register(stream, selectors.EVENT_READ, name)
            while open_streams.get_map():
                ready = open_streams.select(None if end is None else max(end - time.monotonic(), 0))
                if not ready and end is not None and time.monotonic() >= end:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    self._said[key.data].append(data)
                    if not data:
                        open_streams.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
        self.wait(None if end is None else max(end - time.monotonic(), 0))
        stdout, stderr = (b"".join(said) if getattr(self, name) else None for name, said in self._said.items())
        return stdout, stderr

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended. For any thread, also while another one waits."""
        self.poll()
        with self._ending, suppress(ProcessLookupError):  # it has ended, and nobody has been told
            if self.returncode is None:
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()


class Zygote:
    """The zygote, as seen from pytest."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.born_with = read_at_start(environment)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the zygote
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._control = ours
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], env=dict(environment), pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            )  # fmt: skip

    def fork(
        self, args: list[str], *, cwd: Path, env: Mapping[str, str], stdin: int | IO[bytes], stdout: int, stderr: int
    ) -> Forked:
        """A process of the program `args[0]`, a file in `cwd`; the other parameters are as for `subprocess.Popen`."""
        wire, far = socket.socketpair()
        theirs, streams = zip(*map(_connect, range(3), (stdin, stdout, stderr)), strict=True)
        try:
            socket.send_fds(self._control, [b"fork"], [far.fileno(), *theirs])
            far.close()
            text = json.dumps({"args": args, "cwd": os.fspath(cwd), "env": dict(env)}).encode()
            wire.sendall(b"%d\n" % len(text) + text)
            answer, pidfds, _, _ = socket.recv_fds(wire, WIDTH, 1)
            if not answer:
                raise EOFError
        except (OSError, EOFError) as error:
            for ours in (wire, *filter(None, streams)):
                ours.close()
            raise RuntimeError(self._last_words()) from error
        finally:
            far.close()
            for descriptor in theirs:
                os.close(descriptor)
        return Forked([sys.executable, *args], wire, int(answer), pidfds[0], list(streams))

    def stop(self) -> None:
        """End the zygote, and with it what it has started."""
        self._control.close()
        self._process.wait(30)
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        return f"{TOO_LATE}.\n{self._log.read().decode(errors='replace')}"


def _connect(number: int, wish: int | IO[bytes]) -> tuple[int, IO[bytes] | None]:
    """The descriptor that a child shall have as `number`, and our end of it, where there is one."""
    if wish == subprocess.PIPE:
        reading, writing = os.pipe()
        return (writing, open(reading, "rb")) if number else (reading, open(writing, "wb", 0))
    if wish == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    return os.dup(wish if isinstance(wish, int) else wish.fileno()), None


_zygotes: list[Zygote] = []


def available() -> bool:
    """Whether this system can tell a process by a descriptor: Linux can."""
    return hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


def start(args: list[str], *, env: Mapping[str, str], usual: Mapping[str, str], **how: Any) -> Forked | None:
    """A fork that runs `args`, or None where it would not be what a fresh process is.

    `usual` is the environment from which few runs differ in what is read at the start: the zygote is born with it.
    """
    if not available():
        return None
    if not _zygotes:
        _zygotes.append(Zygote(usual))
    (zygote,) = _zygotes
    return zygote.fork(args, env=env, **how) if read_at_start(env) == zygote.born_with else None


def stop() -> None:
    """Called at the end of the tests; a worker that is killed ends its zygote as well."""
    while _zygotes:
        _zygotes.pop().stop()


# In the zygote

SAFE_PATH: bool = getattr(sys.flags, "safe_path", False)
"""Whether the folder of a program is left out of `sys.path`; never before Python 3.11."""


def main() -> None:
    """The zygote's life, and in a fork also all that follows."""
    if not SAFE_PATH:
        del sys.path[0]  # this folder: its modules have names such as `settings`
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for pytest, whose end is ours
    import_all()
    asked = serve(control)
    if asked is None:
        return
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    ending = Ending()
    code, module = become(asked)
    try:
        exec(code, module.__dict__)
    except SystemExit as wish:
        ending.code = 0 if wish.code is None else wish.code
        raise
    ending.code = 0


class Ending:
    """The last callback of a fork's end: by then its threads are done and what it has registered itself has run.

    All that the interpreter would still do is to take a thousand modules apart, which first copies every page that they
    are on, and so takes longer than many a command. Here only what came since the fork is taken apart. The interpreter
    has its way where it could matter: while a thread still runs, after an exception, where a stream cannot be flushed.
    """

    def __init__(self) -> None:
        self.code: object = None
        self.shared = {*sys.modules} - {"__main__"}
        atexit.register(self)

    def __call__(self) -> None:
        if not isinstance(self.code, int) or threading.active_count() > 1:
            return
        for name in sys.modules.keys() - self.shared:
            del sys.modules[name]
        gc.collect()
        try:
            for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
                stream.flush()  # type: ignore[union-attr]
        except (OSError, ValueError, AttributeError):
            return
        os._exit(self.code & 0xFF)


def import_all() -> None:
    """Import what commands import, and put it where the garbage collector leaves it alone, and so shared."""
    for name in IMPORTED:
        importlib.import_module(name)
    import s3sync

    for found in pkgutil.walk_packages(s3sync.__path__, "s3sync."):
        importlib.import_module(found.name)
    share_models()
    mimetypes.init()
    boto3.Session("a", "b").resource("s3", region_name="us-east-1")
    gc.collect()
    gc.freeze()


def share_models() -> None:
    """Let all sessions of this process share what botocore finds out for each, which takes longer than most commands.

    That is the model of S3, by what other name each event goes, and which of its own handlers take any keyword.
    """
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    botocore.hooks.accepts_kwargs = takes_any_keyword
    names: dict[str, str] = {}
    make = botocore.hooks.EventAliaser.__init__

    def with_names(self: Any, event_emitter: Any, event_aliases: Any = None) -> None:
        make(self, event_emitter, event_aliases)
        if self._event_aliases == botocore.hooks.EVENT_ALIASES:
            self._alias_name_cache = names

    botocore.hooks.EventAliaser.__init__ = with_names


def takes_any_keyword(function: Any) -> bool:
    """What `inspect.getfullargspec` would say of `**kwargs`, at a hundredth of the price."""
    try:
        return bool(function.__code__.co_flags & inspect.CO_VARKEYWORDS)
    except AttributeError:
        return inspect.getfullargspec(function).varkw is not None


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork on demand. Returns None at the end of pytest, and in a fork what was asked for."""
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as events:
        events.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.data is not None:
                    events.unregister(key.fd)
                    report_end(key.data, *running.pop(key.data))
                    continue
                _, descriptors, _, _ = socket.recv_fds(control, 16, 4)
                if not descriptors:
                    for pidfd, _ in running.values():
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    return None
                wire = socket.socket(fileno=descriptors[0])
                asked = read_wish(wire)
                child = os.fork()
                if not child:
                    for pidfd, other in running.values():
                        os.close(pidfd)
                        other.close()
                    wire.close()
                    control.close()
                    for number, descriptor in enumerate(descriptors[1:]):
                        os.dup2(descriptor, number)
                        os.close(descriptor)
                    return asked
                for descriptor in descriptors[1:]:
                    os.close(descriptor)
                pidfd = os.pidfd_open(child)
                socket.send_fds(wire, [b"%*d" % (WIDTH, child)], [pidfd])
                running[child] = pidfd, wire
                events.register(pidfd, selectors.EVENT_READ, child)


def read_wish(wire: socket.socket) -> dict[str, Any]:
    """Read what `Zygote.fork` sends."""
    with wire.makefile("rb") as stream:
        wish: dict[str, Any] = json.loads(stream.read(int(stream.readline())))
    return wish


def report_end(child: int, pidfd: int, wire: socket.socket) -> None:
    """Tell how a child has ended, to whoever still wants to know."""
    _, status = os.waitpid(child, 0)
    os.close(pidfd)
    with suppress(OSError), wire:
        wire.send(b"%d" % status)


def become(asked: dict[str, Any]) -> tuple[CodeType, ModuleType]:
    """Make this process what the interpreter makes of itself before it runs a program; return that program."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.stdin, sys.stdout, sys.stderr = (
        standard(number, name) for number, name in enumerate(("stdin", "stdout", "stderr"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    sys.argv = asked["args"]
    sys.orig_argv = [sys.executable, *sys.argv]
    path = os.path.join(os.getcwd(), sys.argv[0])
    if not SAFE_PATH:
        sys.path.insert(0, os.path.dirname(path))
    sys.excepthook = without_us
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    module = ModuleType("__main__")
    vars(module).update(__file__=path, __loader__=loader, __builtins__=sys.modules["builtins"], __cached__=None)
    sys.modules["__main__"] = module
    return compile(Path(path).read_bytes(), path, "exec", dont_inherit=True), module


def standard(number: int, name: str) -> io.TextIOWrapper:
    """A standard stream, as the interpreter makes it; what the environment says of it is taken from the present one."""
    before = getattr(sys, f"__{name}__")
    unbuffered = before.write_through
    binary = open(number, "wb" if number else "rb", 0 if unbuffered and number else -1, closefd=False)  # noqa: SIM115
    raw = getattr(binary, "raw", binary)
    raw.name = f"<{name}>"
    stream = io.TextIOWrapper(
        binary, before.encoding, before.errors, newline="\n", write_through=unbuffered,
        line_buffering=not unbuffered and (raw.isatty() or number == 2),
    )  # fmt: skip
    stream.mode = "w" if number else "r"
    return stream


def without_us(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that nobody caught, without the frames of this file."""
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
