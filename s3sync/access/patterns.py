"""What a policy's `*` and `?` match (IAM User Guide, "IAM JSON policy elements: Resource").

`*` stands for any characters, slashes and none included, `?` for one. There is no escape but a policy variable.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .logic import ALWAYS, NEVER, SOMETIMES, UNREAD, VISITOR, YES, Ways

_PARTITION = re.compile(r"arn:aws(?:-[a-z-]+)?:")
_VARIABLE = re.compile(r"\$\{[^}]*\}?")
_EMPTY = "arn:aws:s3:::"


class Subject(NamedTuple):
    """What is asked about: a bucket `b`, an object `b/key`, or all whose names begin so."""

    name: str
    is_prefix: bool = False


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Takes time linear in text and pattern: keys are made by strangers."""
    pieces, width = _pieces(pattern)
    first = pieces[0].match(text)
    if len(pieces) == 1:
        return first is not None and first.end() == len(text)
    end = len(text) - width
    if first is None or first.end() > end or not pieces[-1].match(text, end):
        return False
    at = first.end()
    for piece in pieces[1:-1]:
        found = piece.search(text, at, end)
        if found is None:
            return False
        at = found.end()
    return True


@lru_cache(maxsize=4096)
def _pieces(pattern: str) -> tuple[list[re.Pattern[str]], int]:
    """What stands between the stars, and how many characters follow the last one."""
    pieces = re.split(r"\*+", pattern)
    made = ["".join("." if char == "?" else re.escape(char) for char in piece) for piece in pieces]
    return [re.compile(piece, re.DOTALL) for piece in made], len(pieces[-1])


@lru_cache(maxsize=4096)
def fits_beginning(pattern: str, beginning: str) -> Ways:
    """Whether all, no, or some of the texts that begin so match; `SOMETIMES` where that is not plain to see."""
    places = {0}
    for char in beginning:
        places = _onwards(pattern, places)
        inside = (at for at in places if at < len(pattern))
        places = {at if pattern[at] == "*" else at + 1 for at in inside if pattern[at] in (char, "?", "*")}
        if not places:
            return NEVER
    covered = any(pattern[at:] and not pattern[at:].strip("*") for at in places)
    return ALWAYS if covered else SOMETIMES


def _onwards(pattern: str, places: set[int]) -> set[int]:
    """These places, and those behind the stars that may stand for nothing."""
    seen = set(places)
    for start in places:
        at = start
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            seen.add(at)
    return seen


def resource_matches(pattern: str, subject: Subject) -> Ways:
    """Whether a `Resource` names the subject.

    The partition (`aws`, `aws-cn`) is not compared: S3 takes no policy with the wrong one. A policy variable has a
    value that we don't know. So has an ARN with an account or region in it, which AWS has for other things than
    buckets, and other servers for tenants.
    """
    if "${" in pattern:
        found = _matches(_VARIABLE.sub("*", pattern), subject)
        return frozenset(VISITOR if way is YES else way for way in found)
    found = _matches(pattern, subject)
    if found == NEVER and (foreign := _without_tenant(pattern)) is not None:
        return frozenset(UNREAD if way is YES else way for way in _matches(foreign, subject))
    return found


def _matches(pattern: str, subject: Subject) -> Ways:
    wanted = _without_partition(pattern)
    name = _EMPTY + subject.name
    if subject.is_prefix:
        return fits_beginning(wanted, name)
    return ALWAYS if fits(wanted, name) else NEVER


@lru_cache(maxsize=4096)
def _without_partition(pattern: str) -> str:
    found = _PARTITION.match(pattern)
    return "arn:aws:" + pattern[found.end() :] if found else pattern


def _without_tenant(pattern: str) -> str | None:
    """What is left of a resource that is no plain bucket's or object's; None if it is one, or of another service."""
    parts = pattern.split(":", 5)
    if len(parts) < 6:
        return None if pattern.startswith("arn:") else _EMPTY + pattern
    return _EMPTY + parts[5] if parts[2] == "s3" and (parts[3] or parts[4]) else None
