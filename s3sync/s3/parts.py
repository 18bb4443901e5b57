"""Uploads in parts that a run has begun: none stays behind when it ends by itself.

s3transfer aborts what fails, but not what it does not know of: the first of two uploads, where the answer to the first
CreateMultipartUpload was lost; nor does it abort again where that was refused, or its answer lost.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import REMOTE_ERRORS, trouble_of
from .hooks import Hooks

_TRIES = 3
_SLACK = timedelta(seconds=2)
"""`Initiated` and `Date` may hold whole seconds."""


class Parts(Hooks):
    """Follows the uploads in parts of a client, by their Key. Threads may share it."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        self._open: defaultdict[str, set[str]] = defaultdict(set)
        self._doubtful: set[str] = set()
        """Keys of which an upload may have begun without our having been told."""
        self._left: set[str] = set()
        self._guard = threading.Lock()
        named = [
            (f"before-parameter-build.s3.{operation}", self._note)
            for operation in ("CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload")
        ]
        super().__init__(
            client, *named,
            ("after-call.s3.CreateMultipartUpload", self._begun),
            ("after-call-error.s3.CreateMultipartUpload", self._lost),
            ("after-call.s3.CompleteMultipartUpload", self._completed),
            ("after-call.s3.AbortMultipartUpload", self._aborted),
        )  # fmt: skip

    def are_left(self, key: str) -> bool:
        """Whether parts of it stay: there is no right to remove them."""
        return key in self._left

    def clear(self, key: str, began: float) -> None:
        """Gives up what is left of the uploads of a key that began at `began`, by `time.monotonic`; raises nothing.

        Nothing is asked of the server unless something went wrong.
        """
        with self._guard:
            known, doubtful = set(self._open.pop(key, ())), key in self._doubtful
            self._doubtful.discard(key)
        if doubtful:
            known |= self._found(key, began)
        for upload in known:
            self._abort(key, upload)

    def _found(self, key: str, began: float) -> set[str]:
        for _ in range(_TRIES):
            try:
                answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
                date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
                now = parsedate_to_datetime(date).replace(tzinfo=timezone.utc)
            except (*REMOTE_ERRORS, ValueError) as error:
                if trouble_of(error).http == 403:
                    break
                continue
            since: datetime = now - timedelta(seconds=time.monotonic() - began) - _SLACK
            if answer.get("Bucket"):  # else it is somebody else's answer
                uploads = answer.get("Uploads", ())
                return {each["UploadId"] for each in uploads if each["Key"] == key and each["Initiated"] >= since}
        return set()

    def _abort(self, key: str, upload: str) -> None:
        for _ in range(_TRIES):
            try:
                answer = self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
                if answer["ResponseMetadata"]["HTTPStatusCode"] == 204:
                    return
            except REMOTE_ERRORS as error:
                if trouble_of(error).http in (403, 404):
                    return

    @staticmethod
    def _note(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["s3sync_upload"] = params.get("Key", ""), params.get("UploadId", "")

    def _begun(self, http_response: Any, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> None:
        key, _none = context["s3sync_upload"]
        with self._guard:
            if parsed.get("UploadId"):
                self._open[key].add(parsed["UploadId"])
            if parsed.get("ResponseMetadata", {}).get("RetryAttempts") or not parsed.get("UploadId"):
                self._doubtful.add(key)

    def _lost(self, context: Mapping[str, Any], **_: Any) -> None:
        with self._guard:
            self._doubtful.add(context["s3sync_upload"][0])

    def _completed(self, http_response: Any, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> None:
        if http_response.status_code == 200 and is_confirmed(parsed):
            self._forget(context)

    def _aborted(self, http_response: Any, context: Mapping[str, Any], **_: Any) -> None:
        if http_response.status_code == 403:
            self._left.add(context["s3sync_upload"][0])
        elif http_response.status_code in (204, 404):
            self._forget(context)

    def _forget(self, context: Mapping[str, Any]) -> None:
        key, upload = context["s3sync_upload"]
        with self._guard:
            self._open[key].discard(upload)


def is_confirmed(parsed: Mapping[str, Any]) -> bool:
    """Whether an answer to CompleteMultipartUpload is S3's. Ceph RGW 16 leaves its ETag empty, not the rest."""
    return any(parsed.get(name) for name in ("ETag", "Key", "Bucket", "Location"))
