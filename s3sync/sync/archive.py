"""The manifests that were live once: which of them are kept, and what that keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..core.objects import RemoteObject
from ..local.manifest import paths_of
from ..s3.objects import content_of
from ..s3.target import Target

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Archived:
    """What the archived manifests come to."""

    kept: frozenset[str]
    """Hashed names that a kept manifest has."""
    outdated: frozenset[str]
    """Hashed names that only the others have."""
    dropped: Sequence[RemoteObject]
    """The copies of those others."""


@dataclass(slots=True)
class Archive:
    """The copies of manifests under a target. `listed` is filled while the bucket is listed."""

    target: Target
    current: str
    """The name of the live manifest's copy."""
    paths: Mapping[str, str]
    """The live manifest's."""
    keep_days: float = 14.0
    keep_manifests: int = 5
    listed: list[RemoteObject] = field(default_factory=list)
    _archived: Archived | None = None

    def read(self) -> Archived:
        """Reads the manifests, once. Raises BrokenManifest, or what boto3 raises."""
        if self._archived is None:
            dropped = self.split(time.time())
            outdated: set[str] = set()
            kept = set(self.paths.values())
            for obj in self.listed:
                if self.target.name_of(obj.key) != self.current:
                    names = paths_of(self._content(obj.key)).values()
                    (outdated if obj in dropped else kept).update(names)
            self._archived = Archived(frozenset(kept), frozenset(outdated - kept), dropped)
        return self._archived

    def _content(self, key: str) -> bytes:
        extra = self.target.head_parameters(key)
        return content_of(self.target.client, self.target.bucket, key, extra=extra)

    def split(self, now: float) -> list[RemoteObject]:
        """Those of the listed copies that are not kept; `now` in seconds since the epoch.

        The live one is kept, the newest `keep_manifests` are, and so is each that was live until less than `keep_days`
        ago: until the next one came, whose date tells when.
        """
        others = [obj for obj in self.listed if self.target.name_of(obj.key) != self.current]
        others.sort(key=lambda obj: obj.modified_at, reverse=True)
        live = [obj.modified_at for obj in self.listed if self.target.name_of(obj.key) == self.current]
        # A live copy that is older than another one has been renewed by this run: it went back to an earlier deploy.
        superseded = live[0] if live and (not others or live[0] >= others[0].modified_at) else now
        dropped = []
        for place, obj in enumerate(others, 2):  # the live one is the first
            if place > self.keep_manifests and now - superseded >= self.keep_days * _DAY:
                dropped.append(obj)
            superseded = obj.modified_at
        return dropped
