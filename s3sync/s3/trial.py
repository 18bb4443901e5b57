"""One small object, put and got back in each way in which a storage's objects are."""

from __future__ import annotations

import copy
import hashlib
import io
import itertools
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from botocore.config import Config
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

from ..doctor.facts import Answer
from ..doctor.trial import Way
from .calls import CallCounter
from .conditions import Conditions
from .engine_boto3 import Boto3Engine
from .engine_fast import FastEngine
from .errors import REMOTE_ERRORS, Trouble, hint_for, writing
from .metadata import difference
from .objects import content_facts, customer_key, etag_of, head_object
from .target import Target
from .transfer import Completion, Put, Refused, Stored, WriteParameters
from .trial_removal import ended

_NAMES = ("request_checksum_calculation", "response_checksum_validation")
_DEFAULTS = {"s3", "signature_version", "proxies"}
"""What django-storages writes into a client's configuration."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Sample:
    """A small object: under which name and key, what is given to the storage and what it makes of it."""

    name: str
    key: str
    raw: bytes
    body: bytes
    """As it is stored."""
    parameters: WriteParameters
    path: str = ""
    """A file that holds `raw`."""

    @property
    def md5(self) -> str:
        """Of what is stored."""
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


def sample_of(target: Target, name: str, raw: bytes, path: str) -> Sample:
    """As the storage would write it. Raises what the storage's own code raises."""
    key = target.key_of(name)
    rendering = target.rendering_of(key)
    body = raw
    if rendering.render is not None and not target.saves_itself:
        body = rendering.render(io.BytesIO(raw)).read()
    return Sample(name, key, raw, body, rendering.parameters, path)


def sent_by(
    engine: str, target: Target, sample: Sample, calls: CallCounter, interrupted: Callable[[], bool]
) -> Way:  # fmt: skip
    """Puts the object by one of our engines, and gets it back."""
    done: queue.Queue[Completion] = queue.Queue()
    put = Put(
        sample.key, sample.parameters, len(sample.body), sample.md5, None if target.saves_itself else sample.body,
        sample.path, None, sample.name,
    )  # fmt: skip
    sender: Boto3Engine | FastEngine
    if engine == "boto3":
        sender = Boto3Engine(target, Conditions(), deliver=done.put, workers=1)
    else:
        closed = target.why_not_fast
        if closed:
            return Way(name=engine, why_closed=closed)
        sender = FastEngine(target.client, target.bucket, deliver=done.put, start=1, ceiling=1, probing=calls.paused)
        closed = sender.prepare(sample.parameters, (sample.key,))
        if closed:
            sender.close()
            return Way(name=engine, why_closed=closed)
    try:
        sender.submit(put)
        completion = _awaited(done, sender.cancel, interrupted)
    except Exception:
        sender.close()
        raise
    # Whoever ends the process by a second signal does not wait for a thread that waits for an answer.
    sender.close()
    return _way(engine, target, sample, completion)


def _awaited(
    done: queue.Queue[Completion], cancel: Callable[[], None], interrupted: Callable[[], bool]
) -> Completion:  # fmt: skip
    cancelled = False
    while True:
        try:
            return done.get(timeout=0.1)
        except queue.Empty:
            if interrupted() and not cancelled:
                cancelled = True
                cancel()


def _way(engine: str, target: Target, sample: Sample, completion: Completion) -> Way:
    if isinstance(completion, Refused):
        trouble = Trouble(completion.code, completion.http, completion.message)
        hint = hint_for(trouble, writing(sample.parameters.params), target.bucket, target.prefix + "*")
        return Way(name=engine, put=Answer(
            operation="PutObject", code=completion.code, http=completion.http, hint=hint, message=completion.message,
        ))  # fmt: skip
    if not isinstance(completion, Stored):
        return Way(name=engine, why_closed=f"the server's answer was {completion.code}, which boto3 has to explain")
    way = Way(name=engine, put=Answer(operation="PutObject"))
    return way if target.saves_itself else _fetched(way, target, sample, completion.etag)


def _fetched(way: Way, target: Target, sample: Sample, etag: str) -> Way:
    """Gets the object, and compares it with what was put."""
    wanted = sample.parameters.params
    try:
        answer = target.client.get_object(Bucket=target.bucket, Key=sample.key, **customer_key(wanted))
        with answer["Body"] as stream:
            body: bytes = stream.read()
        told = {name: value for name, value in wanted.items() if name not in ("ACL", "SSEKMSKeyId")}
        differing = difference(target, sample.key, told, answer)
    except REMOTE_ERRORS as error:
        return replace(way, get=ended("GetObject", error, target))
    found = [f"{name} is {have!r} instead of {want!r}" for name, (have, want) in differing.items()]
    if body != sample.body:
        found.insert(0, f"the content: {len(body)} bytes that are not the {len(sample.body)} that were put")
    elif etag and etag_of(answer) != etag:
        found.append(f"ETag is {etag_of(answer)!r} instead of {etag!r}, as PutObject had answered")
    elif content_facts(answer).etag != sample.md5:
        target.etags_are_md5 = False
    return replace(way, get=Answer(operation="GetObject"), differences=tuple(found))


def saved_by_site(storage: Any, target: Target, sample: Sample, keys: list[str]) -> Way:
    """Saves and opens as the site does. `keys` gets all keys that are written meanwhile."""
    with _noting(storage, keys):
        try:
            saved = str(storage.save(sample.name, ContentFile(sample.raw)))
        except Exception as error:  # noqa: BLE001  the storage's own code may raise anything
            rights = writing(sample.parameters.params)
            return Way(name="site", put=ended("PutObject", error, target, rights=rights))
    way = Way(name="site", put=Answer(operation="PutObject"))
    try:
        with storage.open(saved) as stream:
            body = stream.read()
    except Exception as error:  # noqa: BLE001
        return replace(way, get=ended("GetObject", error, target))
    found = () if body == sample.raw else (f"the content: {len(body)} bytes that are not those that were saved",)
    return replace(way, get=Answer(operation="GetObject"), differences=found)


@contextmanager
def _noting(storage: Any, keys: list[str]) -> Iterator[None]:
    """Within it, the keys of all writes by the storage's client are noted."""

    def note(params: dict[str, Any], **_: Any) -> None:
        if params.get("Key") not in keys:
            keys.append(str(params.get("Key")))

    try:
        events = storage.bucket.meta.client.meta.events
    except Exception:  # noqa: BLE001  `save` is about to meet the same, and is asked for it
        yield
        return
    number = next(_numbers)
    names = [f"before-parameter-build.s3.{name}" for name in ("PutObject", "CreateMultipartUpload")]
    for name in names:
        events.register(name, note, unique_id=f"s3sync-trial-{name}-{number}")
    try:
        yield
    finally:
        for name in names:
            events.unregister(name, unique_id=f"s3sync-trial-{name}-{number}")


def with_when_required(storage: Any, target: Target) -> Any:
    """A copy of the storage that leaves boto3's new checksums out; None if its client is not made by its options."""
    if _makes_its_client(target):
        return None
    own = copy.copy(storage)
    own.client_config = own.client_config.merge(
        Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    )
    return own


def _makes_its_client(target: Target) -> bool:
    """Whether the project's own class makes the client, whatever the options say."""
    return type(target.storage).connection is not S3Storage.connection


def config_for(storage: Any) -> str:
    """What to write for that: a whole `Config(...)`, or what to add to the one that the project has written.

    A `client_config` replaces the one that django-storages makes of `addressing_style` and `signature_version`.
    """
    config = getattr(storage, "client_config", None)
    arguments = ", ".join(f'{name}="when_required"' for name in _NAMES)
    if config is None or set(getattr(config, "_user_provided_options", {})) - _DEFAULTS:
        return arguments
    kept = []
    if storage.addressing_style:
        kept.append(f's3={{"addressing_style": "{storage.addressing_style}"}}')
    if storage.signature_version:
        kept.append(f'signature_version="{storage.signature_version}"')
    return f"Config({', '.join([*kept, arguments])})"


def put_without_acl(target: Target, sample: Sample) -> Answer:
    """Puts the object without the ACL that the storage sends: whether that is what was refused."""
    params = {
        name: value for name, value in sample.parameters.params.items()
        if name != "ACL" and not name.startswith("Grant")
    }  # fmt: skip
    try:
        target.client.put_object(Bucket=target.bucket, Key=sample.key, Body=sample.body, **params)
    except REMOTE_ERRORS as error:
        return ended("PutObject", error, target)
    return Answer(operation="PutObject")


def deleted(target: Target, sample: Sample) -> Answer:
    """Deletes the object, and looks whether it is gone."""
    try:
        target.client.delete_object(Bucket=target.bucket, Key=sample.key)
    except REMOTE_ERRORS as error:
        return ended("DeleteObject", error, target)
    try:
        left = head_object(target.client, target.bucket, sample.key, extra=customer_key(sample.parameters.params))
    except REMOTE_ERRORS:
        left = None  # who may not list is told nothing of what is not there
    if left is not None:
        hint = "the server says that it is done, but the object is still there"
        return Answer(operation="DeleteObject", code="NotDeleted", hint=hint)
    return Answer(operation="DeleteObject")
