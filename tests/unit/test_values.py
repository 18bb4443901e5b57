"""What values of file fields come to: tables, and the storages' own rules as the judge."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from hypothesis import example, given, settings
from hypothesis import strategies as st
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from s3sync.core.derived import derived_by
from s3sync.core.media_report import MediaReport
from s3sync.core.objects import RemoteObject
from s3sync.core.old_urls import OldUrls
from s3sync.core.report import TargetFacts
from s3sync.core.values import Expected, folded, joined, likeness, no_key
from s3sync.local.ledger import Ledger
from s3sync.s3.target import Target
from s3sync.s3.values import NoKey, key_of_value

NFC, NFD = "caf\u00e9", "cafe\u0301"
KEYS = st.lists(st.text(alphabet="aB/é.-", max_size=3), max_size=12)


def obj(key: str, size: int = 1) -> RemoteObject:
    return RemoteObject(key, size, "etag", "2026-01-01T00:00:00Z")


@given(expected=KEYS, stored=KEYS)
def test_the_join_is_that_of_two_sets(expected: list[str], stored: list[str]) -> None:
    """Each value once, with its object; each object that no value names once."""
    rows = [Expected(key, number, 0, number, key) for number, key in enumerate(sorted(expected))]
    objects = [obj(key) for key in sorted(set(stored))]
    pairs = list(joined(rows, objects))
    assert rows == [each for each, _ in pairs if each is not None]
    assert [each.key if each.key in stored else None for each in rows] == [
        found.key if found else None for each, found in pairs if each is not None
    ]
    assert sorted(set(stored) - set(expected)) == [found.key for each, found in pairs if each is None and found]


@pytest.mark.parametrize(
    ("key", "other", "verdict"),
    [
        ("a.jpg", "a.jpg", None), ("a.jpg", "b.jpg", None), (NFC, NFD, "normalization"), (NFD, NFC, "normalization"),
        ("a.JPG", "A.jpg", "case"), (NFC.upper(), NFD, "case"), ("straße", "STRASSE", "case"), ("a", "a ", None),
    ],
)  # fmt: skip
def test_likeness(key: str, other: str, verdict: str | None) -> None:
    """Which two names a disk may have taken for one."""
    assert verdict == likeness(key, other)
    assert verdict == likeness(other, key)


@given(st.text())
def test_what_is_folded_forgets_form_and_case(text: str) -> None:
    """Whatever the form and case are, it is one."""
    assert folded(text) == folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))
    assert folded(text) == folded(folded(text))


@pytest.mark.parametrize(
    ("key", "why"),
    [("a" * 1024, None), ("a" * 1025, "1,025 bytes"), ("é" * 512, None), ("é" * 513, "1,026"), ("\udcff", "UTF-8"),
     ("", "empty")],
)  # fmt: skip
def test_no_key(key: str, why: str | None) -> None:
    """What S3 takes for a key."""
    assert (no_key(key) is None) if why is None else (why in str(no_key(key)))


class Flat(S3Storage):  # type: ignore[misc]
    """Has a rule for keys of its own."""

    def _normalize_name(self, name: str) -> str:
        return "flat-" + name.replace("/", "_")


@pytest.mark.parametrize(
    "target",
    [Target.of("default", cls(bucket_name="b", location=location))
     for cls, location in ((S3Storage, ""), (S3Storage, "m"), (Flat, ""))],
    ids=["root", "location", "own rule"],
)  # fmt: skip
@settings(deadline=None)
@given(name=st.text(alphabet="a/.\\é \0", min_size=1, max_size=8))
@example(name="a/./b")
@example(name="a/..")
@example(name="..a")
@example(name="a//")
def test_a_key_is_what_the_storage_itself_makes_of_the_name(target: Target, name: str) -> None:
    """`storage.open(name)` asks for this key, and no other."""
    try:
        own = target.storage._normalize_name(clean_name(name))
    except SuspiciousOperation:
        with pytest.raises(NoKey, match="leads out"):
            key_of_value(target, name)
        return
    if own in ("", target.prefix):
        with pytest.raises(NoKey):
            key_of_value(target, name)
    else:
        assert own == key_of_value(target, name)


# The ledger


def ledger_with(*places: tuple[dict[int, str], list[str]]) -> Ledger:
    """Of each place the values, by number of the field, and the keys that there are."""
    ledger = Ledger()
    for place, (values, _) in enumerate(places):
        for field, key in values.items():
            ledger.expect(place, key, field, field, key)
    for place, (_, keys) in enumerate(places):
        for each, found in joined(ledger.expected(place), [obj(key) for key in sorted(keys)]):
            if each is None and found is not None:
                ledger.spare(place, found, excused=False)
            elif each is not None and found is None:
                ledger.blame(each, place, "missing", None, None)
    return ledger


def test_what_was_meant_by_a_name_that_is_not_there() -> None:
    """The other Unicode form before the other case, either before another storage; and no such object is an orphan."""
    ledger = ledger_with(({0: NFC, 1: "a", 2: "b", 3: "c"}, [NFD, NFC.upper(), "A", "z", "C"]), ({}, ["b", "c", "y"]))
    ledger.find_alike(0)
    ledger.find_elsewhere(0, 1, lambda name: name)
    assert {
        NFC: ("normalization", NFD), "a": ("case", "A"), "b": ("wrong-storage", "b"), "c": ("case", "C"),
    } == {each.key: (each.verdict, each.other) for each in ledger.amiss()}  # fmt: skip
    assert [NFC.upper(), "z"] == sorted(key for key, _ in ledger.orphans(0))
    assert ["c", "y"] == [key for key, _ in ledger.orphans(1)]
    ledger.close()


def test_what_is_named_by_a_row_may_be_what_another_row_meant() -> None:
    """Two rows, one object: the second row's disk did not tell their names apart."""
    ledger = ledger_with(({0: "Photo.jpg", 1: "photo.jpg"}, ["photo.jpg"]))
    ledger.find_alike(0)
    assert [("Photo.jpg", "case", "photo.jpg")] == [(each.key, each.verdict, each.other) for each in ledger.amiss()]
    ledger.close()


def test_what_was_said_of_a_broken_listing_is_taken_back() -> None:
    """And how many values of each field it leaves undecided."""
    ledger = ledger_with(({0: "a", 1: "b"}, ["b", "c"]))
    ledger.name(0, "named")
    assert {0: 1, 1: 1} == ledger.withdraw(0)
    assert ([], []) == (list(ledger.amiss()), list(ledger.orphans(0)))
    ledger.close()


# Texts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<img src="/media/a.jpg">', ["a.jpg"]),
        ("<img src=/media/a.jpg>", ["a.jpg"]),
        ("![](/media/a.jpg) and /media/b.jpg.", ["a.jpg", "b.jpg"]),
        ("url(/media/a.jpg)", ["a.jpg"]),
        ("https://www.acme.example:8000/media/x/a%20b.jpg?v=1#top", ["x/a b.jpg"]),
        ("//www.acme.example/media/a.jpg", ["a.jpg"]),
        ("https://img.acme.test/media/a.jpg https://acme.test/media/b.jpg", ["a.jpg", "b.jpg"]),
        ("https://notacme.test/media/a.jpg", []),
        ("https://bucket.s3.amazonaws.com/media/a.jpg", []),
        ("/static/media/a.jpg ../media/a.jpg /media/ x/media/a", []),
        ('{"a": ["\\u003cimg src=\\"\\/media\\/\\u00e9.jpg\\"\\u003e"]}', ["é.jpg"]),
        ('{"broken": "/media/a.jpg', ["a.jpg"]),
        ('srcset="/media/a.jpg 1x, /media/b.jpg 2x"', ["a.jpg", "b.jpg"]),
        ("&quot;/media/a.jpg&quot;", ["a.jpg"]),
    ],
)
def test_old_urls_in_texts(text: str, found: list[str]) -> None:
    """Those of the site itself, in what people write."""
    old = OldUrls(["/media/"], ["www.acme.example", ".acme.test"])
    assert found == [each.name for each in old.find(text)]


def test_old_urls_of_another_host() -> None:
    """Of several addresses, each where it belongs."""
    old = OldUrls(["https://cdn.example/m/", "/uploads"], [])
    text = "https://cdn.example/m/a.jpg /m/b.jpg //cdn.example/m/c.jpg /uploads/d.jpg https://cdn.example/uploads/e.jpg"
    assert ["a.jpg", "c.jpg", "d.jpg"] == [each.name for each in old.find(text)]
    assert ("/m/", "/uploads/") == old.needles


@pytest.mark.parametrize(
    ("apps", "told", "name", "derived"),
    [
        (["easy_thumbnails"], {}, "a/b.jpg.300x200_q85_crop-smart.jpg", True),
        ([], {}, "a/b.jpg.300x200_q85_crop-smart.jpg", False),
        (["easy_thumbnails"], {}, "a/b.300x200.jpg", False),
        (["easy_thumbnails"], {"THUMBNAIL_BASEDIR": "thumbs"}, "thumbs/b.jpg", True),
        (["easy_thumbnails"], {"THUMBNAIL_SUBDIR": "small"}, "a/small/b.jpg", True),
        (["sorl.thumbnail"], {}, "cache/ab/c.jpg", True),
        (["sorl.thumbnail"], {"THUMBNAIL_PREFIX": ""}, "a.jpg", False),
        (["imagekit"], {}, "CACHE/images/a/b.jpg", True),
        (["imagekit"], {"IMAGEKIT_CACHEFILE_DIR": "made"}, "CACHE/images/a/b.jpg", False),
        (["versatileimagefield"], {}, "__sized__/a-crop.jpg", True),
        (["filer"], {}, "filer_public_thumbnails/a.jpg", True),
    ],
)
def test_derived_files(apps: list[str], told: dict[str, Any], name: str, derived: bool) -> None:
    """What no row names, because an app makes it again when it is gone."""
    assert derived is derived_by(apps, told).covers(name)


def test_an_empty_report_is_whole() -> None:
    """Nothing read, nothing amiss."""
    report = MediaReport(command="c", version="1", run_id="r", started="", target=TargetFacts("default"))
    assert (0, {}, []) == (report.exit_code, report.verdicts(), report.envelope()["fields"])
