"""Asks a server for conditional writes, and sees which it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..doctor.trial import Asked
from .conditions import Enforcement, condition_arguments
from .errors import REMOTE_ERRORS, Trouble, trouble_of
from .objects import content_md5, customer_key, etag_of, head_object
from .target import Target
from .transfer import Condition
from .trial import Sample

_STALE = Condition("0" * 32)


@dataclass(slots=True)
class Asking:
    """The object has to be there, and may be gone afterwards. What a call raises is an answer here."""

    target: Target
    sample: Sample
    uploads: list[tuple[str, str]]
    """Gets the uploads that may stay unfinished."""
    stopping: Callable[[], bool]
    _etag: str = ""

    def asked(self) -> Asked:
        """What each operation makes of conditions; `unproven` where trouble came between."""
        found = Asked()
        for ask in (self._new, self._match, self._complete, self._delete):
            if self.stopping():
                break
            found = ask(found)
        return found

    @property
    def _where(self) -> dict[str, Any]:
        return {"Bucket": self.target.bucket, "Key": self.sample.key}

    def _put(self, condition: Condition, *, bare: bool = False) -> tuple[Enforcement, Trouble | None]:
        """Puts it once more; ENFORCED if the server says that the condition does not hold, IGNORED if it is stored."""
        sample = self.sample
        try:
            answer = self.target.client.put_object(
                **self._where, Body=sample.body, ContentMD5=content_md5(sample.md5), **sample.parameters.params,
                **condition_arguments(condition, bare=bare),
            )  # fmt: skip
        except REMOTE_ERRORS as error:
            trouble = trouble_of(error)
            return Enforcement.shown_by(trouble), trouble
        self._etag = etag_of(answer) or self._etag
        return Enforcement.IGNORED, None

    def _new(self, found: Asked) -> Asked:
        return replace(found, new=self._put(Condition())[0].value)

    def _match(self, found: Asked) -> Asked:
        kept = self._put(_STALE)[0]
        if kept is not Enforcement.ENFORCED or found.new != Enforcement.ENFORCED.value:
            return replace(found, match=kept.value)
        self._etag = self._etag or self._now()
        return replace(found, match=kept.value, form=self._form())

    def _form(self) -> str:
        """How the ETag that the object has is to be written; empty if trouble hides it."""
        for bare, form in ((False, "quoted"), (True, "bare")):
            trouble = self._put(Condition(self._etag), bare=bare)[1]
            if trouble is None:
                return form
            if trouble.http not in (400, 412, 501):
                return ""
        return "none"

    def _now(self) -> str:
        try:
            extra = customer_key(self.sample.parameters.params)
            return etag_of(head_object(self.target.client, self.target.bucket, self.sample.key, extra=extra) or {})
        except REMOTE_ERRORS:
            return ""

    def _complete(self, found: Asked) -> Asked:
        client, customer = self.target.client, customer_key(self.sample.parameters.params)
        slot = len(self.uploads)
        self.uploads.append((self.sample.key, ""))  # from now on there may be one whose id nobody has heard
        try:
            upload = str(client.create_multipart_upload(**self._where, **self.sample.parameters.params)["UploadId"])
            self.uploads[slot] = (self.sample.key, upload)
            part = client.upload_part(**self._where, UploadId=upload, PartNumber=1, Body=self.sample.body, **customer)
        except REMOTE_ERRORS:
            return replace(found, complete=Enforcement.UNPROVEN.value)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        try:
            client.complete_multipart_upload(**self._where, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
        except REMOTE_ERRORS as error:
            trouble = trouble_of(error)
            self._finish(upload, parts)
            return replace(found, complete=Enforcement.shown_by(trouble).value, complete_http=trouble.http)
        self._etag = ""
        self.uploads.pop(slot)
        return replace(found, complete=Enforcement.IGNORED.value)

    def _finish(self, upload: str, parts: dict[str, Any]) -> None:
        """Without the right to abort it, completes it: an object can be deleted."""
        client = self.target.client
        try:
            client.abort_multipart_upload(**self._where, UploadId=upload)
        except REMOTE_ERRORS:
            try:
                client.complete_multipart_upload(**self._where, UploadId=upload, MultipartUpload=parts)
            except REMOTE_ERRORS:
                return  # it is known, and told
            self._etag = ""
        self.uploads.remove((self.sample.key, upload))

    def _delete(self, found: Asked) -> Asked:
        trouble = self._deleted(_STALE, bare=False)
        if trouble is not None:
            kept = Enforcement.shown_by(trouble)
        else:
            self._etag = self._now()
            kept = Enforcement.ENFORCED if self._etag else Enforcement.IGNORED
        if found.enforcement != Enforcement.ENFORCED.value or kept is Enforcement.IGNORED:
            return replace(found, delete=kept.value)
        self._etag = self._etag or self._now()
        if not self._etag:
            return replace(found, delete=kept.value)
        bare = found.form == "bare"  # as a push would, which knows one form for all
        trouble = self._deleted(Condition(self._etag), bare=bare)
        refused = trouble is not None and trouble.http in (400, 412, 501)
        return replace(found, delete=kept.value, delete_form="none" if refused else "" if trouble else found.form)

    def _deleted(self, condition: Condition, *, bare: bool) -> Trouble | None:
        try:
            self.target.client.delete_object(**self._where, **condition_arguments(condition, bare=bare))
        except REMOTE_ERRORS as error:
            return trouble_of(error)
        return None
