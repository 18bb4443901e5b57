"""Where a result is written to: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import IO

_BESIDE = ".s3sync-"


def open_output(path: str) -> IO[str]:
    """A new file beside `path`, to take its place; but a device or a pipe is written to. Raises OSError."""
    if os.path.exists(path) and not os.path.isfile(path):
        return open(path, "w", encoding="utf-8")  # raises for a folder
    path = os.path.realpath(path)
    umask = os.umask(0o077)
    os.umask(umask)
    stream = tempfile.NamedTemporaryFile(  # noqa: SIM115
        "w", encoding="utf-8", dir=os.path.dirname(path), prefix=_BESIDE, delete=False
    )
    os.chmod(stream.name, 0o666 & ~umask)  # what a file has that was opened plainly
    return stream


def put_in_place(stream: IO[str], path: str | None) -> None:
    """Ends the writing: `path` gets what was written beside it; None stands for standard output."""
    if path is None:
        _flush(stream)
        return
    stream.close()
    if is_beside(stream):
        os.replace(stream.name, os.path.realpath(path))


def write_whole(path: str, text: str, mode: int) -> None:
    """Gives `path` this text and these permissions, at once. Raises OSError, and then leaves it as it was."""
    stream = open_output(path)
    try:
        stream.write(text)
        stream.close()
        if is_beside(stream):
            os.chmod(stream.name, mode)
            os.replace(stream.name, os.path.realpath(path))
    except BaseException:
        with contextlib.suppress(OSError):
            stream.close()
        if is_beside(stream):
            os.unlink(stream.name)
        raise


def is_beside(stream: IO[str]) -> bool:
    """Whether the stream is a new file that is to take another one's place."""
    return os.path.basename(stream.name).startswith(_BESIDE)


def _flush(stream: IO[str]) -> None:
    try:
        stream.flush()
    except BrokenPipeError:  # nobody reads any more; Python would complain once more at its end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
