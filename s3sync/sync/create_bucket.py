"""`s3_create_bucket`: the bucket of some storages, set up for exactly those to read who are meant to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ..access.bucket_plan import Wanted, opened, plan
from ..core.bucket_report import BucketReport, BucketState, Setting
from ..core.events import Finding
from ..exceptions import GuardRefused, RemoteError, S3SyncError
from ..s3.bucket_settings import NAMES, Bucket, NotOurs, account_of
from ..s3.calls import CallCounter
from ..s3.errors import REMOTE_ERRORS, hint_for, operation_of, trouble_of
from ..s3.target import Target
from .bucket_wishes import BucketOptions, groups_of, wanted_of
from .documents import Settings
from .run import Run
from .targets import facts_of

_OPTIONAL = {"versioning": "versioning", "cors": "cors"}
_NEW: dict[str, Any] = {"block": {}, "policy": None, "ownership": "", "versioning": "", "cors": []}


def create_buckets(run: Run, settings: Settings, wishes: BucketOptions) -> None:
    """Each bucket in turn. Raises an S3SyncError where one can't be done; what was done is in the run's report."""
    groups = groups_of(settings, wishes.aliases)
    for targets in groups:
        run.report.target = replace(facts_of(targets[0]), alias=", ".join(target.alias for target in targets))
        wanted = wanted_of(run, settings, targets, wishes)
        calls = CallCounter(targets[0].client)
        try:
            _Work(run, wishes, targets, wanted).do()
        except REMOTE_ERRORS as error:
            raise _remote_error(targets[0].bucket, error) from error
        finally:
            calls.close()
            run.report.requests.update(calls.counts)
        if run.stopping:
            return


class _Work:
    """One bucket."""

    def __init__(self, run: Run, wishes: BucketOptions, targets: Sequence[Target], wanted: Wanted) -> None:
        self.run, self.wishes, self.target, self.wanted = run, wishes, targets[0], wanted
        account = account_of(self.target.client) if self.target.is_aws else None
        self.bucket = Bucket(self.target.client, self.target.bucket, is_aws=self.target.is_aws, account=account)
        self.state = BucketState(self.target.bucket, tuple(target.alias for target in targets))
        self.asked = [name for name in NAMES if getattr(wishes, _OPTIONAL.get(name, ""), True)]

    def do(self) -> None:
        """Raises what botocore raises, and S3SyncError."""
        try:
            exists = self.bucket.exists()
        except NotOurs as error:
            raise RemoteError(
                "HeadBucket", self.target.bucket, code="AccessDenied", http=403,
                hint=f"{self.target.bucket} is there, and belongs to another account, or these credentials may not see "
                f"it: nothing was changed. Choose another bucket_name, since all accounts share the names; or, if it "
                f"is yours, allow s3:ListBucket on {self.target.bucket}",
            ) from error  # fmt: skip
        cast("BucketReport", self.run.report).buckets.append(self.state)
        now, lacking = self.bucket.read(self.asked) if exists else (_new(self.asked), {})
        if exists:
            self._settle(now, lacking, may=self.wishes.update)
            return
        self.state.settings.append(Setting("bucket", None, self.target.region or ""))
        if self.run.options.dry_run:
            self._settle(now, lacking, may=False)
            return
        refused = self.bucket.create(self.target.region)
        self.state.settings[0].result = "done"
        if refused is not None:
            self._warn("location-unavailable", f"the server has no region {refused!r}: it was made without one")
        self._settle(*self.bucket.read(self.asked), may=True, new=True)

    def _settle(self, now: Mapping[str, Any], lacking: Mapping[str, str], *, may: bool, new: bool = False) -> None:
        wanted = plan(self.wanted, now, self.bucket.provider)
        for name in self.asked:
            if name in lacking:
                self.state.settings.append(Setting(name, None, None, "unavailable", lacking[name]))
                continue
            result = "same" if now[name] == wanted[name] else "planned"
            self.state.settings.append(Setting(name, now[name], wanted[name], result))
        self._guard(now, wanted)
        changes = [each for each in self.state.settings if each.name in wanted and each.result == "planned"]
        if not may or self.run.options.dry_run:
            made = any(each.name == "bucket" for each in self.state.settings)
            self.run.report.differences |= bool(changes) or made
        elif changes:
            if not new and not self.wishes.consent(self.state):
                raise S3SyncError(f"Cancelled: {self.target.bucket} was not changed.", code="Cancelled")
            self._apply(changes)
        self._tell_of_lacks()

    def _guard(self, now: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """What others have written into the policy must not come to act by what is lifted here."""
        was, will = opened(self.wanted, self.target.bucket, now, wanted)
        fresh = [place for place in will if place not in was]
        if fresh:
            raise GuardRefused(
                f"The policy of {self.target.bucket} has statements that would let everybody read "
                f"{fresh[0] or 'all'!r}, which is private; only its public access block holds them back.",
                code="Exposes", hint="take these statements out of the policy, or use a bucket of its own",
            )  # fmt: skip
        if will:
            self.run.report.differences = True
            self._warn("exposed", (
                f"a statement of its policy that this command did not write lets others read {will[0] or 'all'!r}, "
                "which is private: take it out; s3_verify_acl says who reads"
            ))  # fmt: skip

    def _apply(self, changes: Sequence[Setting]) -> None:
        for change in changes:
            lack = self.bucket.write(change.name, change.wanted)
            change.result, change.detail = ("done", "") if lack is None else ("unavailable", lack)
        # Some servers answer 200 to what they don't know.
        done = [change for change in changes if change.result == "done"]
        for attempt in range(3):
            found, _ = self.bucket.read([change.name for change in done])
            again = plan(self.wanted, found, self.bucket.provider)
            untaken = [each for each in done if again.get(each.name, ()) != found.get(each.name)]
            if not untaken:
                return
            time.sleep(attempt * self.target.is_aws)
        for change in untaken:
            change.result, change.detail = "unavailable", "the server took it, and does not have it"

    def _tell_of_lacks(self) -> None:
        for each in self.state.settings:
            if each.result == "unavailable":
                self._warn(f"{each.name}-unavailable", f"{_WITHOUT[each.name]} ({each.detail})")
        if self.bucket.provider == "ceph" and "block" in self.asked:
            self.run.emit(Finding("ceph-block", "info", (
                f"{self.target.bucket}: BlockPublicAcls is left off, since Ceph RGW would refuse every upload with it; "
                "public ACLs are ignored instead."
            )))  # fmt: skip

    def _warn(self, what: str, text: str) -> None:
        self.run.emit(Finding(what, "warning", f"{self.target.bucket}: {text}."))


_WITHOUT = {
    "block": "the server has no public access block: a wrong policy or ACL would make objects public",
    "policy": "the server has no bucket policies: what is meant to be public can't be read yet",
    "ownership": "the server has no object ownership: ACLs can't be switched off",
    "versioning": "the server has no versioning",
    "cors": "the server has no CORS rules: browsers refuse its fonts and modules",
}


def _new(names: Sequence[str]) -> dict[str, Any]:
    return {name: _NEW[name] for name in names}


def _remote_error(bucket: str, error: Exception) -> RemoteError:
    trouble, operation = trouble_of(error), operation_of(error) or "HeadBucket"
    hint = hint_for(trouble, operation, bucket, "*") or trouble.message
    return RemoteError(operation, bucket, code=trouble.code, http=trouble.http, hint=hint)
