"""Takes away what a trial has put into a bucket, versions, delete markers and unfinished uploads included."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ..doctor.facts import Answer
from ..doctor.trial import Left
from .checkup import answer_of
from .errors import REMOTE_ERRORS, trouble_of
from .objects import customer_key
from .target import Target

_OLD = timedelta(hours=1)
_NULL = "null"
"""The version that an object has which was put before versioning began: any bucket may be asked to delete it."""
_PATIENCE = 16
"""Versions of one key that are taken away where no listing names them; a trial makes less than ten."""


class _Thing(NamedTuple):
    key: str
    version: str = ""
    upload: str = ""


def ended(operation: str, error: BaseException, target: Target, *, rights: str = "") -> Answer:
    """How a call ended that raised. `rights` is for a write that needs more than its operation says."""
    return replace(answer_of(error, rights or operation, target.bucket, target.prefix + "*"), operation=operation)


@dataclass(slots=True)
class Shelf:
    """Where a trial's objects lie. Used by one thread."""

    target: Target
    versioned: bool | None = None
    """None: nobody can tell."""
    keys: list[str] = field(default_factory=list)
    """What may have been written."""
    uploads: list[tuple[str, str]] = field(default_factory=list)
    """Key and id of uploads that may be unfinished."""

    def why_not(self, key: str) -> Answer | None:
        """Why nothing is to be written, as it might stay; learns on the way whether the bucket keeps versions.

        Deletes a key that is not there, in a way that leaves no delete marker.
        """
        client, bucket = self.target.client, self.target.bucket
        if any(name.startswith("ObjectLock") for name in self.target.rendering_of(key).parameters.params):
            return _no("PutObject", "the storage's object_parameters lock what is written")
        try:
            answer = client.get_bucket_versioning(Bucket=bucket)
            self.versioned = answer.get("Status") in ("Enabled", "Suspended")
            if answer.get("MFADelete") == "Enabled":
                return _no("GetBucketVersioning", "versions are deleted with MFA only")
        except ClientError as error:
            self.versioned = False if trouble_of(error).http in (405, 501) else None
        locked = self._lock() if self.versioned else None
        if locked is not None:
            return locked
        version = {} if self.versioned is False else {"VersionId": _NULL}
        try:
            client.delete_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if trouble_of(error).http in (403, 405, 501):
                return ended("DeleteObject", error, self.target)
        return None

    def _lock(self) -> Answer | None:
        try:
            found = self.target.client.get_object_lock_configuration(Bucket=self.target.bucket)
        except ClientError:
            return None  # there is none, or the server knows none
        rule = found.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
        return _no("GetObjectLockConfiguration", "Object Lock retains whatever is written") if rule else None

    def leftovers(self, prefix: str) -> int:
        """Takes away what ended runs have left under this prefix; returns how many. What can't be removed, stays."""
        removed = 0
        client, bucket = self.target.client, self.target.bucket
        try:
            listing = "list_object_versions" if self.versioned else "list_objects_v2"
            answer = getattr(client, listing)(Bucket=bucket, Prefix=prefix)
            limit = _now(answer) - _OLD
            for entry in (each for name in ("Contents", "Versions", "DeleteMarkers") for each in answer.get(name, ())):
                if entry["LastModified"] < limit:
                    self._remove(_Thing(entry["Key"], entry.get("VersionId", "")))
                    removed += 1
            answer = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
            for entry in answer.get("Uploads", ()):
                if entry["Initiated"] < limit:
                    self._remove(_Thing(entry["Key"], upload=entry["UploadId"]))
                    removed += 1
        except REMOTE_ERRORS:
            pass  # somebody with more rights may do it
        return removed

    def clear(self) -> list[Left]:
        """Takes everything away; returns what could not be. Never raises what a call raises."""
        left = []
        # One after the other: the newest version of a key is another one as soon as one was taken away.
        for thing in itertools.chain(self._unfinished(), *map(self._stored, self.keys)):
            try:
                self._remove(thing)
            except REMOTE_ERRORS as error:
                operation = "AbortMultipartUpload" if thing.upload else "DeleteObject"
                left.append(Left(
                    key=thing.key, version=thing.version, upload=thing.upload,
                    answer=ended(operation, error, self.target),
                ))  # fmt: skip
        return left

    def _remove(self, thing: _Thing) -> None:
        client, where = self.target.client, {"Bucket": self.target.bucket, "Key": thing.key}
        try:
            if thing.upload:
                client.abort_multipart_upload(**where, UploadId=thing.upload)
            else:
                client.delete_object(**where, **({"VersionId": thing.version} if thing.version else {}))
        except ClientError as error:
            if trouble_of(error).http != 404:  # it is gone, which some servers complain about
                raise

    def _unfinished(self) -> Iterator[_Thing]:
        """Those that are known, and those whose id got lost on the way here."""
        known = dict.fromkeys(self.uploads)
        for key in {key for key, _ in known if key}:
            try:
                found = self.target.client.list_multipart_uploads(Bucket=self.target.bucket, Prefix=key)
            except REMOTE_ERRORS:
                continue
            known.update(dict.fromkeys((key, each["UploadId"]) for each in found.get("Uploads", ())))
        yield from (_Thing(key, upload=upload) for key, upload in known if upload)

    def _stored(self, key: str) -> Iterator[_Thing]:
        """Each version and delete marker; of a bucket without, the object, whether it is there or not."""
        if self.versioned is False:
            yield _Thing(key)
            return
        try:
            answer = self.target.client.list_object_versions(Bucket=self.target.bucket, Prefix=key)
        except REMOTE_ERRORS:
            yield from self._peeled(key)
            return
        for entry in (each for name in ("Versions", "DeleteMarkers") for each in answer.get(name, ())):
            if entry["Key"] == key:
                yield _Thing(key, entry["VersionId"])

    def _peeled(self, key: str) -> Iterator[_Thing]:
        """Without a right to list versions: the newest, as a HEAD names it, until there is none."""
        seen = set()
        for _ in range(_PATIENCE):
            version = self._newest(key)
            if version is None or version in seen:
                return
            seen.add(version)
            yield _Thing(key, version)

    def _newest(self, key: str) -> str | None:
        extra = customer_key(self.target.rendering_of(key).parameters.params)
        try:
            return str(self.target.client.head_object(Bucket=self.target.bucket, Key=key, **extra).get("VersionId", ""))
        except ClientError as error:
            headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
            return headers.get("x-amz-version-id") if "x-amz-delete-marker" in headers else None


def _no(operation: str, why: str) -> Answer:
    return Answer(operation=operation, code="Kept", hint=f"{why}, so it would stay")


def _now(answer: Any) -> datetime:
    """The server's time, by which it dates its objects."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError, TypeError):
        return datetime.now(timezone.utc)
