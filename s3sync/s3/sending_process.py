"""The process that runs `sender`, from outside. It may be started before anybody knows what there is to send."""

from __future__ import annotations

import os
import socket
import subprocess

from ..bare import interpreter

SENDER = f"{__package__}.sender"


class SendingProcess:
    """A bare interpreter, and our end of the socket to it. To be closed, by any thread."""

    def __init__(self) -> None:
        """Raises OSError if none can be had."""
        self.socket, theirs = socket.socketpair()
        for end in (self.socket, theirs):
            end.setblocking(True)  # whatever `socket.setdefaulttimeout` says
        with theirs:
            try:
                self.process: subprocess.Popen[bytes] = interpreter(
                    SENDER, theirs.fileno(), os.getpid(), pass_fds=(theirs.fileno(),)
                )  # fmt: skip
            except OSError:
                self.socket.close()
                raise

    @property
    def ended(self) -> bool:
        """Whether the process, and so every connection of its, is no more."""
        return self.process.poll() is not None

    def close(self) -> None:
        """Ends it, if it has not ended by itself."""
        self.process.kill()
        self.process.wait()
        self.socket.close()
