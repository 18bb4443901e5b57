"""The pure side of a pull: what to do with a pair, and which keys are names of files."""

from __future__ import annotations

import os
import posixpath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.comparison import NEED_DIGEST, Action, Compare, Need, Pair, Rules, pull_time_ns
from s3sync.core.objects import Digest, Fingerprint, Head, Known, LocalFile, RemoteObject
from s3sync.core.pulling import Selection, decide_pull, unfit_for_files
from s3sync.management.options import moment, size

WHEN = "2024-05-01T12:00:00.000Z"
AT = 1714564800
MD5 = {name: f"{number:032x}" for number, name in enumerate(("one", "two", "three"))}


def pair(file: str, obj: str, known: str | None = None, *, mtime: float = AT, digest: bool = True) -> Pair:
    """`file` and `obj` are contents; `known` is the content that both had when they were last seen equal."""
    local = LocalFile("a", "/a", 3, int(mtime * 1e9), 0, 1)
    record = None if known is None else Known(MD5[known], 3, Fingerprint(3, MD5[known]))
    found = Digest(3, MD5[file]) if digest else None
    return Pair(local, RemoteObject("a", 3, MD5[obj], WHEN), record, 3, found, Head(3, MD5[obj]))


def emptied(full: Pair) -> Pair:
    """The same with a file that has no content."""
    return full._replace(file=full.file._replace(size=0), size=0, digest=Digest(0, MD5["two"]))


def undated(full: Pair) -> Pair:
    """The same on a server that does not tell when it stored the object."""
    assert full.obj is not None
    return full._replace(obj=full.obj._replace(modified=""))


TABLE: dict[str, tuple[Pair, dict[str, Any], Action]] = {
    "equal": (pair("one", "one"), {}, Action.NONE),
    "equal, but all is to come": (pair("one", "one"), {"compare": Compare.ALWAYS}, Action.DOWNLOAD),
    "equal though both changed": (pair("two", "two", "one"), {}, Action.NONE),
    "only the object changed": (pair("one", "two", "one"), {}, Action.DOWNLOAD),
    "only the file changed": (pair("two", "one", "one", mtime=AT + 5), {}, Action.KEEP),
    "only the file changed, and got an older time": (pair("two", "one", "one", mtime=AT - 5), {}, Action.KEEP),
    "the file changed, and its time was set back": (pair("two", "one", "one", mtime=AT), {}, Action.KEEP),
    "the file was empty after a crash": (emptied(pair("two", "one", "one", mtime=AT)), {}, Action.DOWNLOAD),
    "the file was emptied": (emptied(pair("two", "one", "one", mtime=AT + 1)), {}, Action.KEEP),
    "both changed": (pair("two", "three", "one"), {}, Action.CONFLICT),
    "both changed, the bucket's is wanted": (pair("two", "three", "one"), {"overwrite_newer": True}, Action.DOWNLOAD),
    "unknown, file older": (pair("one", "two", mtime=AT - 1), {}, Action.DOWNLOAD),
    "unknown, file newer": (pair("one", "two", mtime=AT + 0.5), {}, Action.KEEP),
    "unknown, file as old as a pull makes it": (pair("one", "two", mtime=AT), {}, Action.DOWNLOAD),
    "unknown, file newer by our clock alone": (pair("one", "two", mtime=AT + 5), {"skew": -10.0}, Action.DOWNLOAD),
    "unknown, file older by our clock alone": (pair("one", "two", mtime=AT - 5), {"skew": 10.0}, Action.KEEP),
    "unknown, and the server tells no time": (undated(pair("one", "two", mtime=AT - 5)), {}, Action.KEEP),
    "only the object changed, and the server tells no time": (undated(pair("one", "two", "one")), {}, Action.DOWNLOAD),
    "not compared": (pair("one", "two"), {"no_clobber": True}, Action.SKIP),
}


@pytest.mark.parametrize("case", TABLE)
def test_each_pair_is_decided(case: str) -> None:
    """The table of docs/pull.md."""
    given_pair, rules, expected = TABLE[case]
    decision = decide_pull(given_pair, Rules(**rules))
    assert not isinstance(decision, Need)
    assert expected is decision.action
    if expected is Action.DOWNLOAD:
        assert given_pair.obj is not None
        assert given_pair.obj.etag == decision.if_match


def test_a_file_is_read_only_where_that_tells() -> None:
    """What a size tells needs no digest; a replaced object needs one, to tell whether the file has changed too."""
    replaced = pair("one", "two", "one", digest=False)
    assert NEED_DIGEST == decide_pull(replaced, Rules())
    assert replaced.obj is not None
    shorter = replaced._replace(obj=replaced.obj._replace(size=2), known=None)
    assert Action.DOWNLOAD is decide_pull(shorter, Rules(overwrite_newer=True)).action  # type: ignore[union-attr]
    gone = decide_pull(replaced._replace(obj=None), Rules())
    assert Action.ORPHAN is gone.action  # type: ignore[union-attr]


@given(
    st.lists(st.text(st.characters(blacklist_categories=("Cs",)), max_size=5) | st.sampled_from(["", ".", "..", "a"]))
)
def test_what_is_fit_stays_below_its_folder(parts: list[str]) -> None:
    """Whatever a key is: a name that is let through is its own path below the folder, and no other name's."""
    name = "/".join(parts)
    if unfit_for_files(name) is None:
        path = posixpath.normpath(posixpath.join("/srv/media", name))
        assert f"/srv/media/{name}" == path
        assert os.fsencode(path)
        assert "\0" not in name
    else:
        assert {"", ".", ".."} & set(name.split("/")) or set("\\\0") & set(name)


def test_parts_are_counted_in_bytes() -> None:
    """255 bytes are a name, 256 none, however many characters these are."""
    assert unfit_for_files("ü" * 127 + "x") is None
    assert unfit_for_files("ü" * 128) is not None


def test_selection() -> None:
    """Times and sizes; what a server tells no time of is never left out for it."""
    obj = RemoteObject("a", 1000, "e", WHEN)
    assert not Selection().leaves_out(obj)
    assert [False, True] == [Selection(max_size=limit).leaves_out(obj) for limit in (1000, 999)]
    assert [False, True] == [Selection(since=since).leaves_out(obj) for since in (AT, AT + 1)]
    assert not Selection(since=AT + 1).leaves_out(obj._replace(modified="?"))
    assert pull_time_ns(obj._replace(modified="?")) is None
    assert pull_time_ns(obj) == AT * 10**9


def test_sizes_and_moments_are_read() -> None:
    """What `--max-size` and `--since` take."""
    assert [500_000, 10_000_000, 2_500_000_000, 1024, 7] == [
        size(text) for text in ("500k", "10M", "2.5GB", "1KiB", "7")
    ]
    assert [AT, AT, AT - 7200] == [
        moment(text) for text in ("2024-05-01T12:00Z", "2024-05-01T12:00:00+00:00", "2024-05-01T12:00+02:00")
    ]
