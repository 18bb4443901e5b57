"""What to do with a pair: the truth tables, row by row, and what holds for every row that nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from s3sync.core.comparison import (
    KEEP,
    MIB,
    NEED_DIGEST,
    NEED_HEAD,
    NEW,
    NO_CLOBBER,
    UNCHANGED,
    Action,
    Compare,
    Decision,
    Need,
    Pair,
    Reason,
    Rules,
    decide,
    equal_content,
    modified_later,
    part_sizes_for,
)
from s3sync.core.objects import Digest, Fingerprint, Head, Known, LocalFile, RemoteObject
from tests.strategies import QUICK
from tests.unit.worlds import NOON, NOON_NS, Content, World, ask_until_decided, local, md5, rules_where, worlds

AUTO, SIZE, ALWAYS = Rules(), Rules(compare=Compare.SIZE), Rules(compare=Compare.ALWAYS)
MINE, THEIRS = Content("mine", 9), Content("theirs", 9)
LONGER = Content("longer", 10)
LARGE, OTHER_LARGE = Content("large", 20 * MIB), Content("other large", 20 * MIB)
ODD = "0" * 32
"""An ETag that is the MD5 of nothing here."""


def stored(content: Content, etag: str | None = None) -> RemoteObject:
    return RemoteObject("media/a.png", content.size, content.md5 if etag is None else etag, NOON)


def pair(
    file: Content, obj: RemoteObject | None, *, known: Known | None = None, digest: Digest | bool = False,
    head: Head | None = None, rendered: bool = False, mtime_ns: int = NOON_NS,
) -> Pair:  # fmt: skip
    """A pair of which nothing but the listing and the walk is known, unless more is given."""
    made = file.digest() if digest is True else digest or None
    size = None if rendered and made is None else file.size
    return Pair(local(file, mtime_ns), obj, known, size, made, head)


def head(
    content: Content, encryption: str | None = None, checksums: dict[str, str] | None = None, md5: str | None = None
) -> Head:
    return Head(content.size, ODD, encryption, checksums or {}, md5)


def record(content: Content, etag: str | None = None) -> Known:
    """What an earlier run noted: it stored this content."""
    return Known(content.md5 if etag is None else etag, content.size, content.fingerprint)


def crc(content: Content) -> dict[str, str]:
    return {"CRC32": content.checksum("CRC32")}


WITH_CRC = MINE.digest(checksums=("CRC32",))
BY_8 = LARGE.digest(part_sizes=(8 * MIB,))

EQUAL = {
    # The record of the key, while the listing shows what it is about.
    "known, and the file is the recorded one": (pair(MINE, stored(MINE), known=record(MINE), digest=True), None),
    "known by an ETag that says nothing": (
        pair(MINE, stored(MINE, ODD), known=record(MINE, ODD), digest=True), None),
    "known, and the file has other bytes": (pair(THEIRS, stored(MINE), known=record(MINE), digest=True), Reason.ETAG),
    "known, and the file has another size": (pair(LONGER, stored(MINE), known=record(MINE)), Reason.SIZE),
    "known, and the file was not read yet": (pair(MINE, stored(MINE), known=record(MINE)), NEED_DIGEST),
    "known, and the rendering is not made yet": (
        pair(MINE, stored(MINE), known=record(MINE), rendered=True), NEED_DIGEST),
    "known, and stored in another size than sent": (
        pair(MINE, RemoteObject("k", 99, ODD, NOON), known=Known(ODD, 99, MINE.fingerprint), digest=True), None),
    "known under another ETag counts for nothing": (
        pair(MINE, stored(MINE), known=record(THEIRS), digest=True), None),
    "known under the same ETag and another size counts for nothing": (
        pair(MINE, stored(LONGER, ODD), known=Known(ODD, 9, MINE.fingerprint)), Reason.SIZE),
    "an empty ETag is never the known one": (
        pair(MINE, stored(MINE, ""), known=record(MINE, ""), digest=True), NEED_HEAD),
    # Sizes.
    "sizes differ": (pair(LONGER, stored(MINE)), Reason.SIZE),
    "sizes differ, whatever the ETag": (pair(LONGER, stored(MINE, f"{ODD}-2")), Reason.SIZE),
    "the size of a rendering is not known yet": (pair(MINE, stored(MINE), rendered=True), NEED_DIGEST),
    "the rendering has another size": (pair(LONGER, stored(MINE), rendered=True, digest=True), Reason.SIZE),
    "the rendering is equal, the file on the disk is larger": (
        Pair(local(LARGE), stored(MINE), None, MINE.size, MINE.digest()), None),
    # An ETag that looks like an MD5.
    "the file was not read yet": (pair(MINE, stored(MINE)), NEED_DIGEST),
    "the ETag is the MD5": (pair(MINE, stored(MINE), digest=True), None),
    "the ETag is another MD5": (pair(MINE, stored(THEIRS), digest=True), NEED_HEAD),
    "both are empty": (pair(Content("", 0), stored(Content("", 0)), digest=True), None),
    # HEAD.
    "HEAD: the ETag is an MD5": (pair(MINE, stored(THEIRS), digest=True, head=head(THEIRS)), Reason.ETAG),
    "HEAD: S3's own encryption leaves the MD5": (
        pair(MINE, stored(THEIRS), digest=True, head=head(THEIRS, "AES256", crc(MINE))), Reason.ETAG),
    "HEAD: another size by now": (pair(MINE, stored(THEIRS), digest=True, head=head(LONGER)), Reason.SIZE),
    **{
        f"HEAD: {kind}, nothing else is stored": (
            pair(MINE, stored(THEIRS), digest=True, head=head(THEIRS, kind)), Reason.ETAG)
        for kind in ("aws:kms", "aws:kms:dsse", "SSE-C")
    },
    **{
        f"HEAD: {kind}, the checksum has to be computed": (
            pair(MINE, stored(MINE, ODD), digest=True, head=head(MINE, kind, crc(MINE))), Need(checksums=("CRC32",)))
        for kind in ("aws:kms", "aws:kms:dsse", "SSE-C")
    },
    "HEAD: the checksum is equal": (
        pair(MINE, stored(MINE, ODD), digest=WITH_CRC, head=head(MINE, "aws:kms", crc(MINE))), None),
    "HEAD: the checksum differs": (
        pair(MINE, stored(THEIRS, ODD), digest=WITH_CRC, head=head(THEIRS, "aws:kms", crc(THEIRS))), Reason.CHECKSUM),
    "HEAD: the checksum counts before our metadata": (
        pair(MINE, stored(THEIRS, ODD), digest=WITH_CRC, head=head(THEIRS, "aws:kms", crc(THEIRS), MINE.md5)),
        Reason.CHECKSUM),
    "HEAD: a checksum that we can't compute is passed over": (
        pair(MINE, stored(MINE, ODD), digest=True, head=head(MINE, "aws:kms", {"CRC64NVME": "x"}, MINE.md5)), None),
    "HEAD: our metadata is the MD5": (
        pair(MINE, stored(MINE, ODD), digest=True, head=head(MINE, "SSE-C", md5=MINE.md5)), None),
    "HEAD: our metadata is another MD5": (
        pair(MINE, stored(THEIRS, ODD), digest=True, head=head(THEIRS, "SSE-C", md5=THEIRS.md5)), Reason.CHECKSUM),
    # ...-N
    "in parts, the file was not read yet": (
        pair(LARGE, stored(LARGE, LARGE.etag_in_parts(8 * MIB))), Need(part_sizes=(8 * MIB,))),
    "in parts, only the plain digest is there": (
        pair(LARGE, stored(LARGE, LARGE.etag_in_parts(8 * MIB)), digest=True), Need(part_sizes=(8 * MIB,))),
    "in parts, equal": (pair(LARGE, stored(LARGE, LARGE.etag_in_parts(8 * MIB)), digest=BY_8), None),
    "in parts, another ETag": (pair(LARGE, stored(OTHER_LARGE, f"{ODD}-3"), digest=BY_8), NEED_HEAD),
    "in parts, of a size that nobody uses": (pair(LARGE, stored(LARGE, f"{ODD}-7")), NEED_DIGEST),
    "in parts, of a size that nobody uses, read": (pair(LARGE, stored(LARGE, f"{ODD}-7"), digest=True), NEED_HEAD),
    "in parts, HEAD: the checksum is equal": (
        pair(MINE, stored(MINE, f"{ODD}-7"), digest=WITH_CRC, head=head(MINE, checksums=crc(MINE))), None),
    "in parts, HEAD: our metadata is the MD5": (
        pair(MINE, stored(MINE, f"{ODD}-7"), digest=True, head=head(MINE, md5=MINE.md5)), None),
    "in parts, HEAD: nothing else is stored": (
        pair(MINE, stored(MINE, f"{ODD}-7"), digest=True, head=head(MINE)), Reason.ETAG),
    # Others.
    "an empty ETag": (pair(MINE, stored(MINE, ""), digest=True), NEED_HEAD),
    "an empty ETag, HEAD: our metadata is the MD5": (
        pair(MINE, stored(MINE, ""), digest=True, head=head(MINE, md5=MINE.md5)), None),
    "an ETag of another form": (pair(MINE, stored(MINE, "W/abc"), digest=True), NEED_HEAD),
    "32 digits and a line end are no MD5": (
        pair(MINE, stored(MINE, ODD + "\n"), digest=True, head=head(MINE, md5=MINE.md5)), None),
}  # fmt: skip


@pytest.mark.parametrize("case", EQUAL)
def test_equal_content(case: str) -> None:
    """None: the same bytes. A reason: other bytes. A need: this has to be asked first."""
    facts, expected = EQUAL[case]
    assert facts.obj is not None

    assert expected == equal_content(facts, facts.obj, AUTO)


NO_MD5S = Rules(etags_are_md5=False)
BY_SIZE = {
    "equal sizes are enough": (pair(MINE, stored(THEIRS)), SIZE, None),
    "sizes differ": (pair(LONGER, stored(MINE)), SIZE, Reason.SIZE),
    "known, equal sizes are enough": (pair(THEIRS, stored(MINE), known=record(MINE)), SIZE, None),
    "known, sizes differ": (pair(LONGER, stored(MINE), known=record(MINE)), SIZE, Reason.SIZE),
    "a rendering has to be made to have a size": (pair(MINE, stored(MINE), rendered=True), SIZE, NEED_DIGEST),
    "known, a rendering has to be made to have a size": (
        pair(MINE, stored(MINE), rendered=True, known=record(MINE)), SIZE, NEED_DIGEST),
    "a rendering of equal size": (pair(MINE, stored(THEIRS), rendered=True, digest=True), SIZE, None),
    "ETags are no MD5s here, and it is equal all the same": (pair(MINE, stored(MINE), digest=True), NO_MD5S, None),
    "ETags are no MD5s here, so our metadata decides": (
        pair(MINE, stored(MINE, ODD), digest=True, head=head(MINE, md5=MINE.md5)), NO_MD5S, None),
    "ETags are no MD5s here, so the checksum decides": (
        pair(MINE, stored(THEIRS), digest=WITH_CRC, head=head(THEIRS, checksums=crc(THEIRS))), NO_MD5S,
        Reason.CHECKSUM),
    "a checksum that this process can't compute": (
        pair(MINE, stored(MINE, ODD), digest=True, head=head(MINE, "SSE-C", crc(MINE), MINE.md5)),
        Rules(checksums=("SHA256",)), None),
    "always still says what is equal": (pair(MINE, stored(MINE), digest=True), ALWAYS, None),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_SIZE)
def test_equal_content_by_other_rules(case: str) -> None:
    """The same question under --compare size, and on targets whose ETags say nothing."""
    facts, rules, expected = BY_SIZE[case]
    assert facts.obj is not None

    assert expected == equal_content(facts, facts.obj, rules)


PART_SIZES = {
    "not in parts": (20 * MIB, ODD, 8 * MIB, ()),
    "empty": (20 * MIB, "", 8 * MIB, ()),
    "three parts of 8": (20 * MIB, f"{ODD}-3", 8 * MIB, (8 * MIB,)),
    "four parts of 5, an exact multiple": (20 * MIB, f"{ODD}-4", 8 * MIB, (5 * MIB,)),
    "two parts of 16": (20 * MIB, f"{ODD}-2", 8 * MIB, (16 * MIB,)),
    "one part: all that are large enough, the storage's own first": (
        5 * MIB, f"{ODD}-1", 16 * MIB, (16 * MIB, 5 * MIB, 8 * MIB)),
    "the storage's own": (20 * MIB, f"{ODD}-2", 10 * MIB, (10 * MIB, 16 * MIB)),
    "an empty file has one part": (0, f"{ODD}-1", 8 * MIB, (8 * MIB, 5 * MIB, 16 * MIB)),
    "none gives seven": (20 * MIB, f"{ODD}-7", 8 * MIB, ()),
    "none gives nought": (20 * MIB, f"{ODD}-0", 8 * MIB, ()),
}  # fmt: skip


@pytest.mark.parametrize("case", PART_SIZES)
def test_part_sizes(case: str) -> None:
    """Only part sizes that give the ETag's number of parts are tried, and none twice."""
    size, etag, own, expected = PART_SIZES[case]

    assert expected == part_sizes_for(size, etag, own)


def upload(reason: Reason, if_match: str) -> Decision:
    return Decision(Action.UPLOAD, reason, if_match)


HOUR = 3600 * 10**9
STATIC, OVERWRITE = Rules(two_hands=False), Rules(overwrite_newer=True)
NOT_OURS = {"known": record(MINE), "head": head(THEIRS)}
"""We stored MINE, and the listing shows THEIRS."""

DECISIONS = {
    "no object": (pair(MINE, None), AUTO, NEW),
    "no object, though one is known": (pair(MINE, None, known=record(MINE)), AUTO, NEW),
    "no object, --no-clobber": (pair(MINE, None), Rules(no_clobber=True), NEW),
    "no object, a rendering": (pair(MINE, None, rendered=True), AUTO, NEW),
    "equal": (pair(MINE, stored(MINE), digest=True), AUTO, UNCHANGED),
    "equal, --compare always": (
        pair(MINE, stored(MINE), digest=True), ALWAYS, upload(Reason.FORCED, MINE.md5)),
    "equal, known, --compare always": (
        pair(MINE, stored(MINE), known=record(MINE), digest=True), ALWAYS, upload(Reason.FORCED, MINE.md5)),
    "a fact is missing": (pair(MINE, stored(MINE)), AUTO, NEED_DIGEST),
    "exists, --no-clobber asks nothing": (pair(LONGER, stored(MINE)), Rules(no_clobber=True), NO_CLOBBER),
    "exists, --no-clobber counts before --compare always": (
        pair(MINE, stored(MINE)), Rules(no_clobber=True, compare=Compare.ALWAYS), NO_CLOBBER),
    # The record and two hands.
    "known, still ours, the file has changed": (
        pair(THEIRS, stored(MINE), known=record(MINE), digest=True), AUTO, upload(Reason.ETAG, MINE.md5)),
    "known, still ours, the file has grown": (
        pair(LONGER, stored(MINE), known=record(MINE)), AUTO, upload(Reason.SIZE, MINE.md5)),
    "known, still ours, the file has changed and is older": (
        pair(LONGER, stored(MINE), known=record(MINE), mtime_ns=NOON_NS - HOUR), AUTO, upload(Reason.SIZE, MINE.md5)),
    "known, replaced, the file is as it was": (
        pair(MINE, stored(THEIRS), digest=True, **NOT_OURS), AUTO, KEEP),
    "known, replaced by a larger one, the file is as it was": (
        pair(MINE, stored(LONGER), known=record(MINE), digest=True), AUTO, KEEP),
    "known, replaced by a larger one, the file was not read yet": (
        pair(MINE, stored(LONGER), known=record(MINE)), AUTO, NEED_DIGEST),
    "known, replaced, the file has changed": (
        pair(Content("new", 9), stored(THEIRS), digest=True, **NOT_OURS), AUTO,
        Decision(Action.CONFLICT, Reason.ETAG)),
    "known, replaced by a larger one, the file has grown too": (
        pair(LARGE, stored(LONGER), known=record(MINE)), AUTO, Decision(Action.CONFLICT, Reason.SIZE)),
    "known, replaced by what the file holds now": (
        pair(THEIRS, stored(THEIRS), known=record(MINE), digest=True), AUTO, UNCHANGED),
    "known, replaced, file newer than the object": (
        pair(MINE, stored(THEIRS), digest=True, mtime_ns=NOON_NS + HOUR, **NOT_OURS), AUTO, KEEP),
    "known by an empty ETag, nobody can tell whose it is": (
        pair(LONGER, stored(MINE, ""), known=record(MINE, "")), AUTO, Decision(Action.CONFLICT, Reason.SIZE)),
    # No record: the clocks.
    "unknown, object newer": (pair(LONGER, stored(MINE), mtime_ns=NOON_NS - HOUR), AUTO, KEEP),
    "unknown, same moment": (pair(LONGER, stored(MINE)), AUTO, KEEP),
    "unknown, file newer by the second that S3 cuts off": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS + 10**9), AUTO, KEEP),
    "unknown, file newer by more": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS + 10**9 + 10**6), AUTO, upload(Reason.SIZE, MINE.md5)),
    "unknown, file newer by a clock that is behind": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS + 250 * 10**9), Rules(skew=-300.0), KEEP),
    "unknown, file newer, as the server's clock is ahead": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS - 250 * 10**9), Rules(skew=300.0),
        upload(Reason.SIZE, MINE.md5)),
    "unknown, object newer, --compare always": (
        pair(LONGER, stored(MINE)), ALWAYS, KEEP),
    # Whoever insists.
    "replaced, --overwrite-newer": (
        pair(MINE, stored(THEIRS), digest=True, **NOT_OURS), OVERWRITE, upload(Reason.ETAG, THEIRS.md5)),
    "conflict, --overwrite-newer": (
        pair(LARGE, stored(LONGER), known=record(MINE)), OVERWRITE, upload(Reason.SIZE, LONGER.md5)),
    "unknown, object newer, --overwrite-newer": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS - HOUR), OVERWRITE, upload(Reason.SIZE, MINE.md5)),
    "equal, --overwrite-newer": (pair(MINE, stored(MINE), digest=True), OVERWRITE, UNCHANGED),
    # One hand: static files.
    "static, replaced": (
        pair(MINE, stored(THEIRS), digest=True, **NOT_OURS), STATIC, upload(Reason.ETAG, THEIRS.md5)),
    "static, unknown, object newer": (
        pair(LONGER, stored(MINE), mtime_ns=NOON_NS - HOUR), STATIC, upload(Reason.SIZE, MINE.md5)),
    "static, equal": (pair(MINE, stored(MINE), digest=True), STATIC, UNCHANGED),
    "static, exists, --no-clobber": (
        pair(LONGER, stored(MINE)), Rules(two_hands=False, no_clobber=True), NO_CLOBBER),
    # Sizes alone.
    "other bytes of one size, --compare size": (pair(MINE, stored(THEIRS)), SIZE, UNCHANGED),
    "replaced by other bytes of one size, --compare size": (
        pair(MINE, stored(THEIRS), known=record(MINE)), SIZE, UNCHANGED),
    "replaced by a larger one, the file is as it was, --compare size": (
        pair(MINE, stored(LONGER), known=record(MINE), digest=True), SIZE, KEEP),
}  # fmt: skip


@pytest.mark.parametrize("case", DECISIONS)
def test_decide(case: str) -> None:
    """Each row of the table: what is known, what is listed, what has become of the file, and so what is done."""
    facts, rules, expected = DECISIONS[case]

    assert expected == decide(facts, rules)


@pytest.mark.parametrize(
    ("source", "mtime_ns", "expected"),
    [
        ("ours", NOON_NS - 9_000_000_000, Action.UPLOAD),
        ("", NOON_NS - 9_000_000_000, Action.UPLOAD),
        ("another", NOON_NS - 9_000_000_000, Action.KEEP),
        ("another", NOON_NS + 9_000_000_000, Action.UPLOAD),
    ],
)
def test_another_source_may_have_stored_what_is_newer(source: str, mtime_ns: int, expected: Action) -> None:
    """Two folders take turns; the older file of one is no later version of what the other has sent."""
    known = record(THEIRS)._replace(source=source)
    found = decide(pair(MINE, stored(THEIRS), known=known, digest=True, mtime_ns=mtime_ns), Rules(source="ours"))
    assert isinstance(found, Decision)
    assert expected is found.action


def test_time_stamps_of_all_forms() -> None:
    """LastModified comes with and without fractions of a second."""
    stamps = ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00+00:00")

    assert [NOON_NS / 1e9] * 3 == [RemoteObject("k", 1, ODD, stamp).modified_at for stamp in stamps]


@pytest.mark.parametrize(("seconds", "expected"), [(-1, True), (0, True), (1, True), (1.5, False), (2, False)])
def test_an_object_counts_as_newer_within_its_second(seconds: float, expected: bool) -> None:
    """S3 cuts fractions off, so an object may be almost a second younger than it says."""
    assert expected is modified_later(stored(MINE), local(MINE, NOON_NS + int(seconds * 10**9)), 0.0)


@QUICK
@given(worlds(), rules_where())
def test_questions_come_to_an_end(world: World, rules: Rules) -> None:
    """A pair costs at most a reading, the parts, a HEAD and one more reading; none of them twice."""
    _, asked = ask_until_decided(world, rules)

    assert len(asked) <= 4
    assert len(asked) == len(set(asked))


@QUICK
@given(worlds(equal=True), rules_where(lambda rules: rules.compare is Compare.AUTO))
def test_equal_bytes_are_never_sent(world: World, rules: Rules) -> None:
    """Where anything tells what is stored, a file that holds the same is not uploaded.

    What somebody else has stored under an ETag that says nothing may be called newer, as nobody asks further.
    """
    assume(world.traced)
    decision, _ = ask_until_decided(world, rules)

    replaced = (world.known is not None and world.known.etag != world.etag) or not world.etag
    assert decision in ((UNCHANGED, NO_CLOBBER, KEEP) if replaced else (UNCHANGED, NO_CLOBBER))


def test_replaced_object_of_the_same_size_is_not_asked_about() -> None:
    """A HEAD for it would be one for each run, and change nothing."""
    file = LocalFile("a", "/a", 3, 0, 0, 1)
    obj = RemoteObject("media/a", 3, "b" * 32, "2030-01-01T00:00:00Z")
    known = Known("c" * 32, 3, Fingerprint(3, "a" * 32))

    assert KEEP == decide(Pair(file, obj, known, 3, Digest(3, "a" * 32)), Rules())


@QUICK
@given(worlds(equal=False), rules_where(lambda rules: rules.compare is not Compare.SIZE))
def test_other_bytes_never_pass_for_equal(world: World, rules: Rules) -> None:
    """Nothing is called unchanged that is not, unless sizes were to be enough."""
    decision, _ = ask_until_decided(world, rules)

    assert decision.action is not Action.NONE


@QUICK
@given(worlds(whose="another hand"), rules_where(lambda rules: rules.two_hands and not rules.overwrite_newer))
def test_what_another_hand_stored_is_not_replaced(world: World, rules: Rules) -> None:
    """An upload over another hand's object takes --overwrite-newer, or has the very same bytes (--compare always)."""
    assert world.known is not None
    assert not world.known.stands_for(world.obj)
    decision, _ = ask_until_decided(world, rules)

    assert decision.action is not Action.UPLOAD or (decision.reason is Reason.FORCED and world.file == world.stored)


@QUICK
@given(worlds(whose="another hand"), rules_where(lambda rules: rules.two_hands))
def test_an_unchanged_file_is_in_no_conflict(world: World, rules: Rules) -> None:
    """A conflict takes two changes."""
    assume(world.known_content == world.file)
    decision, _ = ask_until_decided(world, rules)

    assert decision.action is not Action.CONFLICT


@QUICK
@given(worlds(), rules_where())
def test_what_is_replaced_is_what_was_listed(world: World, rules: Rules) -> None:
    """Each upload over an object carries the listed ETag; nothing else carries one."""
    decision, _ = ask_until_decided(world, rules)

    assert (world.etag if decision.action is Action.UPLOAD else None) == decision.if_match


@QUICK
@given(worlds(), rules_where())
def test_the_order_of_facts_does_not_matter(world: World, rules: Rules) -> None:
    """Facts that come before they are asked for change nothing, and the same facts give the same answer."""
    lazily, _ = ask_until_decided(world, rules)
    sizes = part_sizes_for(world.stored.size, world.etag, rules.part_size)
    everything = world.answer(world.answer(world.pair, Need(head=True)), Need(False, sizes, tuple(rules.checksums)))

    assert [lazily, lazily] == [decide(everything, rules), decide(everything, rules)]


def test_the_worlds_hold_what_they_should() -> None:
    """The ETag of one content in parts is never its MD5, nor another part size's."""
    etags = {LARGE.md5, *(LARGE.etag_in_parts(size * MIB) for size in (5, 8, 16)), md5("x")}

    assert 5 == len(etags)
