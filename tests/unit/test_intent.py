"""Who is meant to read what a storage writes."""

from __future__ import annotations

import pytest

from s3sync.access.intent import StorageFacts, is_meant_public

SIGNED, UNSIGNED = True, False
PARTLY = [("public/", "public"), ("cdn/", "cdn"), ("", "private")]
OVERLAPPING = [("a/b/", "public"), ("a/", "private"), ("a/c/", "public")]

CASES = [
    # ACL, url(), declared, name, public
    (None, SIGNED, None, "a.png", False),
    (None, UNSIGNED, None, "a.png", True),
    ("private", SIGNED, None, "a.png", False),
    ("private", UNSIGNED, None, "a.png", True),
    ("public-read", SIGNED, None, "a.png", True),
    ("public-read-write", SIGNED, None, "a.png", True),
    ("authenticated-read", SIGNED, None, "a.png", True),
    ("bucket-owner-full-control", SIGNED, None, "a.png", False),
    # A written intent counts before what is derived...
    (None, UNSIGNED, [("", "private")], "a.png", False),
    (None, SIGNED, [("", "public")], "a.png", True),
    (None, SIGNED, [("", "cdn")], "a.png", True),
    # ...but what is written with a public ACL is public.
    ("public-read", SIGNED, [("", "private")], "a.png", True),
    # The first prefix that matches.
    (None, SIGNED, PARTLY, "public/a.png", True),
    (None, SIGNED, PARTLY, "cdn/a.png", True),
    (None, UNSIGNED, PARTLY, "a.png", False),
    (None, UNSIGNED, PARTLY, "publicity/a.png", False),
    (None, UNSIGNED, PARTLY, "a/public/a.png", False),
    (None, SIGNED, OVERLAPPING, "a/b/x", True),
    (None, SIGNED, OVERLAPPING, "a/c/x", False),
    # No prefix matches: derived again.
    (None, SIGNED, [("public/", "public")], "a.png", False),
    (None, UNSIGNED, [("private/", "private")], "a.png", True),
    (None, UNSIGNED, [], "a.png", True),
]


@pytest.mark.parametrize(("acl", "signed", "declared", "name", "expected"), CASES)
def test_is_meant_public(
    acl: str | None, signed: bool, declared: list[tuple[str, str]] | None, name: str, expected: bool
) -> None:
    """A public ACL, then the written intent, then whether addresses are signed."""
    assert expected is is_meant_public(StorageFacts(acl=acl, url_is_signed=signed), declared, name)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        (['uri="http://acs.amazonaws.com/groups/global/AllUsers"'], True),
        (['id="1"', 'id="2", uri=http://acs.amazonaws.com/groups/global/AuthenticatedUsers'], True),
        (['uri="http://acs.amazonaws.com/groups/s3/LogDelivery"', 'id="1"'], False),
        ([], False),
    ],
)
def test_grants(grants: list[str], expected: bool) -> None:
    """A grant to everybody is as good as a public ACL."""
    facts = StorageFacts(acl=None, url_is_signed=True, grants=grants)
    assert expected is is_meant_public(facts, [("", "private")], "a.png")


def test_an_acl_that_is_not_told() -> None:
    """Not to know is not to be private."""
    facts = StorageFacts(acl=None, url_is_signed=True, acl_is_told=False)
    assert is_meant_public(facts, [("", "private")], "a.png")
