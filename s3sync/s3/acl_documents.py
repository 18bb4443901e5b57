"""The documents that GetObjectAcl and GetBucketAcl answer with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ..access.facts import PERMISSIONS, Grant
from .documents import WrongDocument, is_object_itself, local
from .errors import Trouble

_S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_GRANTEES = {"CanonicalUser": "ID", "Group": "URI"}

_T = rb"[^<&\x00-\x20]+"
_NAME = rb"(?:<DisplayName>[^<&\x00-\x1f]*</DisplayName>)?"
_GRANT = (
    rb'<Grant><Grantee xmlns:xsi="http://www\.w3\.org/2001/XMLSchema-instance" xsi:type="'
    rb'(?:CanonicalUser">' + _NAME + rb"<ID>(" + _T + rb")</ID>" + _NAME + rb'|Group"><URI>(' + _T + rb")</URI>)"
    rb"</Grantee><Permission>(READ|WRITE|READ_ACP|WRITE_ACP|FULL_CONTROL)</Permission></Grant>"
)
_PLAIN = re.compile(
    rb'(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?\?>\s*)?'
    rb'<AccessControlPolicy(?: xmlns="http://s3\.amazonaws\.com/doc/2006-03-01/")?>'
    rb"<Owner>" + _NAME + rb"<ID>(" + _T + rb")</ID>" + _NAME + rb"</Owner>"
    rb"<AccessControlList>((?:" + re.sub(rb"\((?!\?)", rb"(?:", _GRANT) + rb")*)</AccessControlList>"
    rb"</AccessControlPolicy>\s*"
).fullmatch
"""As S3, Ceph and moto write it, to the letter."""
_EACH_GRANT = re.compile(_GRANT).findall


class ObjectAcl(NamedTuple):
    """Who owns an object and what its ACL grants; or why that could not be read."""

    key: str
    owner_id: str | None
    """Canonical id."""
    grants: tuple[Grant, ...] | None
    """None: unread. Without `error` they are all that there are, and may be none."""
    error: Trouble | None = None


class Acl(NamedTuple):
    """An owner and grants, without a key."""

    owner_id: str
    grants: tuple[Grant, ...]


class _Unexpected(Exception):
    """The document is not of the one form that `parse_acl` reads."""


@lru_cache(maxsize=512)
def parse_acl(body: bytes) -> Acl | None:
    """Reads an `AccessControlPolicy` of exactly the form that S3 documents; None for whatever else.

    Objects of one bucket have few different ACLs, hence the cache. "GetObjectAcl" in the Amazon S3 API Reference.
    """
    return _plain(body) or _any_form(body)


def _plain(body: bytes) -> Acl | None:
    """Ten times as fast as any parser, and the usual case."""
    found = _PLAIN(body)
    if found is None:
        return None
    try:
        body.decode()
        grants = [Grant((user or group).decode(), may.decode()) for user, group, may in _EACH_GRANT(found[2])]
        return Acl(found[1].decode(), tuple(grants))
    except UnicodeDecodeError:
        return None


def _any_form(body: bytes) -> Acl | None:
    """Whatever means the same: other white space, other prefixes, entities."""
    if b"<!" in body or b"\0" in body:  # declarations, sections, comments, UTF-16: nobody sends them
        return None
    try:
        root = ElementTree.fromstring(body)
        space = root.tag.removesuffix("AccessControlPolicy")
        if space not in (_S3, "") or root.tag != space + "AccessControlPolicy":
            return None
        parts = _parts(root, space, "Owner", "AccessControlList")
        owner = _parts(parts["Owner"], space, "ID", "DisplayName?")
        return Acl(_text(owner["ID"]), tuple(_grants(parts["AccessControlList"], space)))
    except (ElementTree.ParseError, _Unexpected):
        return None


def _grants(element: ElementTree.Element, space: str) -> Iterator[Grant]:
    for child in element:
        if child.tag != space + "Grant":
            raise _Unexpected
        parts = _parts(child, space, "Grantee", "Permission")
        name = _GRANTEES.get(parts["Grantee"].get(_TYPE, ""))
        permission = _text(parts["Permission"])
        if name is None or permission not in PERMISSIONS:
            raise _Unexpected
        grantee = _parts(parts["Grantee"], space, name, "DisplayName?")
        yield Grant(_text(grantee[name]), permission)


def _parts(element: ElementTree.Element, space: str, *names: str) -> dict[str, ElementTree.Element]:
    """The children, each of which has to be there once; `?` behind its name: or not at all."""
    parts = {child.tag.removeprefix(space): child for child in element}
    allowed = {name.rstrip("?") for name in names}
    needed = {name for name in names if not name.endswith("?")}
    if len(parts) != len(element) or not needed <= parts.keys() <= allowed:
        raise _Unexpected
    return parts


def _text(element: ElementTree.Element) -> str:
    text = (element.text or "").strip(" \t\r\n")  # XML's own white space
    if not text or len(element):
        raise _Unexpected
    return text


def check_acl(body: bytes, headers: Mapping[str, str]) -> None:
    """Raises WrongDocument if a 200 is no ACL at all; an error, or what may be cut off, is left to botocore."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        if b"<AccessControlPolicy" in body[:1024]:
            return  # botocore takes it for a server error, and tries again
        raise WrongDocument("it is no XML" if body else "it is empty") from error
    if local(root.tag) == "Error":
        return
    if local(root.tag) != "AccessControlPolicy" or "AccessControlList" not in {local(child.tag) for child in root}:
        raise WrongDocument(f"it is a <{local(root.tag)}>")
    if is_object_itself(body, headers):
        raise WrongDocument("it is the object's content")


def acl_of(answer: Mapping[str, Any]) -> Acl:
    """The same of what boto3 answers. Raises WrongDocument for grants that say nothing to us."""
    owner = answer.get("Owner", {}).get("ID")
    if not owner or "Grants" not in answer:
        raise WrongDocument("it names no owner" if not owner else "it has no list of grants")
    grants = []
    for grant in answer["Grants"]:
        grantee = grant.get("Grantee", {})
        who = grantee.get("ID") or grantee.get("URI") or grantee.get("EmailAddress")
        if not who or grant.get("Permission") not in PERMISSIONS:
            raise WrongDocument("it has a grant of another form than known")
        grants.append(Grant(who, grant["Permission"]))
    return Acl(owner, tuple(grants))
