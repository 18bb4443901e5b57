"""Small worlds to decide about: what a file holds, what is stored, and what each question would be answered with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from s3sync.core.columns import Files
from s3sync.core.comparison import MIB, Compare, Decision, Need, Pair, Rules, decide
from s3sync.core.objects import Digest, Fingerprint, Head, Known, LocalFile, RemoteObject

NOON = "2026-03-01T12:00:00.000Z"
NOON_NS = 1_772_366_400 * 10**9


def md5(text: str) -> str:
    """32 hexadecimal digits that stand for a content."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Content:
    """Bytes that are only spoken of."""

    label: str
    size: int

    @property
    def md5(self) -> str:
        return md5(f"{self.label} of {self.size}")

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self.size, self.md5)

    def etag_in_parts(self, part_size: int) -> str:
        return f"{md5(f'{self.md5} by {part_size}')}-{max(1, -(-self.size // part_size))}"

    def checksum(self, name: str) -> str:
        return f"{name} of {self.md5}"

    def digest(self, part_sizes: tuple[int, ...] = (), checksums: tuple[str, ...] = ()) -> Digest:
        return Digest(
            self.size, self.md5, {size: self.etag_in_parts(size) for size in part_sizes},
            {name: self.checksum(name) for name in checksums},
        )  # fmt: skip


def local(content: Content, mtime_ns: int = NOON_NS) -> LocalFile:
    return LocalFile("a.png", "/srv/media/a.png", content.size, mtime_ns, mtime_ns, 7)


def abreast(files: Sequence[LocalFile]) -> Files:
    """They by column; the paths of all are those of their names in one folder."""
    _, _, sizes, mtimes, ctimes, inodes, settled = map(list, zip(*files, strict=True))
    return Files(
        [file.name for file in files], (sizes, mtimes, ctimes, inodes),
        folder=files[0].path.removesuffix(files[0].name), skip=0,
        settled=([each and each[0] for each in settled], [each and each[1] for each in settled]),
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """The truth behind one pair."""

    file: Content
    stored: Content
    etag: str
    encryption: str | None
    checksums: tuple[str, ...]
    has_metadata: bool
    known: Known | None
    known_content: Content | None
    rendered: bool
    mtime_ns: int
    traced: bool
    """Whether anything in this world tells what is stored."""

    @property
    def obj(self) -> RemoteObject:
        return RemoteObject("media/a.png", self.stored.size, self.etag, NOON)

    @property
    def head(self) -> Head:
        return Head(
            self.stored.size, self.etag, self.encryption, {name: self.stored.checksum(name) for name in self.checksums},
            self.stored.md5 if self.has_metadata else None,
        )  # fmt: skip

    @property
    def pair(self) -> Pair:
        """What is there before anything was asked."""
        size = None if self.rendered else self.file.size
        return Pair(local(self.file, self.mtime_ns), self.obj, self.known, size)

    def answer(self, pair: Pair, need: Need) -> Pair:
        """The pair with the fact that was missing."""
        if need.head:
            return pair._replace(head=self.head)
        digest = self.file.digest(need.part_sizes, need.checksums)
        if pair.digest is not None:
            digest = digest._replace(multipart={**pair.digest.multipart, **digest.multipart},
                checksums={**pair.digest.checksums, **digest.checksums},
            )  # fmt: skip
        return pair._replace(size=digest.size, digest=digest)


def ask_until_decided(world: World, rules: Rules) -> tuple[Decision, list[Need]]:
    """The decision, and all that had to be asked for it."""
    pair, asked = world.pair, []
    while len(asked) < 20:
        decision = decide(pair, rules)
        if isinstance(decision, Decision):
            return decision, asked
        asked.append(decision)
        pair = world.answer(pair, decision)
    raise AssertionError(f"no end: {asked}")


contents = st.sampled_from([Content(label, size * MIB) for label in "xyz" for size in (1, 5, 8, 20)] + [Content("", 0)])

all_rules = [
    Rules(compare=compare, two_hands=two, no_clobber=no_clobber, overwrite_newer=overwrite, part_size=part_size * MIB,
          etags_are_md5=are_md5, skew=skew)
    for compare in Compare for two in (True, False) for no_clobber in (False, True) for overwrite in (False, True)
    for part_size in (8, 5, 16, 10) for are_md5 in (True, False) for skew in (0.0, -300.0, 300.0)
]  # fmt: skip


def rules_where(condition: Callable[[Rules], bool] = lambda rules: True) -> st.SearchStrategy[Rules]:
    """All rules that meet a condition."""
    return st.sampled_from([rules for rules in all_rules if condition(rules)])


@st.composite
def worlds(draw: st.DrawFn, *, equal: bool | None = None, whose: str | None = None) -> World:
    """Consistent worlds: an ETag that looks like an MD5 is one, or something says that it isn't."""
    file = draw(contents)
    equal = draw(st.booleans()) if equal is None else equal
    stored = file if equal else draw(contents.filter(lambda content: content != file))
    kind = draw(st.sampled_from(["md5", "parts", "odd parts", "kms", "sse-c", "empty"]))
    etag, encryption, traced = {
        "md5": (stored.md5, draw(st.sampled_from([None, "AES256"])), True),
        "parts": (stored.etag_in_parts(draw(st.sampled_from([5, 8, 16])) * MIB), None, True),
        "odd parts": (stored.etag_in_parts(7 * MIB + 1), None, False),
        "kms": (md5(f"kms {stored}"), draw(st.sampled_from(["aws:kms", "aws:kms:dsse"])), False),
        "sse-c": (md5(f"sse-c {stored}"), "SSE-C", False),
        "empty": ("", None, False),
    }[kind]
    checksums = tuple(draw(st.sets(st.sampled_from(["CRC32", "SHA256", "CRC64NVME"]))))
    has_metadata = draw(st.booleans())
    known, known_content = None, None
    whose = whose or draw(st.sampled_from(["nobody", "ours", "another hand"]))
    if whose == "ours":
        known_content, known = stored, Known(etag, stored.size, stored.fingerprint)
    elif whose == "another hand":
        known_content = draw(st.sampled_from([file, draw(contents)]))
        known = Known(md5(f"before {known_content}"), known_content.size, known_content.fingerprint)
    age = draw(st.sampled_from([-3600, -1, 0, 1, 2, 3600]))
    traced = traced or bool(set(checksums) - {"CRC64NVME"}) or has_metadata or (whose == "ours" and bool(etag))
    return World(
        file, stored, etag, encryption, checksums, has_metadata, known, known_content,
        draw(st.booleans()), NOON_NS - age * 10**9, traced,
    )  # fmt: skip
