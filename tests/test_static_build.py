"""`collectstatic --s3 --build` and `--manifest-to`: what is written on this side, and when it is not."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.project import S3_MANIFEST, Code, Project
from tests.proxy import Proxy, Request, Verdict
from tests.servers import ON_MOTO
from tests.test_interruptions import wait_until
from tests.test_static_push import keys, make_site

SLOW_FINDER = """
import time
from pathlib import Path

from django.contrib.staticfiles.finders import FileSystemFinder


class Slow(FileSystemFinder):
    def list(self, ignore_patterns):
        here = Path(__file__).parent
        (here / "listing").touch()
        while not (here / "go").exists():
            time.sleep(0.02)
        yield from super().list(ignore_patterns)
"""


def make_slow(project: Project) -> None:
    """A project whose finder waits until there is a file `go`."""
    (project.root / "finders.py").write_text(SLOW_FINDER)
    project.configure_static(S3_MANIFEST, settings="STATICFILES_FINDERS = ['finders.Slow']")
    make_site(project)


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@ON_MOTO
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_build(project: Project, tmp_path: Path, number: signal.Signals) -> None:
    """collectstatic --s3 --no-input --build DIR, and Ctrl-C: no manifest says that the tree is whole"""
    make_slow(project)
    built, shipped = tmp_path / "built", tmp_path / "shipped.json"

    command = ["collectstatic", "--s3", "--no-input", "--format", "json", "--build", str(built)]
    process = project.start(*command, "--manifest-to", str(shipped))
    wait_until((project.root / "listing").exists, process)
    process.send_signal(number)
    (project.root / "go").touch()
    result = project.finish(process)

    assert (128 + number, "interrupted") == (result.code, result.report["status"]), result
    assert 0 == result.counts.get("new", 0)
    assert result.counts["scanned"] == result.counts["not_tried"]
    assert set() == names_in(built)
    assert not shipped.exists()


@ON_MOTO
def test_time_is_up_for_a_build(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR --max-duration 0s; and -n"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    built = tmp_path / "built"

    for more in ([], ["-n"]):
        result = project.collect("--build", str(built), "--max-duration", "0s", *more)
        assert (7, "budget") == (result.code, result.report["status"]), result
        assert result.counts["scanned"] == result.counts["not_tried"]
    assert set() == names_in(built)


@ON_MOTO
def test_a_build_stops_between_files(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR --fail-fast, where the first file can't be written"""
    (project.root / "first").mkdir()
    project.configure_static(settings="STATICFILES_DIRS = [BASE_DIR / 'first', BASE_DIR / 'assets']")
    (project.root / "first" / "taken").write_text("a")
    project.asset("b.txt", "b")
    built = tmp_path / "built"
    (built / "taken").mkdir(parents=True)

    result = project.collect("--build", str(built), "--fail-fast")

    assert 4 == result.code, result
    assert {"scanned": 2, "failed": 1, "not_tried": 1} == result.counts
    assert "NotWritten" == result.item("taken")["error"]["code"]
    assert set() == names_in(built)
    told = project.run("collectstatic", "--s3", "--no-input", "--build", str(built), "--fail-fast")
    assert "wrote 0 files (0 bytes), 1 failed, 1 not tried" in told.stdout


@ON_MOTO
@pytest.mark.parametrize("narrowed", [("--include", "*.css"), ("--prefix", "css/")])
def test_a_build_is_always_whole(project: Project, tmp_path: Path, narrowed: tuple[str, str]) -> None:
    """collectstatic --s3 --no-input --build DIR --include *.css | --prefix css/"""
    project.configure_static(S3_MANIFEST)
    make_site(project)

    result = project.run("collectstatic", "--s3", "--no-input", "--build", str(tmp_path / "built"), *narrowed)

    assert 2 == result.code, result
    assert f"--build and {narrowed[0]} exclude each other" in result.stderr
    assert not (tmp_path / "built").exists()


@ON_MOTO
def test_secrets_are_guarded_when_they_are_pushed(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR, with a key among the files; then --from DIR"""
    project.configure_static()
    project.asset("server.key", "secret")
    project.asset("a.txt", "a")
    built = tmp_path / "built"

    assert 0 == project.collect("--build", str(built)).code
    assert {"server.key", "a.txt"} == names_in(built)

    assert 5 == project.collect("--from", str(built)).code
    assert {"static/a.txt"} == keys(s3, bucket)


@ON_MOTO
def test_a_build_stays_in_its_folder(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR, where folders and files below DIR are links out of it"""
    project.configure_static(S3_MANIFEST)
    project.asset("img/a.png", "new")
    project.asset("img/deep/b.png", "new")
    project.asset("c.txt", "new")
    project.asset("same.txt", "same")
    outside, built = tmp_path / "outside", tmp_path / "built"
    (outside / "deep").mkdir(parents=True)
    built.mkdir()
    for name in ("a.png", "deep/b.png", "c.txt"):
        (outside / name).write_text("theirs")
    (outside / "same.txt").write_text("same")
    (built / "img").symlink_to(outside)
    for name in ("c.txt", "same.txt"):
        (built / name).symlink_to(outside / name)
    theirs = {path: path.read_text() for path in outside.rglob("*") if path.is_file()}

    result = project.collect("--build", str(built))

    assert 4 == result.code, result
    for name in ("img/a.png", "img/deep/b.png"):
        error = result.item(name)["error"]
        assert "NotWritten" == error["code"]
        assert f"{built / 'img'} is a link" in error["message"]
    assert theirs == {path: path.read_text() for path in outside.rglob("*") if path.is_file()}
    for name in ("c.txt", "same.txt"):
        assert not (built / name).is_symlink()
    assert "new" == (built / "c.txt").read_text()
    assert not (built / "staticfiles.json").exists()
    (found,) = result.report["findings"]
    assert ("build-leftovers", True) == (found["id"], "img" in found["detail"])


@ON_MOTO
def test_the_folder_itself_may_be_a_link(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build LINK"""
    project.configure_static()
    project.asset("a.txt", "a")
    (tmp_path / "really").mkdir()
    (tmp_path / "built").symlink_to(tmp_path / "really")

    assert 0 == project.collect("--build", str(tmp_path / "built")).code

    assert {"a.txt"} == names_in(tmp_path / "really")


@ON_MOTO
def test_a_build_needs_a_folder(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build FILE"""
    project.configure_static()
    project.asset("a.txt", "a")
    (tmp_path / "file").write_text("theirs")

    result = project.collect("--build", str(tmp_path / "file"))

    assert (1, "BuildFolder") == (result.code, result.report["error"]["code"]), result
    assert "theirs" == (tmp_path / "file").read_text()


# --manifest-to


@ON_MOTO
def test_a_manifest_that_is_there_already_is_no_work(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --check --manifest-to PATH, before and after; and PATH is not written to anew"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    shipped = tmp_path / "shipped.json"
    assert 0 == project.collect().code

    missing = project.collect("--check", "--manifest-to", str(shipped))
    assert 3 == missing.code, missing
    assert not shipped.exists()
    assert 0 == project.collect("--manifest-to", str(shipped)).code
    os.utime(shipped, (1, 1))
    assert 0 == project.collect("--check", "--manifest-to", str(shipped)).code
    assert 0 == project.collect("--manifest-to", str(shipped)).code
    assert 1 == shipped.stat().st_mtime

    shipped.write_text("{}")
    assert 3 == project.collect("--check", "--manifest-to", str(shipped)).code
    assert 0 == project.collect("--build", str(tmp_path / "built"), "--manifest-to", str(shipped)).code
    assert (tmp_path / "built" / "staticfiles.json").read_bytes() == shipped.read_bytes()


@ON_MOTO
@pytest.mark.parametrize(
    ("place", "why"),
    [("folder", "it is a folder"), ("fifo", "it is no regular file"), ("nowhere/s.json", "no such folder"),
     ("/proc/s.json", ""), ("circle", "")],
)  # fmt: skip
def test_a_place_that_takes_no_manifest_is_seen_at_once(
    project: Project, proxy: Proxy, tmp_path: Path, place: str, why: str
) -> None:
    """collectstatic --s3 --no-input --manifest-to PLACE: nothing is sent that could not be finished"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST)
    make_site(project)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")  # no real device: whoever breaks this as root would replace it
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "circle").symlink_to(tmp_path / "circle" / "circle")
    given = str(tmp_path / place / "circle" / "s.json" if place == "circle" else tmp_path / place)

    for how in ([], ["--build", str(tmp_path / "built")]):
        result = project.collect("--manifest-to", given, *how)
        assert (1, "ManifestTo") == (result.code, result.report["error"]["code"]), result
        assert why in result.report["error"]["message"]
    assert 0 == proxy.count()["PutObject"]
    assert set() == names_in(tmp_path / "built")


@ON_MOTO
def test_a_manifest_goes_where_a_link_leads(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --manifest-to LINK"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    shipped = tmp_path / "shipped.json"
    shipped.symlink_to(tmp_path / "really.json")

    assert 0 == project.collect("--manifest-to", str(shipped)).code

    assert shipped.is_symlink()
    assert set(json.loads((tmp_path / "really.json").read_text())["paths"])


@ON_MOTO
def test_failures_tell_what_is_live(project: Project, proxy: Proxy, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --manifest-to PATH, and a manifest_storage, where a folder comes in between"""
    project.server = proxy.server
    place = tmp_path / "place"
    place.mkdir()

    def rule(request: Request) -> Verdict:
        if request.operation == "PutObject":
            (place / "staticfiles.json").mkdir(exist_ok=True)
        return None

    proxy.rule = rule
    project.configure_static(S3_MANIFEST)
    make_site(project)
    result = project.collect("--manifest-to", str(place / "staticfiles.json"))
    assert 4 == result.code, result
    error = result.item(str(place / "staticfiles.json"))["error"]
    assert "run it again: all else of this deploy is in its place" == error["hint"]

    (place / "staticfiles.json").rmdir()
    project.asset("new.txt", "new")
    project.configure_static(
        S3_MANIFEST, location="other", manifest_storage=Code(f"StaticFilesStorage(location={str(place)!r})"),
        settings="from django.contrib.staticfiles.storage import StaticFilesStorage",
    )  # fmt: skip
    result = project.collect("--manifest-to", str(tmp_path / "shipped.json"))
    assert 4 == result.code, result
    hint = "run it again: until the manifest is replaced, the last deploy stays live"
    assert hint == result.item("staticfiles.json")["error"]["hint"]
    assert not (tmp_path / "shipped.json").exists(), "it would name what is not live"


@ON_MOTO
def test_a_manifest_storage_may_raise_anything(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with a manifest_storage of the project's own"""
    backends = (
        "from django.core.files.storage import InMemoryStorage\n"
        "class Shy(InMemoryStorage):\n"
        "    def _open(self, name, mode='rb'):\n"
        "        raise LookupError('not today')\n"
        "class Full(InMemoryStorage):\n"
        "    def _save(self, name, content):\n"
        "        raise LookupError('full')\n"
    )
    settings = "import backends"
    make_site(project)
    project.configure_static(
        S3_MANIFEST, manifest_storage=Code("backends.Shy()"), settings=settings, backends=backends
    )
    result = project.collect()
    assert (1, "ManifestStorage") == (result.code, result.report["error"]["code"]), result
    assert "Shy" in result.report["error"]["message"]
    assert "not today" in result.report["error"]["message"]
    assert set() == keys(s3, bucket)

    project.configure_static(
        S3_MANIFEST, manifest_storage=Code("backends.Full()"), settings=settings, backends=backends
    )
    result = project.collect()
    assert (4, "LookupError") == (result.code, result.item("staticfiles.json")["error"]["code"]), result
    assert "Traceback" not in result.stderr


@ON_MOTO
def test_a_file_that_changes_is_not_built_under_an_old_hash(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR, while a file that was hashed is written to, and another one goes"""
    project.configure_static(
        "backends.Own",
        backends=(
            "import os\n"
            "from pathlib import Path\n"
            "from storages.backends.s3 import S3ManifestStaticStorage\n"
            "class Own(S3ManifestStaticStorage):\n"
            "    def file_hash(self, name, content=None):\n"
            "        digest = super().file_hash(name, content)\n"
            "        if name == 'z.txt':\n"  # the last of them: the others are hashed
            "            assets = Path(__file__).parent / 'assets'\n"
            "            (assets / 'a.txt').write_text('another')\n"
            "            (assets / 'b.txt').unlink()\n"
            "        return digest\n"
        ),
    )
    for name in ("a.txt", "b.txt", "z.txt"):
        project.asset(name, name)
    built = tmp_path / "built"

    result = project.collect("--build", str(built))

    assert 4 == result.code, result
    failed = {item["name"].split(".")[0]: item["error"]["code"] for item in result.report["items"]}
    assert {"a": "FileChanged", "b": "FileChanged"} == failed
    assert {"z"} == {name.split(".")[0] for name in names_in(built)}


@ON_MOTO
def test_a_build_leaves_what_is_there_already(project: Project, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR, twice: layers of an image stay the same"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    built = tmp_path / "built"
    assert 0 == project.collect("--build", str(built)).code
    before = {path: path.stat().st_ino for path in built.rglob("*.png")}

    assert 0 == project.collect("--build", str(built)).code

    assert before == {path: path.stat().st_ino for path in built.rglob("*.png")}
