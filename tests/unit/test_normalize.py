"""`--normalize nfc`: names as macOS writes them, in the order of the keys that they get."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.objects import LocalFile, RemoteObject
from s3sync.core.plan import Entry, Held, Join, Match, Passed
from s3sync.core.scope import Scope
from s3sync.local.walk import Walk, composed
from tests.strategies import SLOW

PARTS = ["a", "e\u0301", "é", "e", "ez", "f", "u\u0308-e\u0301", "ü", "한", "\u1112\u1161\u11ab", "\u212b", "z"]


def joined(root: str, keys: list[str]) -> tuple[dict[str, tuple[int, bool]], bool]:
    """Key -> how many files, and whether there is an object, as the one pass over both sides finds them."""
    held = Held()

    def hold(entry: Entry) -> None:
        held.add(entry.name, entry)

    walk = Walk(root=root, scope=Scope(), hold=hold, is_regular=lambda _: True, compose=True)
    objects = [RemoteObject(key, 1, "", "") for key in sorted(keys)]
    join = Join(walk, [objects], lambda name: name, held)
    found: dict[str, tuple[int, bool]] = {}
    for match in join:
        assert isinstance(match, Match)
        if isinstance(match.passed, Passed):
            continue
        assert match.key not in found
        found[match.key] = len(match.files), match.obj is not None
    return found, join.disordered


@SLOW
@given(
    st.sets(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join), max_size=12),
    st.sets(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join), max_size=12),
)
def test_every_file_meets_the_object_of_its_composed_name(names: set[str], keys: set[str]) -> None:
    """Whatever composition does to the order; files of one key come together."""
    expected: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            path = os.path.join(root, name)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb"):
                    expected[unicodedata.normalize("NFC", name)][0] += 1
            except OSError:  # a folder has this name, or a file that of its folder
                continue
        for key in keys:
            expected[key][1] += 1

        found, disordered = joined(root, sorted(keys))

    assert ({key: (files, bool(objects)) for key, (files, objects) in expected.items()}, False) == (found, disordered)


def test_paths_stay_and_what_is_no_utf8_too() -> None:
    """What is opened is what the disk has."""
    with tempfile.TemporaryDirectory() as root:
        for name in (b"e\xcc\x81", b"e\xcc\x81\xff"):
            with open(os.path.join(os.fsencode(root), name), "wb"):
                pass
        held = Held()
        walk = Walk(root=root, scope=Scope(), hold=lambda entry: held.add(entry.name, entry),
                    is_regular=lambda _: True, compose=True)  # fmt: skip
        (passed,) = walk
        ((file,),) = held.by_key.values()

        assert isinstance(file, LocalFile)
        assert ("é", os.path.join(root, "e\u0301")) == (file.name, file.path)
        assert ("e\u0301\udcff", False) == (passed.name, isinstance(passed, LocalFile))
    assert "e\u0301\udcff" == composed("e\u0301\udcff")
