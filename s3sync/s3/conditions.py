"""Conditional writes: asking for them, proving that they are enforced, and understanding the answer 'no'.

AWS enforces `If-None-Match: *` and `If-Match` on PutObject and CompleteMultipartUpload, `If-Match` on DeleteObject
(Amazon S3 User Guide, "Conditional writes" and "Conditional deletes"). Elsewhere that has to be seen. Ceph RGW 16
enforces both on PutObject, but wants the ETag of `If-Match` without quotes, and ignores them on the other two.
"""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .errors import Trouble
from .hooks import Hooks
from .transfer import Condition

_UNWANTED = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest"})


class Enforcement(str, Enum):
    """What a target does with a condition on PutObject."""

    ENFORCED = "enforced"
    IGNORED = "ignored"
    """It stores the object all the same."""
    REFUSED = "refused"
    """It refuses the header."""
    UNPROVEN = "unproven"

    @classmethod
    def shown_by(cls, trouble: Trouble) -> Enforcement:
        """What it proves that an object which is there was refused on condition that it is not."""
        if trouble.http in (409, 412):
            return cls.ENFORCED
        if trouble.http == 501 or (trouble.http == 400 and trouble.code in _UNWANTED):
            return cls.REFUSED
        return cls.UNPROVEN  # a server that is busy, a right that is missing: nothing about conditions


def condition_arguments(condition: Condition | None, *, bare: bool = False) -> dict[str, str]:
    """The arguments of `put_object` that ask for a condition; `bare`: its ETag without the quotes."""
    if condition is None:
        return {}
    if condition.if_match is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": condition.if_match if bare else f'"{condition.if_match}"'}


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

    def arguments(self, condition: Condition | None, *, bare: bool | None = None) -> dict[str, str]:
        """The arguments that ask for a condition; `bare` is to try another form of ETag than the known one."""
        if self._not_kept:  # a HEAD stands in; Ceph RGW 16 ignores If-None-Match in versioned buckets, but not If-Match
            return {}
        return condition_arguments(condition, bare=self.bare_etags if bare is None else bare)

    def needs_head(self, *, single_put: bool) -> bool:
        """Whether a HEAD has to look before a write, as the server would not, or might not: nobody knows yet."""
        if self._not_kept:
            return True
        return not self.everywhere and (self.enforcement is Enforcement.UNPROVEN or not single_put)

    def looked(self, *, single_put: bool) -> None:
        """Notes that a HEAD has looked; for the one PUT that is to prove conditions, it was only care."""
        self.emulated = self.emulated or not single_put or self._not_kept

    @property
    def summary(self) -> str:
        """The report's word for it; `off` where nothing is proven, as in a first run that had nothing to send."""
        if self.emulated or self._not_kept:
            return "emulated"
        return "enforced" if self.everywhere or self.enforcement is Enforcement.ENFORCED else "off"

    @property
    def may_be_kept(self) -> bool:
        """Whether nothing is known against a condition on PutObject."""
        return not self._not_kept

    @property
    def _not_kept(self) -> bool:
        return self.enforcement in (Enforcement.IGNORED, Enforcement.REFUSED)


class KeyedHooks(Hooks):
    """Reaches calls that others make with the shared client, by their Key: s3transfer's, and an overridden `_save`'s.

    Adds the arguments of a condition, for which s3transfer has no place, and keeps the answer, which it throws away.
    """

    def __init__(self, client: Any) -> None:
        self._watched: dict[str, tuple[dict[str, str], Callable[[], None], bytes]] = {}
        self._answers: dict[str, Mapping[str, Any]] = {}
        handlers: list[tuple[str, Callable[..., None]]] = []
        for operation in ("PutObject", "CompleteMultipartUpload"):
            handlers.append((f"before-parameter-build.s3.{operation}", self._add))
            handlers.append((f"after-call.s3.{operation}", self._keep))
        handlers.append(("before-parameter-build.s3.UploadPart", self._add_md5))
        super().__init__(client, *handlers)

    @contextlib.contextmanager
    def watching(
        self, key: str, arguments: dict[str, str], before: Callable[[], None] = lambda: None, part_md5s: bytes = b""
    ) -> Iterator[Callable[[], Mapping[str, Any]]]:
        """Within it, writes of this key carry the arguments; it gives a function that returns the last answer.

        `before` is called before an upload in parts is completed, and what it raises stops that. Each part goes with
        its own of `part_md5s`, 16 bytes each, so that the server refuses what is not as it was when it was hashed.
        """
        with self._lock:
            self._watched[key] = arguments, before, part_md5s
        try:
            yield lambda: self._answers.get(key, {})
        finally:
            with self._lock:
                self._watched.pop(key, None)
                self._answers.pop(key, None)

    def _add(self, params: dict[str, Any], context: dict[str, Any], model: Any, **_: Any) -> None:
        key = params.get("Key", "")
        with self._lock:
            watched = self._watched.get(key)
        if watched is None:
            return
        wanted, before = watched[:2]
        if model.name == "CompleteMultipartUpload":
            before()
        context["s3sync_key"] = key
        if not ({"IfMatch", "IfNoneMatch"} & params.keys()):
            params.update(wanted)

    def _add_md5(self, params: dict[str, Any], **_: Any) -> None:
        """With it, botocore need not sign the payload over https, which would take one more digest of all bytes."""
        with self._lock:
            watched = self._watched.get(params.get("Key", ""))
        if watched is not None and "ContentMD5" not in params:
            end = 16 * params["PartNumber"]
            if digest := watched[2][end - 16 : end]:
                params["ContentMD5"] = b64encode(digest).decode()

    def _keep(self, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        key = context.get("s3sync_key")
        if key is not None:
            self._answers[key] = parsed
