"""Conditional writes: asking for them, proving that they are enforced, and understanding the answer 'no'.

AWS enforces `If-None-Match: *` and `If-Match` on PutObject and CompleteMultipartUpload, `If-Match` on DeleteObject
(Amazon S3 User Guide, "Conditional writes" and "Conditional deletes"). Elsewhere that has to be seen. Ceph RGW 16
enforces both on PutObject, but wants the ETag of `If-Match` without quotes, and ignores them on the other two.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .transfer import Condition


class Enforcement(str, Enum):
    """What a target does with a condition on PutObject."""

    ENFORCED = "enforced"
    IGNORED = "ignored"
    """It stores the object all the same."""
    REFUSED = "refused"
    """It refuses the header."""
    UNPROVEN = "unproven"


@dataclass(slots=True)
class Conditions:
    """What is known of one target's conditional writes, and the headers to send. Threads may share it."""

    enforcement: Enforcement = Enforcement.UNPROVEN
    bare_etags: bool = False
    """`If-Match` works only without the quotes."""
    everywhere: bool = False
    """Also CompleteMultipartUpload and DeleteObject are known to enforce them (AWS)."""
    emulated: bool = False
    """A HEAD stood in for a condition in this run."""

    def arguments(self, condition: Condition | None) -> dict[str, str]:
        """The arguments of `put_object` that ask for a condition."""
        if condition is None or self.enforcement is Enforcement.REFUSED:
            return {}
        if condition.if_match is None:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": condition.if_match if self.bare_etags else f'"{condition.if_match}"'}

    def needs_head(self, *, single_put: bool) -> bool:
        """Whether a HEAD has to look before a write, as the server would not."""
        if self.everywhere:
            return False
        if not single_put:
            return True
        return self.enforcement in (Enforcement.IGNORED, Enforcement.REFUSED)

    @property
    def summary(self) -> str:
        """The report's word for it."""
        if self.emulated or self.enforcement in (Enforcement.IGNORED, Enforcement.REFUSED):
            return "emulated"
        return "enforced"


class KeyedHooks:
    """Reaches calls that others make with the shared client, by their Key: s3transfer's, and an overridden `_save`'s.

    Adds the arguments of a condition, for which s3transfer has no place, and keeps the answer, which it throws away.
    """

    def __init__(self, client: Any) -> None:
        self._watched: dict[str, dict[str, str]] = {}
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self.attach(client)

    def attach(self, client: Any) -> None:
        """Reaches this client's calls too; once is enough, more do no harm."""
        for operation in ("PutObject", "CompleteMultipartUpload"):
            client.meta.events.register(
                f"before-parameter-build.s3.{operation}", self._add, unique_id=f"s3sync-add-{operation}"
            )
            client.meta.events.register(f"after-call.s3.{operation}", self._keep, unique_id=f"s3sync-keep-{operation}")

    @contextlib.contextmanager
    def watching(self, key: str, arguments: dict[str, str]) -> Iterator[Callable[[], Mapping[str, Any]]]:
        """Within it, writes of this key carry the arguments; it gives a function that returns the last answer."""
        with self._lock:
            self._watched[key] = arguments
        try:
            yield lambda: self._answers.get(key, {})
        finally:
            with self._lock:
                self._watched.pop(key, None)
                self._answers.pop(key, None)

    def _add(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        key = params.get("Key", "")
        with self._lock:
            wanted = self._watched.get(key)
        if wanted is None:
            return
        context["s3sync_key"] = key
        if not ({"IfMatch", "IfNoneMatch"} & params.keys()):
            params.update(wanted)

    def _keep(self, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        key = context.get("s3sync_key")
        if key is not None:
            self._answers[key] = parsed
