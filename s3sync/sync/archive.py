"""The manifests that were live once: which of them are kept, and what that keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..core.objects import RemoteObject
from ..local.manifest import archived_name, paths_of
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
    _was_live: bytes | None = None

    def read(self) -> Archived:
        """Reads the manifests, once. Raises BrokenManifest, or what boto3 raises."""
        if self._archived is None:
            dropped = self.split(time.time())
            outdated: set[str] = set()
            kept = _hashed(self.paths)
            known: set[str] = set()
            for obj in self.listed:
                if self.target.name_of(obj.key) != self.current:
                    names = _hashed(paths_of(self._content(obj.key)))
                    (outdated if obj in dropped else kept).update(names)
                    known.add(obj.key)
            if self._was_live is not None and self._name_of(self._was_live) not in known:
                kept.update(_hashed(paths_of(self._was_live)))
            self._archived = Archived(frozenset(kept), frozenset(outdated - kept), dropped)
        return self._archived

    def keep_what_was_live(self, key: str) -> None:
        """Keeps the files of the manifest that is about to be replaced, if no run of ours has sent it.

        Raises what boto3 raises.
        """
        self._was_live = self._content(key)

    def _name_of(self, manifest: bytes) -> str:
        return self.target.prefix + archived_name(manifest)

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


def _hashed(paths: Mapping[str, str]) -> set[str]:
    """The names that a manifest has files under which nothing else leads to."""
    return {stored for name, stored in paths.items() if stored != name}
