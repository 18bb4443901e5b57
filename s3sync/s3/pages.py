"""One page of a bucket's listing, read: ten times as fast as botocore's parser does, and as strict as XML is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from ..core.columns import Objects
from ..core.objects import RemoteObject
from ..core.plan import Keyed

_TERSE = (
    r"<Contents><Key>([^<&\x00-\x1f]+)</Key><LastModified>([^<&]*)</LastModified>"
    r"<ETag>(?:&quot;|\")([0-9A-Za-z-]*)(?:&quot;|\")</ETag>"
    r"(?:<Checksum(?:Algorithm|Type)>[^<&]*</Checksum(?:Algorithm|Type)>)*<Size>([0-9]{1,15})</Size>"
    r"(?:<StorageClass>[^<&]*</StorageClass>)?</Contents>"
)
"""What most servers write; looking for blanks that are not there takes a fifth more."""
_USUAL = (
    r"<Contents>\s*<Key>([^<&\x00-\x1f]+)</Key>\s*<LastModified>([^<&]*)</LastModified>\s*"
    r"<ETag>(?:&quot;|&#34;|\")([0-9A-Za-z-]*)(?:&quot;|&#34;|\")</ETag>\s*"
    r"(?:<Checksum(?:Algorithm|Type)>[^<&]*</Checksum(?:Algorithm|Type)>\s*)*<Size>([0-9]{1,15})</Size>\s*"
    r"(?:<StorageClass>[^<&]*</StorageClass>\s*|<Type>[^<&]*</Type>\s*|<Owner>"
    r"(?:\s*<(?:ID|DisplayName)>[^<&]*</(?:ID|DisplayName)>\s*|\s*<DisplayName/>\s*)*</Owner>\s*)*</Contents>"
)
"""An object as AWS, Ceph and MinIO write it: read so, it costs a third of what it does as a part of a tree of XML."""


class Listed(NamedTuple):
    """An object as listed, with what bears on who can read it."""

    key: str
    size: int
    etag: str
    """Unquoted."""
    modified: str
    """ISO 8601, UTC, as the server wrote it."""
    storage_class: str
    owner_id: str | None
    """Canonical id; None where the server does not tell."""


Item = TypeVar("Item", bound=Keyed)
_Contents = Iterator[tuple[str, dict[str, str], ElementTree.Element]]
"""Of each object its key, decoded, the texts of its elements and its own element."""


class Page(Generic[Item]):
    """One page of at most 1,000 objects."""

    __slots__ = ("bucket", "next_token", "objects")

    def __init__(self, objects: Sequence[Item], next_token: str | None, bucket: str) -> None:
        self.objects, self.next_token, self.bucket = objects, next_token, bucket

    @property
    def keys(self) -> Sequence[str]:
        """Those of the objects."""
        return self.objects.keys if isinstance(self.objects, Objects) else [each.key for each in self.objects]


def parse_page(body: bytes) -> Page[RemoteObject]:
    """Reads one answer of ListObjectsV2. Raises ParseError or ValueError if it is not one, whole."""
    return _usual_page(body) or _any_page(body)


def _usual_page(body: bytes) -> Page[RemoteObject] | None:
    """A page whose objects are all of the usual form; None for others. What is around the objects is left to XML."""
    if not body.isascii():
        return None
    text = body.decode("ascii")
    around, *found = re.split(_TERSE, text)
    if not found or "<Contents" in found[-1]:
        around, *found = re.split(_USUAL, text)
    around += "".join(found[4::5])
    if not found or "<Contents" in around or "<!" in around:  # of another form; or a comment, where nothing counts
        return None
    root, namespace = _root(around.encode("ascii"))
    keys = found[0::5]
    if root.findtext(namespace + "EncodingType") == "url":
        keys = [unquote_plus(key) if "%" in key or "+" in key else key for key in keys]
    objects = Objects(keys, list(map(int, found[3::5])), found[2::5], found[1::5])
    return Page(objects, _next_token(root, namespace), root.findtext(namespace + "Name") or "")


def _any_page(body: bytes) -> Page[RemoteObject]:
    root, namespace = _root(body)
    objects = Objects.of(
        RemoteObject(key, int(found["Size"]), found.get("ETag", "").strip('"'), found.get("LastModified", ""))
        for key, found, _ in _contents(root, namespace, ("Key", "Size", "ETag", "LastModified"))
    )
    return Page(objects, _next_token(root, namespace), root.findtext(namespace + "Name") or "")


def parse_owned_page(body: bytes) -> Page[Listed]:
    """The same of one that was asked for with `fetch-owner`."""
    root, namespace = _root(body)
    owner = f"{namespace}Owner/{namespace}ID"
    objects = [
        Listed(
            key, int(found["Size"]), found.get("ETag", "").strip('"'), found.get("LastModified", ""),
            found.get("StorageClass") or "STANDARD", element.findtext(owner) or None,
        )
        for key, found, element in _contents(root, namespace, ("Key", "Size", "ETag", "LastModified", "StorageClass"))
    ]  # fmt: skip
    return Page(objects, _next_token(root, namespace), root.findtext(namespace + "Name") or "")


def translate_page(answer: Mapping[str, Any]) -> Page[RemoteObject]:
    """What botocore has made of an answer of ListObjectsV2. Raises KeyError if it is not one."""
    objects = Objects.of(
        RemoteObject(key, found["Size"], found.get("ETag", "").strip('"'), _written(found))
        for key, found in _translated(answer)
    )
    return Page(objects, answer.get("NextContinuationToken"), answer["Name"])


def translate_owned_page(answer: Mapping[str, Any]) -> Page[Listed]:
    """The same of one that was asked for with `fetch-owner`."""
    objects = [
        Listed(
            key, found["Size"], found.get("ETag", "").strip('"'), _written(found),
            found.get("StorageClass") or "STANDARD", found.get("Owner", {}).get("ID"),
        )
        for key, found in _translated(answer)
    ]  # fmt: skip
    return Page(objects, answer.get("NextContinuationToken"), answer["Name"])


def _translated(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of each object its key, which botocore leaves encoded where it was asked for so, and what is told of it."""
    encoded = answer.get("EncodingType") == "url"
    for found in answer.get("Contents", ()):
        yield unquote_plus(found["Key"]) if encoded else found["Key"], found


def _written(found: Mapping[str, Any]) -> str:
    modified: datetime | None = found.get("LastModified")
    return "" if modified is None else f"{modified.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}"


def _root(body: bytes) -> tuple[ElementTree.Element, str]:
    root = ElementTree.fromstring(body)
    namespace, _, tag = root.tag.rpartition("}")
    if tag != "ListBucketResult":
        raise ValueError(f"<{tag}> instead of <ListBucketResult>")
    return root, namespace + "}" if namespace else ""


def _contents(root: ElementTree.Element, namespace: str, wanted: Sequence[str]) -> _Contents:
    """Keys come URL-encoded (`encoding-type=url`), as XML 1.0 can't hold all characters that a key may have."""
    encoded = root.findtext(namespace + "EncodingType") == "url"
    names = {namespace + name: name for name in wanted}
    for contents in root.iter(namespace + "Contents"):
        found = {names[child.tag]: child.text or "" for child in contents if child.tag in names}
        key = found["Key"]
        if encoded and ("%" in key or "+" in key):
            key = unquote_plus(key)
        yield key, found, contents


def _next_token(root: ElementTree.Element, namespace: str) -> str | None:
    truncated = (root.findtext(namespace + "IsTruncated") or "false") == "true"
    token = root.findtext(namespace + "NextContinuationToken") if truncated else None
    if truncated and not token:
        raise ValueError("the page is truncated but names no next one")
    return token
