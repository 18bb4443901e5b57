"""What a storage's credentials may do, found out by calls that can change nothing, whatever is answered.

A part of an upload that does not exist can't be stored, and what does not exist can't be aborted; but the server looks
at the right first, and says NoSuchUpload only to those who have it. So do Amazon, by its documentation, and Ceph RGW
16, as tests show. What else is answered proves nothing.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from botocore.config import Config

from ..doctor.facts import Answer
from .checkup import answer_of, listed
from .detached import with_session
from .target import Target

TRAILING: Final = "UploadPart"
"""The operation under which the answer to a trailing checksum stands; all others are named after a right."""
_NAME = ".s3sync/doctor"
_ALLOWED = frozenset({"NoSuchUpload", "InvalidRange", "416", "InvalidObjectState"})
_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_ABSENT = ("NoSuchKey", "404")


def rights_of(target: Target, *, would_trail: bool) -> list[Answer]:
    """One answer for each right: well, `AccessDenied`, or another code where nothing was proven.

    With `would_trail` also whether the server takes boto3's trailing checksums, as `TRAILING`.
    """
    key, bucket = target.prefix + _NAME, target.bucket
    client = with_session(target.client, _Once(target.client._endpoint.http_session))
    upload = {"Bucket": bucket, "Key": key, "UploadId": "2~" + secrets.token_urlsafe(24)}
    listing, there = listed(target.client, bucket, target.listing_prefix(""))
    found = [_proven("ListBucket", listing)]

    def ask(right: str, call: Callable[[], Any], is_there: bool = True) -> Answer:
        answer = _answered(right, call, bucket, f"{target.prefix}*")
        found.append(_proven(right, answer) if is_there else _proven_by_absence(right, answer, is_aws=target.is_aws))
        return answer

    reads = {"Bucket": bucket, "Key": there or key}
    ask("GetObject", lambda: client.get_object(**reads, Range="bytes=0-0")["Body"].close(), there is not None)
    ask("GetObjectAcl", lambda: client.get_object_acl(**reads), there is not None)
    abort = ask("AbortMultipartUpload", lambda: client.abort_multipart_upload(**upload))
    if not target.is_aws and abort.code != "NoSuchUpload" and abort.code not in _DENIED:
        # A server that does not know uploads in parts could take the next call for that of an object.
        return [*found, Answer(operation="PutObject", code="NotAsked")]
    ask("PutObject", lambda: client.upload_part(**upload, PartNumber=1, Body=b""))
    if would_trail:
        trailing = with_session(_trailing_client(target), _Once(target.client._endpoint.http_session))
        answer = _answered(TRAILING, lambda: trailing.upload_part(**upload, PartNumber=1, Body=b"0"), bucket, key)
        found.append(replace(answer, hint=_config_without(target)))
    return found


def _answered(operation: str, call: Callable[[], Any], bucket: str, key: str) -> Answer:
    try:
        call()
    except _Broken as error:
        return Answer(operation=operation, code=str(error.status), http=error.status)
    except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
        return answer_of(error, operation, bucket, key)
    return Answer(operation=operation, http=200)


def _proven(right: str, answer: Answer) -> Answer:
    """An answer as that to a question about a right."""
    if answer.code in _ALLOWED:
        return Answer(operation=right, http=answer.http)
    # A Deny may ask for something that this call did not have with it, such as encryption.
    is_no = answer.code in _DENIED and "explicit deny" not in answer.message
    code = "AccessDenied" if is_no else "NotProven" if answer.code in _DENIED else answer.code
    return replace(answer, operation=right, code=code)


def _proven_by_absence(right: str, answer: Answer, *, is_aws: bool) -> Answer:
    """The same of a key that is not there: Amazon looks at the right first, others do not.

    Whoever may not list is answered with 403 for what is not there; within an account, Amazon names what was missing.
    """
    if is_aws and answer.code in _ABSENT:
        return Answer(operation=right, http=answer.http)
    proven = _proven(right, answer)
    if proven.code == "AccessDenied" and f"s3:{right} " not in answer.message:
        return replace(proven, code="NotProven")
    return proven


def _trailing_client(target: Target) -> Any:
    """A client that sends what boto3 sends by default, and the site's own uploads do."""
    storage = copy.copy(target.storage)
    storage.client_config = storage.client_config.merge(Config(request_checksum_calculation="when_supported"))
    return Target.of(target.alias, storage).client


def _config_without(target: Target) -> str:
    """The client_config that leaves them out, and replaces what django-storages makes of these options."""
    storage = target.storage
    said = []
    if storage.addressing_style:
        said.append(f's3={{"addressing_style": "{storage.addressing_style}"}}')
    if storage.signature_version:
        said.append(f'signature_version="{storage.signature_version}"')
    if storage.proxies:
        said.append("proxies=...")  # which may hold a password
    said += ['request_checksum_calculation="when_required"', 'response_checksum_validation="when_required"']
    return f"Config({', '.join(said)})"


class _Broken(Exception):
    """The server has failed; nobody tries again."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Once:
    """Stands in for botocore's HTTP session: of what proves nothing, once is enough."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, request: Any) -> Any:
        response = self._session.send(request)
        if response.status_code >= 500:
            raise _Broken(response.status_code)
        return response
