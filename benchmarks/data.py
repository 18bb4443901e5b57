"""The files that are sent: made once, kept below the benchmark's own folder, read before each run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
APPENDED = b" changed"
PACKAGES = (
    "bootstrap@5.3.3", "jquery@3.7.1", "@fortawesome/fontawesome-free@6.5.2", "tinymce@6.8.3", "chart.js@4.4.3",
    "htmx.org@1.9.12", "alpinejs@3.14.0", "leaflet@1.9.4", "select2@4.0.13", "flatpickr@4.6.13", "swiper@11.1.4",
    "codemirror@5.65.16", "highlight.js@11.9.0", "sortablejs@1.15.2",
)  # fmt: skip


class CannotMake(Exception):
    """These files can't be had here; the message says why."""


def walk(folder: str) -> Iterator[os.DirEntry[str]]:
    """The files below a folder. The fast way, as the benchmark's own work is done on the same processors."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from walk(entry.path)
            elif entry.is_file():
                yield entry


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder of files."""

    folder: Path

    def files(self) -> list[str]:
        """All of them, in an order that is always the same."""
        return sorted(entry.path for entry in walk(str(self.folder)))

    def read(self) -> None:
        """Brings them into the page cache."""
        buffer = bytearray(MIB)
        for entry in walk(str(self.folder)):
            with open(entry.path, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    def size(self) -> tuple[int, int]:
        """How many files, and bytes."""
        sizes = [entry.stat().st_size for entry in walk(str(self.folder))]
        return len(sizes), sum(sizes)

    def change(self, share: float, round_number: int) -> list[str]:
        """Appends to some of the files, to others in each round. Their times are now, and `restore` takes it back."""
        files = self.files()
        wanted = max(1, int(len(files) * share))
        step = len(files) // wanted
        chosen = files[round_number % step :: step][:wanted]
        for path in chosen:
            with open(path, "ab") as file:
                file.write(APPENDED)
        return chosen

    def restore(self, changed: list[str]) -> None:
        """What they were before `change`."""
        for path in changed:
            os.truncate(path, os.stat(path).st_size - len(APPENDED))
        self.age()

    def age(self) -> None:
        """Makes all of them an hour old, as some tools compare times."""
        old = time.time() - 3600
        for entry in walk(str(self.folder)):
            if entry.stat().st_mtime > old:
                os.utime(entry.path, (old, old))

    def listing(self, prefix: str, to: Path) -> None:
        """Writes lines as `/__/load` reads them: this tree as it would be in a bucket."""
        start = len(str(self.folder)) + 1
        with to.open("w") as out:
            for path in self.files():
                with open(path, "rb") as file:
                    content = file.read()
                md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
                out.write(f"{prefix}{path[start:]}\t{len(content)}\t{md5}\n")


def equal(folder: Path, count: int, size: int, folders: int) -> None:
    """Files of one size, in so many folders."""
    chance = random.Random(1)
    for number in range(count):
        path = folder / f"{number % folders:04}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(size))


def one_file(folder: Path, size: int) -> None:
    """One large file, of random bytes that repeat after 64 MiB."""
    folder.mkdir(parents=True)
    block = random.Random(2).randbytes(min(size, 64 * MIB))
    with (folder / "large.bin").open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def mixed(folder: Path, count: int, largest: int) -> None:
    """Sizes as media have them: log-normal, a median of 256 KiB, from 1 KiB to `largest`."""
    chance = random.Random(3)
    block = chance.randbytes(largest)
    for number in range(count):
        size = int(min(max(chance.lognormvariate(math.log(256 * KIB), 1.7), KIB), largest))
        path = folder / f"{2015 + number % 10}" / f"{number % 12 + 1:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = chance.randrange(largest - size + 1)
        path.write_bytes(number.to_bytes(4, "big") + block[start + 4 : start + size])


def static(folder: Path, packages: tuple[str, ...] = PACKAGES) -> None:
    """The admin's static files, and npm packages as they are installed."""
    import django

    npm = shutil.which("npm")
    if npm is None:
        raise CannotMake("npm is not installed")
    folder.mkdir(parents=True)
    shutil.copytree(Path(django.__file__).parent / "contrib/admin/static", folder, dirs_exist_ok=True)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", "--prefix", str(folder)]
    done = subprocess.run([npm, "install", *options, *packages], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(folder)
        raise CannotMake(f"npm could not install the packages: {done.stderr.strip()[-300:]}")
    (folder / "node_modules").rename(folder / "vendor")
    for path in list(folder.rglob("*")):  # some tools follow links, some do not; collectstatic ignores hidden files
        if path.is_symlink() or (path.is_file() and path.name.startswith(".")):
            path.unlink()
    for path in [path for path in folder.rglob(".*") if path.is_dir()]:
        shutil.rmtree(path, ignore_errors=True)
    for name in ("package.json", "package-lock.json"):
        (folder / name).unlink(missing_ok=True)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.name.endswith("~") or path.name == "CVS" or path.stat().st_size == 0:
            path.unlink()


MAKERS: dict[str, Callable[[Path], None]] = {
    "tiny": lambda folder: equal(folder, 20, 2 * KIB, 4),
    "small": lambda folder: equal(folder, 5_000, 8 * KIB, 200),
    "many": lambda folder: equal(folder, 50_000, 8 * KIB, 200),
    "known": lambda folder: equal(folder, 100_000, KIB, 1_000),
    "large": lambda folder: one_file(folder, 2 * GIB),
    "mixed": lambda folder: mixed(folder, 600, 50 * MIB),
    "static": static,
}


def tree(base: Path, name: str) -> Tree:
    """These files, made if they are not there yet. Raises CannotMake.

    A run that was killed between `change` and `restore` leaves some of them eight bytes longer; every tool of the next
    run gets the same.
    """
    folder, done = base / "data" / name, base / "data" / f"{name}.json"
    made_by = {"python": sys.version_info[:2], "packages": PACKAGES if name == "static" else ()}
    if not done.exists() or json.loads(done.read_text()) != json.loads(json.dumps(made_by)):
        shutil.rmtree(folder, ignore_errors=True)
        done.unlink(missing_ok=True)
        MAKERS[name](folder)
        Tree(folder).age()
        done.write_text(json.dumps(made_by))
    return Tree(folder)
