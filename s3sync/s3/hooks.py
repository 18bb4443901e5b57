"""Handlers on botocore's events, put on clients and taken off again."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

_numbers = itertools.count()


class Hooks:
    """Some handlers, on any number of clients. Threads may share it."""

    def __init__(self, client: Any, *handlers: tuple[str, Callable[..., Any]]) -> None:
        """`handlers`: event and function."""
        self._lock = threading.Lock()
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()
        # botocore ignores a handler whose id it has already: another run's hooks may be on the same client.
        number = next(_numbers)
        self._handlers = [
            (event, handler, f"s3sync-{event}-{place}-{number}") for place, (event, handler) in enumerate(handlers)
        ]
        self.attach(client)

    def attach(self, client: Any) -> None:
        """Reaches this client's calls too; once is enough, more do no harm."""
        with self._lock:
            if client in self._clients:
                return
            self._clients.add(client)
            for event, handler, unique_id in self._handlers:
                client.meta.events.register(event, handler, unique_id=unique_id)

    def close(self) -> None:
        """Leaves all clients."""
        with self._lock:
            for client in self._clients:
                for event, _, unique_id in self._handlers:
                    client.meta.events.unregister(event, unique_id=unique_id)
            self._clients.clear()
