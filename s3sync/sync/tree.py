"""Static files: a rendered collection goes to a bucket that nobody else writes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..core.comparison import Reason
from ..core.objects import RemoteObject
from ..core.plan import Entry, Held, Join, Passed
from ..core.scope import HIDDEN, Scope
from ..exceptions import GuardRefused
from ..local import reading
from ..local.manifest import ARCHIVE
from ..local.rendering import Asset
from .archive import Archive
from .jobs import Executor
from .leftovers import Leftovers, Removals
from .manifests import Manifests
from .phases import COPY, Phases
from .push import Push


@dataclass(frozen=True, slots=True)
class Deploy:
    """What hashed names bring with them."""

    archive: Archive
    manifests: Manifests


@dataclass(slots=True, kw_only=True)
class TreePush(Push):
    """A push of a rendered collection."""

    assets: Mapping[str, Asset]
    passed: Mapping[str, Passed]
    """Names of the collection that can't be sent."""
    deploy: Deploy | None = None
    removals: Removals
    _leftovers: Leftovers = field(init=False)

    def begin(self) -> str:
        """Raises GuardRefused where `--clear` would empty more than a collection's place."""
        if self.removals.clear and not self.target.prefix:
            raise GuardRefused(
                f"Nothing was sent, and nothing deleted: the storage {self.target.alias!r} has no location, so --clear "
                "would empty the whole bucket.",
                code="EmptyLocation", hint="give it a location such as 'static', or leave --clear out",
            )  # fmt: skip
        if self.removals.clear and not self.assets:
            raise GuardRefused(
                "Nothing was deleted: the collection is empty, so --clear would leave nothing.",
                code="EmptyCollection", hint="do STATICFILES_DIRS and INSTALLED_APPS lead to static files?",
            )  # fmt: skip
        spool = self.stack.enter_context(reading.temporary_spool())
        archive = None
        if self.deploy is not None:
            archive = self.deploy.archive
            self.deploy.manifests.open()
        self._leftovers = Leftovers(self.run, self.target, self.removals, archive, spool)
        return "static files"

    def entries(self, scope: Scope, held: Held) -> Iterable[Entry]:
        """What was collected, in the order of its keys."""
        for name in sorted(self.assets.keys() | self.passed.keys(), key=_as_bytes):
            entry = self._entry(name, scope)
            if self.target.is_regular(name) or (isinstance(entry, Passed) and not entry.storable):
                yield entry
            else:
                self.hold(held, entry)

    def _entry(self, name: str, scope: Scope) -> Entry:
        if name in self.passed:
            return self.passed[name]
        asset = self.assets[name]
        if asset.level >= COPY:
            return Passed(name, Reason.IGNORED) if self._is_narrowed else asset.file
        reason = scope.leaves_out_file(name)
        return asset.file if reason is None else Passed(name, reason)

    @property
    def _is_narrowed(self) -> bool:
        """Whether only a part is sent: then the manifest stays, as it would name what is not there."""
        return bool(self.run.options.prefix or self.run.options.include)

    def listed(self, listing: Iterable[RemoteObject]) -> Iterable[RemoteObject]:
        """Takes note of the archived manifests on their way."""
        for obj in listing:
            if self.deploy is not None and obj.key.startswith(self.target.prefix + ARCHIVE):
                self.deploy.archive.listed.append(obj)
            yield obj

    def carried_out_by(self, executor: Executor) -> Executor:
        """Referents go before referrers, and the manifest last."""
        return Phases(
            executor, self.run, level_of=lambda name: self.assets[name].level, changed=self._changed,
            renew_copy=self.deploy is not None and self.deploy.manifests.changed,
        )  # fmt: skip

    def _changed(self) -> Iterator[str]:
        return (
            name for name, asset in self.assets.items() if asset.level < COPY and not reading.is_unchanged(asset.file)
        )

    def is_held_back(self, key: str, name: str) -> bool:
        """The secret guard; our own copies of manifests say no more than the manifest does."""
        # Not super(): a dataclass with slots is made anew, and leaves super() without its class.
        return not name.startswith(HIDDEN) and Push.is_held_back(self, key, name)

    def without_file(self, obj: RemoteObject, join: Join) -> None:
        """An orphan, or one that may go."""
        name = self.target.name_of(obj.key)
        if name not in self.assets and name not in self.passed:
            self._leftovers.add(obj)

    def conclude(self, join: Join) -> None:
        """Makes the deploy the live one, and then deletes what `--clear` and `--prune` ask for."""
        complete = not (self._is_narrowed or self.run.report.counts["failed"] or self.run.stopping)
        if self.deploy is not None and complete:
            self.deploy.manifests.save()
        self._leftovers.finish(self.planner.in_scope, shared="" in self.foreign)


def _as_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
