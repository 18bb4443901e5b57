"""The move as docs/moving.md tells it: to the letter, and with a live site whose users go on uploading."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import live_site, story
from tests.agreement import chance, say, soak
from tests.faults import ByChance, FaultProxy
from tests.project import Project
from tests.servers import ON_RGW_HTTPS, Server
from tests.soak import SOAK, seeds
from tests.story import BUCKET, PAGES, ROOT, Scene, by_title, scenes
from tests.test_docs import settled


@pytest.fixture(name="acme")
def make_acme(tmp_path: Path, moto_server: Server) -> Iterator[Project]:
    """The reader's site, with three uploads and a stylesheet."""
    project = Project(tmp_path, moto_server, BUCKET)
    live_site.found(project, "urlpatterns = []\n")
    project.write("photos/2024/beach.jpg", b"b" * 2_100_000, age=60)
    project.write("photos/2024/hut.jpg", b"h" * 2_100_000, age=60)
    project.write("photos/2025/ana.jpg", b"a" * 900, age=60)
    project.asset("css/site.css", 'body{background:url("../img/sky.png")}\n')
    project.asset("img/sky.png", "sky")
    yield project
    s3 = moto_server.client()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def test_each_language_tells_the_same() -> None:
    """The settings, the commands, their output and the crontab are those of the English page."""
    english, *others = ([(scene.kind, scene.title, scene.text) for scene in scenes(page)] for page in PAGES)
    assert 12 == len(english)
    assert [english] == others


def healthy(text: str) -> str:
    """The doctor's words without what it says of an address that only a test has."""
    assert text.count("WARNING D29 media_s3: url() sends browsers to 127.0.0.1") == text.count("WARNING"), text
    text = re.sub(r"WARNING D29 .*\n  why: .*\n  fix: .*\n", "", text)
    return text.replace("23 checks: 1 warning, 22 ok", "23 checks: 23 ok")


def test_the_page_shows_what_its_commands_print(acme: Project) -> None:
    """All of docs/moving.md, from the first setting to the crontab. S3SYNC_WRITE_DOCS=1 writes it anew."""
    for scene in scenes(PAGES[0]):
        if scene.kind == "settings":
            take_over(acme, scene)
            if scene.title == "before":
                live_site.rows(acme)
        elif scene.kind == "crontab":
            with replaced_by_a_user(acme, "photos/2024/hut.jpg"):
                for command in scene.commands:
                    result = acme.run(*(part.replace("/srv/acme", str(acme.root)) for part in command))
                    assert (0, "", "") == (result.code, result.stdout, result.stderr), result
        else:
            if scene.title == "second":
                acme.write("photos/2025/new.jpg", b"n" * 700, age=5)
            if scene.title == "back":
                (acme.media / "photos/2025/new.jpg").unlink()
                take_over(acme, by_title("settings", "static"))
            shows(scene, acme, PAGES)


def test_the_page_for_large_sites_shows_what_its_commands_print(acme: Project, moto_server: Server) -> None:
    """All of docs/large.md"""
    moto_server.client().create_bucket(Bucket=BUCKET)
    take_over(acme, by_title("settings", "after"))
    live_site.rows(acme)
    for scene in scenes(story.LARGE):
        if scene.title == "large changed":
            (acme.root / "changed.txt").write_text("photos/2025/new.jpg\n")
            acme.write("photos/2025/new.jpg", b"n" * 700, age=5)
        shows(scene, acme, [story.LARGE])


def take_over(project: Project, scene: Scene) -> None:
    story.take_over(project, story.settings(scene, project.server, BUCKET, live_site.SETTINGS))


def shows(scene: Scene, project: Project, pages: Sequence[str]) -> None:
    """Holds a block against what its commands print."""
    actual = healthy(settled("".join(story.told(scene, project)).replace(str(project.root), "/srv/acme")))
    if not os.environ.get("S3SYNC_WRITE_DOCS"):
        assert scene.text == actual
        return
    for page in pages:
        path = ROOT / page
        block = f"<!-- told: {scene.title} -->\n```console\n"
        path.write_text(path.read_text().replace(f"{block}{scene.text}```", f"{block}{actual}```"))


@contextmanager
def replaced_by_a_user(project: Project, name: str) -> Iterator[None]:
    """In the bucket alone, as after the disk was let go of."""
    s3, key = project.server.client(), f"media/{name}"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"retouched", ContentType="image/jpeg")
    yield
    s3.put_object(Bucket=BUCKET, Key=key, Body=(project.media / name).read_bytes(), ContentType="image/jpeg")


class Move:
    """A live site on its way, by the page."""

    def __init__(self, project: Project, front: live_site.Front, server: Server, bucket: str) -> None:
        self.project, self.front, self._server, self._bucket = project, front, server, bucket
        self.now = by_title("settings", "before")

    def switch(self, scene: Scene, *, deploy: bool = True) -> None:
        """Other settings, and processes that have them."""
        self.now = scene
        story.take_over(self.project, story.settings(scene, self._server, self._bucket, live_site.SETTINGS))
        if deploy:
            self.front.deploy()

    def carry_out(self, scene: Scene) -> None:
        """Commands; each has to end well. What a visitor uploads at this moment, --check may name: once or twice."""
        for command in scene.commands:
            for _ in range(3):
                result = self.project.run(*(part.replace("/srv/acme", str(self.project.root)) for part in command))
                if result.code != 3 or "--check" not in command:
                    break
            assert 0 == result.code, (command, result)


def interlude(move: Move, rng: Random, faulty: FaultProxy) -> str:
    """What the page does not tell of: a run is killed, or breaks, two run at once, somebody changes his mind."""
    what = rng.choice(["kill", "faults", "twice", "pull", "mind"])
    if what == "kill":
        process = move.project.start(rng.choice(["s3_push_media", "s3_pull_media"]))
        time.sleep(rng.uniform(0.1, 1.5))
        process.kill()
        process.communicate()
    elif what == "faults":
        chance_of = ByChance(rng, rng.choice([0.05, 0.2]), most=40)
        faulty.fault, faulty.on_connect = chance_of, chance_of.on_connect
        env = {story.WAY: faulty.server.endpoint_url}
        result = move.project.run(rng.choice(["s3_push_media", "s3_verify_media"]), env=env)
        faulty.fault = faulty.on_connect = None
        assert result.code in (0, 1, 3, 4, 8), (faulty.met, result)
    elif what == "twice":
        runs = [move.project.start("s3_push_media", "--lock", "none", "-w", "4") for _ in range(2)]
        assert [0, 0] == [move.project.finish(run).code for run in runs]
    elif what == "pull":
        result = move.project.run("s3_pull_media")
        assert result.code in (0, 3), result
    elif move.now.title in ("before", "switch"):
        there, back = by_title("settings", "switch"), by_title("settings", "before")
        for scene in (there, back) if move.now.title == "before" else (back, there):
            move.switch(scene)
    move.carry_out(Scene("told", "", "$ python manage.py s3_push_media\n"))
    return what


@soak
@ON_RGW_HTTPS
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", seeds(1, 12))
def test_a_live_site_moves(seed: int, project: Project, server: Server, s3: Any, bucket: str) -> None:
    """All of docs/moving.md and back, while visitors upload, look and delete: no request fails, no upload is lost"""
    rng = chance(seed)
    s3.delete_bucket(Bucket=bucket)  # the page makes it
    live_site.found(project)
    for number in range(300 if SOAK else 60):
        project.write(f"photos/2024/{number}.jpg", rng.randbytes(rng.randint(0, 3000)), age=60)
    project.asset("css/site.css", 'body{background:url("../img/sky.png")}\n')
    project.asset("img/sky.png", "sky")
    project.write("photos/2024/large.jpg", rng.randbytes(9_000_000), age=60)
    before = {path: path.read_bytes() for path in project.media.rglob("*.jpg")}
    front = live_site.Front(project)
    move = Move(project, front, server, bucket)
    first, *others = (scene for scene in scenes(PAGES[0]) if scene.title != "back")
    both = by_title("settings", "static")
    move.switch(first, deploy=False)
    live_site.rows(project)
    try:
        front.deploy()
        with FaultProxy(server) as faulty, live_site.Visitors(front, server, 4 if SOAK else 2, seed) as visitors:
            for scene in others:
                if scene.kind == "settings":
                    move.switch(scene, deploy=scene is not both and scene.title != "static")
                else:
                    move.carry_out(scene)
                if scene.title == "static" and scene.kind == "told":
                    front.deploy()
                if seed and scene.title in ("first", "switch", "second", "proof") and rng.random() < 0.7:
                    say(scene.title, interlude(move, rng, faulty))
            on_s3 = dict(visitors.kept)
            move.switch(both)
            move.carry_out(by_title("told", "back"))
            move.switch(first)
            move.carry_out(Scene("told", "", "$ python manage.py check\n"))
        say(visitors.done)
        assert [] == visitors.trouble
        assert visitors.done["deletes"], "enough has happened"
        kept = {name: digest for name, digest in on_s3.items() if digest == visitors.kept.get(name)}
        stored = {
            entry["Key"].removeprefix("media/"): sha256(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="media/")
            for entry in page["Contents"]
        }
        assert kept.items() <= stored.items()
        files = {path.relative_to(project.media).as_posix(): sha256(path.read_bytes())
                 for path in project.media.rglob("*.jpg")}  # fmt: skip
        assert visitors.kept.items() <= files.items()
        assert before == {path: path.read_bytes() for path in before}
    finally:
        front.close()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
