"""What `CutoverStorage` remembers of S3."""

from __future__ import annotations

from s3sync.storages.sightings import Sightings


def test_what_is_there_is_remembered_for_ever_and_what_is_not_for_a_while() -> None:
    """Unless an upload was quicker than the question."""
    known = Sightings()
    assert known.get("a", now=0) is None
    known.put("a", False, until=10)
    assert (False, None) == (known.get("a", now=9), known.get("a", now=10))
    known.put("a", True)
    known.put("a", False, until=20)
    assert (True, True) == (known.get("a", now=1), known.get("a", now=1e9))


def test_no_visitor_makes_it_grow() -> None:
    """What was learnt first is forgotten first."""
    known = Sightings(most=3)
    for key in "abcd":
        known.put(key, True)
    assert [None, True, True, True] == [known.get(key, now=0) for key in "abcd"]
