"""A server on loopback that answers as its script says: for answers that no sane server gives.

A script is called once per connection, with a `Talk`, in a thread of its own; when it returns, the connection ends.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b'HTTP/1.1 200 OK\r\nETag: "abc"\r\nContent-Length: 0\r\n\r\n'


def answer(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status} Whatever".encode(), f"Content-Length: {len(body)}".encode(), *headers]
    return b"\r\n".join([*lines, b"", body])


@dataclass(slots=True)
class Asked:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """0 for the first connection that was ever made."""


@dataclass(slots=True)
class Scripted:
    """What a test sees of the server."""

    port: int
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Talk:
    """One connection, from the server's side."""

    def __init__(self, server: Scripted, connection: socket.socket, number: int) -> None:
        self.server, self.socket, self.number = server, connection, number
        self.file = connection.makefile("rb")

    def read_head(self) -> Asked | None:
        """The next request without its body; None at the end."""
        line = self.file.readline().decode().strip()
        if not line:
            return None
        headers = {}
        while (header := self.file.readline().decode().strip()) != "":
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        return Asked(line, headers, b"", self.number)

    def read(self) -> Asked | None:
        """The next request, body included, which the test sees from now on; None at the end."""
        asked = self.read_head()
        if asked is not None:
            asked.body = self.file.read(int(asked.headers["content-length"]))
            with self.server.lock:
                self.server.requests.append(asked)
        return asked

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)


def saying(*parts: bytes) -> Callable[[Talk], None]:
    """A script: this answer to every request."""

    def script(talk: Talk) -> None:
        while talk.read():
            talk.say(*parts)

    return script


def once(*parts: bytes) -> Callable[[Talk], None]:
    """A script: this answer to the first request, and then the end of the connection."""

    def script(talk: Talk) -> None:
        if talk.read():
            talk.say(*parts)

    return script


@contextmanager
def scripted(script: Callable[[Talk], None], tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """A server for the length of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        server = Scripted(listener.getsockname()[1])
        open_ones: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket, number: int) -> None:
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                    open_ones.append(connection)
                with connection:
                    talk = Talk(server, connection, number)
                    with talk.file:
                        script(talk)
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_ones.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection, server.connections), daemon=True))
                server.connections += 1
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in open_ones:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
