"""Reading files that may change, and all that is computed on the way."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.core.objects import LocalFile
from s3sync.local import reading
from s3sync.local.reading import CHECKSUMS, NotRegular, Restless, is_unchanged, read, temporary_spool
from tests.strategies import SLOW

MIB = 1024 * 1024


def seen(path: Path | str) -> LocalFile:
    """The file as a walk would have seen it."""
    status = os.stat(path)
    return LocalFile(
        os.path.basename(path), str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.bin"
    made.write_bytes(b"hello")
    return made


@pytest.fixture
def leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Names the temporary files that are there."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return lambda: sorted(os.listdir(folder))


def touching(change: Callable[[int], None]) -> Callable[[IO[bytes]], IO[bytes]]:
    """A rendering that changes the file while it is read; `change` gets the number of the reading."""
    count = 0

    def render(stream: IO[bytes]) -> IO[bytes]:
        nonlocal count
        count += 1
        text = stream.read()
        change(count)
        return io.BytesIO(text.upper())

    return render


def test_small_file(path: Path) -> None:
    """Bytes, size and MD5 come of one reading."""
    found = read(seen(path), keep=5)

    assert (b"hello", 5, "5d41402abc4b2a76b9719d911017c592") == (found.data, found.digest.size, found.digest.md5)
    assert (seen(path), str(path)) == (found.file, found.path)


def test_large_file(path: Path) -> None:
    """What is larger than `keep` is not kept in memory, and stays where it is."""
    found = read(seen(path), keep=4)

    assert (None, str(path), 5) == (found.data, found.path, found.digest.size)
    found.discard()
    assert path.exists()


def test_empty_file(path: Path) -> None:
    """Nothing has an MD5 too."""
    path.write_bytes(b"")
    found = read(seen(path), keep=0)

    assert (b"", 0, "d41d8cd98f00b204e9800998ecf8427e") == (found.data, found.digest.size, found.digest.md5)


@pytest.mark.parametrize("size", [1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_the_ways_of_reading_agree(path: Path, size: int) -> None:
    """Read at once or piece by piece, kept or not: one digest."""
    text = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path.write_bytes(text)
    kept, streamed = read(seen(path), keep=size), read(seen(path), keep=0)
    asked = read(seen(path), keep=size, checksums=["CRC32"])

    assert [hashlib.md5(text).hexdigest()] * 3 == [each.digest.md5 for each in (kept, streamed, asked)]
    assert (text, None, text) == (kept.data, streamed.data, asked.data)


def test_the_file_is_reported_as_it_was_read(path: Path) -> None:
    """A file that changed between walk and reading is read as it is now, and its stat with it."""
    before = seen(path)
    path.write_bytes(b"longer than before")
    found = read(before, keep=100)

    assert (b"longer than before", seen(path)) == (found.data, found.file)


def test_a_file_that_grows_once_is_read_again(path: Path) -> None:
    """The reading that counts is one during which nothing happened."""

    def grow(number: int) -> None:
        if number == 1:
            with path.open("ab") as stream:
                stream.write(b" world")

    found = read(seen(path), render=touching(grow), keep=100)

    assert (b"HELLO WORLD", seen(path)) == (found.data, found.file)


CHANGES: dict[str, Callable[[Path, int], None]] = {
    "grows": lambda path, number: path.write_bytes(b"hello" * (number + 1)),
    "shrinks": lambda path, number: os.truncate(path, 5 - number),
    "is touched": lambda path, number: os.utime(path, ns=(number, number)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_never_rests(path: Path, change: str, leftovers: Callable[[], list[str]]) -> None:
    """Three readings, then it is said; no temporary file stays."""
    numbers: list[int] = []

    def apply(number: int) -> None:
        numbers.append(number)
        CHANGES[change](path, number)

    with pytest.raises(Restless, match=r"a\.bin"):
        read(seen(path), render=touching(apply), keep=0)
    assert ([1, 2, 3], []) == (numbers, leftovers())


def test_a_file_that_is_replaced_is_read_whole(path: Path) -> None:
    """A new file under the same name is another file: what was opened is read to its end, and its stat says which."""
    before = seen(path)

    def replace(_: int) -> None:
        new = path.with_name("new")
        new.write_bytes(b"other")
        os.replace(new, path)

    found = read(before, render=touching(replace), keep=100)

    assert (b"HELLO", before.inode) == (found.data, found.file.inode)
    assert not is_unchanged(found.file)


@pytest.mark.parametrize("way", [{"keep": 100}, {"keep": 0}, {"keep": 100, "checksums": ("CRC32",)}])
def test_a_size_that_does_not_fit(path: Path, monkeypatch: pytest.MonkeyPatch, way: dict[str, object]) -> None:
    """Where a file system hands out more or fewer bytes than it announces, nothing is sent."""
    real = os.fstat

    def announce(descriptor: int) -> os.stat_result:
        status = list(real(descriptor))
        status[6] = 4
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", announce)
    with pytest.raises(Restless):
        read(seen(path), **way)  # type: ignore[arg-type]


def test_a_link_that_was_swapped_in(path: Path) -> None:
    """Between walk and reading a file became a link: it leads nowhere."""
    before = seen(path)
    secret = path.with_name("secret")
    secret.write_bytes(b"secret")
    path.unlink()
    path.symlink_to(secret)

    with pytest.raises(OSError, match=r"symbolic link"):
        read(before, keep=100)
    assert not is_unchanged(before)


def test_a_fifo_does_not_block(path: Path) -> None:
    """A pipe that nobody writes to would be waited for all night."""
    before = seen(path)
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(NotRegular):
        read(before, keep=100)


def test_a_folder_is_not_read(path: Path) -> None:
    """Nor is whatever else came in the file's place."""
    before = seen(path)
    path.unlink()
    path.mkdir()

    with pytest.raises(NotRegular):
        read(before, keep=100)


def test_a_file_that_is_gone(path: Path) -> None:
    """Whoever asks is told so."""
    before = seen(path)
    path.unlink()

    with pytest.raises(FileNotFoundError):
        read(before, keep=100)
    assert not is_unchanged(before)


def etag_by_hand(text: bytes, part_size: int) -> str:
    """S3's rule, word for word: the MD5 of the parts' MD5s, a dash, their number."""
    parts = [text[start : start + part_size] for start in range(0, len(text), part_size)] or [b""]
    return hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest() + f"-{len(parts)}"


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 10, 11, 15])
def test_etag_in_parts(path: Path, size: int) -> None:
    """Exact multiples have no empty part at their end, and an empty file has one part."""
    text = b"0123456789abcdef"[:size]
    path.write_bytes(text)
    found = read(seen(path), keep=100, part_sizes=[5, 16])

    assert {5: etag_by_hand(text, 5), 16: etag_by_hand(text, 16)} == found.digest.multipart
    assert (max(1, -(-size // 5)), text) == (int(found.digest.multipart[5].split("-")[1]), found.data)


def test_etag_in_parts_of_nothing(path: Path) -> None:
    """What S3 gives to an empty upload in parts."""
    path.write_bytes(b"")

    assert {5: "59adb24ef3cdbe0297f05b395827453f-1"} == read(seen(path), keep=0, part_sizes=[5]).digest.multipart


def test_etag_in_parts_across_pieces(path: Path) -> None:
    """Parts end where they end, not where reading does."""
    text = os.urandom(3 * MIB + 17)
    path.write_bytes(text)
    sizes = [MIB, MIB + 1, 3 * MIB + 17, 700_001]
    found = read(seen(path), keep=0, part_sizes=sizes)

    assert {size: etag_by_hand(text, size) for size in sizes} == found.digest.multipart


@SLOW
@given(st.binary(max_size=60), st.integers(1, 20))
def test_etag_in_parts_of_anything(text: bytes, part_size: int) -> None:
    """Any bytes, any part size."""
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(text)
        stream.flush()
        found = read(seen(stream.name), keep=0, part_sizes=[part_size])

    assert {part_size: etag_by_hand(text, part_size)} == found.digest.multipart


def test_checksums(path: Path) -> None:
    """The check values that everybody publishes for `123456789`."""
    path.write_bytes(b"123456789")
    found = read(seen(path), keep=100, checksums=["CRC32", "SHA1", "SHA256"]).digest.checksums

    assert {
        "CRC32": "cbf43926",
        "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
        "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    } == {name: base64.b64decode(value).hex() for name, value in found.items()}


def test_only_what_was_asked_for_is_computed(path: Path) -> None:
    """Checksums cost time."""
    found = read(seen(path), keep=100, checksums=["SHA1"]).digest

    assert (["SHA1"], {}) == (list(found.checksums), found.multipart)


def gzipped(stream: IO[bytes]) -> IO[bytes]:
    compressor = zlib.compressobj(9, wbits=31)
    return io.BytesIO(compressor.compress(stream.read()) + compressor.flush())


def test_rendered(path: Path) -> None:
    """What would be sent is what is measured; the file is what it was."""
    found = read(seen(path), render=gzipped, keep=100)
    assert found.data is not None

    assert b"hello" == zlib.decompress(found.data, wbits=31)
    assert (len(found.data), hashlib.md5(found.data).hexdigest()) == (found.digest.size, found.digest.md5)
    assert (5, str(path)) == (found.file.size, found.path)


@pytest.mark.parametrize("size", [200, 2 * MIB + 5])
def test_rendered_and_large(path: Path, size: int, leftovers: Callable[[], list[str]]) -> None:
    """A rendering too large to keep lies in a temporary file until it is discarded."""
    path.write_bytes(os.urandom(size))
    found = read(seen(path), render=lambda stream: io.BytesIO(stream.read()[::-1]), keep=100)

    assert (None, path.read_bytes()[::-1]) == (found.data, Path(found.path).read_bytes())
    assert [os.path.basename(found.path)] == leftovers()
    found.discard()
    assert (True, []) == (path.exists(), leftovers())
    found.discard()


def test_a_rendering_that_fails_leaves_nothing(path: Path, leftovers: Callable[[], list[str]]) -> None:
    """Half a rendering on the disk is nobody's."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise ValueError("broken")
            return super().read(size)

    with pytest.raises(ValueError, match="broken"):
        read(seen(path), render=lambda stream: Failing(b"x" * 3 * MIB), keep=0)
    assert [] == leftovers()


def test_nothing_stays_open(path: Path) -> None:
    """Ten million files are more than a process may have open."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        read(seen(path), keep=100)
        read(seen(path), keep=0, render=gzipped).discard()
        with pytest.raises(NotRegular):
            read(seen(path.parent), keep=100)

    assert before == len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda path: None, True),
        (lambda path: path.chmod(0o600), True),
        (lambda path: os.utime(path, ns=(1, 1)), False),
        (lambda path: os.truncate(path, 2), False),
        (lambda path: path.unlink(), False),
        (lambda path: path.rename(path.with_name("b")), False),
    ],
)
def test_is_unchanged(path: Path, change: Callable[[Path], None], expected: bool) -> None:
    """The same file, of the same size and time."""
    before = seen(path)
    change(path)

    assert expected is is_unchanged(before)


def test_another_file_of_the_same_size_and_time_is_a_change(path: Path) -> None:
    """`cp -p` and a rename keep everything but the inode."""
    before = seen(path)
    new = path.with_name("new")
    new.write_bytes(b"hallo")
    os.utime(new, ns=(before.mtime_ns, before.mtime_ns))
    os.replace(new, path)

    assert not is_unchanged(before)


def test_spool_takes_any_name() -> None:
    """Names that are not UTF-8 come back as they were."""
    with temporary_spool() as spool:
        spool.write("a\udcff\né\n")
        spool.seek(0)

        assert "a\udcff\né\n" == spool.read()


def test_checksums_are_those_that_s3_names() -> None:
    """The standard library can compute these three."""
    assert {"CRC32", "SHA1", "SHA256"} == set(reading.CHECKSUMS)


def test_digests_side_by_side(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file's are computed by several threads, and are the same; the threads end, also where it is stopped."""
    path.write_bytes(os.urandom(3 * (1 << 20) + 5))
    wanted: dict[str, Any] = {"keep": 0, "part_sizes": [1 << 20, 3000], "checksums": list(CHECKSUMS)}
    alone = read(seen(path), **wanted).digest

    monkeypatch.setattr(reading, "_LARGE", 1)
    assert alone == read(seen(path), **wanted).digest
    with pytest.raises(reading.Interrupted):
        read(seen(path), **wanted, stop=lambda: True)
    assert not [each for each in threading.enumerate() if each.name.startswith("s3sync-hash")]


@given(
    pieces=st.lists(st.binary(max_size=40), max_size=8),
    part_sizes=st.lists(st.integers(1, 60), max_size=3, unique=True),
    threads=st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_parts_however_the_bytes_come(pieces: list[bytes], part_sizes: list[int], threads: bool) -> None:
    """Each part's MD5 is that of its own bytes, the first one's too, which is taken from the MD5 of the whole."""
    digester = reading.Digester(part_sizes, ["CRC32"])
    with digester.side_by_side() if threads else contextlib.nullcontext(digester.update) as update:
        for piece in pieces:
            update(memoryview(piece))
    found, whole = digester.digest(), b"".join(pieces)

    assert (len(whole), hashlib.md5(whole).hexdigest()) == (found.size, found.md5)
    assert base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode() == found.checksums["CRC32"]
    for size in part_sizes:
        parts = [whole[start : start + size] for start in range(0, len(whole), size)] or [b""]
        digests = b"".join(hashlib.md5(part).digest() for part in parts)
        assert digests == found.parts[size]
        assert f"{hashlib.md5(digests).hexdigest()}-{len(parts)}" == found.multipart[size]
