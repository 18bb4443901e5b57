"""Who is meant to read what a storage writes."""

from __future__ import annotations

from typing import Any

import pytest

from s3sync.access.intent import StorageFacts, contradictions, derive, intent_of, is_meant_public

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


S: dict[str, Any] = {"acl": None, "url_is_signed": True, "wants_signed": True}
PLAIN: dict[str, Any] = {"acl": None, "url_is_signed": False}
DOMAIN: dict[str, Any] = {**PLAIN, "custom_domain": True}
STORAGES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    # What it is in django-storages, what it says, what it means, and what does not fit together.
    ("S3Storage as it comes", S, "private", []),
    ("public-read", {**S, "acl": "public-read"}, "undeclared", ["public-signed"]),
    ("public-read, no signatures", {**PLAIN, "acl": "public-read"}, "public", []),
    ("no signatures", PLAIN, "public", []),
    ("no signatures, written as private", {**PLAIN, "acl": "private"}, "public", ["private-unsigned"]),
    ("static, signed", {**S, "serves_static": True}, "private", ["static-signed"]),
    ("static", {**PLAIN, "serves_static": True}, "public", []),
    ("custom domain, signatures asked for", {**DOMAIN, "wants_signed": True}, "cdn", ["unsigned-domain"]),
    ("custom domain, private media", {**DOMAIN, "acl": "private", "wants_signed": True}, "cdn",
     ["private-unsigned", "unsigned-domain"]),
    ("custom domain, no signatures", DOMAIN, "cdn", []),
    ("custom domain, public-read", {**DOMAIN, "acl": "public-read"}, "public", []),
    ("custom domain, ACL untold", {**DOMAIN, "acl_is_told": False}, "cdn", ["acl-untold"]),
    ("S3 as custom domain", {**DOMAIN, "custom_domain_is_s3": True}, "public", []),
    ("CloudFront key", {**S, "custom_domain": True, "custom_domain_signs": True}, "private", []),
    ("CloudFront key, no signatures", {**DOMAIN, "custom_domain_signs": True}, "cdn", ["unused-key"]),
    ("CloudFront key, no custom domain", {**S, "custom_domain_signs": True}, "private", ["unused-key"]),
    ("grants to everybody", {**S, "grants": ["uri=http://acs.amazonaws.com/groups/global/AllUsers"]}, "undeclared",
     ["public-signed"]),
    ("authenticated-read", {**S, "acl": "authenticated-read"}, "undeclared", ["public-signed", "accounts-read"]),
    ("ACL untold", {**S, "acl_is_told": False}, "undeclared", ["acl-untold"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "intent", "found"), [case[1:] for case in STORAGES], ids=[case[0] for case in STORAGES]
)
def test_derive(facts: dict[str, Any], intent: str, found: list[str]) -> None:
    """An unsigned address is for everybody, a signed one is not; what contradicts itself is not guessed at."""
    assert (intent, "derived") == derive(StorageFacts(**facts))
    assert found == [finding.id for finding in contradictions(StorageFacts(**facts))]


def test_what_is_written_overrules() -> None:
    """Only what is written is declared."""
    facts = StorageFacts(**PLAIN)
    assert ("private", "declared") == intent_of(facts, PARTLY, "a.png")
    assert ("cdn", "declared") == intent_of(facts, PARTLY, "cdn/a.png")
    assert ("public", "derived") == intent_of(facts, [("private/", "private")], "a.png")
    assert ("public", "derived") == intent_of(facts, None, "a.png")


@pytest.mark.parametrize(
    ("facts", "declared", "found"),
    [
        ({**S, "acl": "public-read"}, "public", []),
        ({**S, "acl": "public-read"}, "private", [("declared-otherwise", "high")]),
        ({**S, "acl": "public-read"}, "cdn", [("declared-otherwise", "high")]),
        (PLAIN, "private", [("declared-otherwise", "warning")]),
        ({**PLAIN, "acl": "private"}, "private", [("declared-otherwise", "warning")]),
        ({**S, "acl": "private"}, "public", [("declared-otherwise", "warning")]),
        (S, "private", []),
        (DOMAIN, "cdn", []),
        (PLAIN, "public", []),
    ],
)
def test_what_is_written_and_done_otherwise(facts: dict[str, Any], declared: str, found: list[tuple[str, str]]) -> None:
    """A declaration settles what was meant, not what the storage does."""
    findings = contradictions(StorageFacts(**facts), [("", declared)])
    assert found == [(finding.id, finding.severity) for finding in findings]


def test_a_declaration_for_some_names_settles_nothing_for_the_rest() -> None:
    """The others still contradict themselves."""
    facts = StorageFacts(**{**S, "acl": "public-read"})
    assert ["public-signed"] == [finding.id for finding in contradictions(facts, [("public/", "public")])]
