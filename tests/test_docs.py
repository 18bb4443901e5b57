"""What the documents show is what the commands print. `S3SYNC_WRITE_DOCS=1` writes it anew."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s3sync.core.claims import Claim
from tests.gallery import show_gallery
from tests.project import S3_MANIFEST, S3_STORAGE, Project, s3_options
from tests.servers import Server

ROOT = Path(__file__).parents[1]
BUCKET = "acme-media"
BLOCK = re.compile(r"<!-- shown: (?P<title>[^>]+) -->\n```console\n(?P<text>.*?)```\n", re.DOTALL)


@pytest.fixture(name="acme")
def make_acme(tmp_path: Path, moto_server: Server, moto_s3: Any) -> Iterator[Project]:
    """A project whose bucket has a name to show."""
    moto_s3.create_bucket(Bucket=BUCKET)
    project = Project(tmp_path, moto_server, BUCKET)
    project.write("photos/2024/beach.jpg", b"b" * 2_100_000, age=60)
    project.write("photos/2024/hut.jpg", b"h" * 2_100_000, age=60)
    project.write("avatars/ana.png", b"a" * 900, age=60)
    project.configure(storages={
        "staticfiles": {"BACKEND": S3_MANIFEST, "OPTIONS": s3_options(moto_server, BUCKET, location="static")}
    })  # fmt: skip
    project.asset("css/site.css", 'body{background:url("../img/sky.png")}\nh1{background:url(../img/Moon.png)}\n')
    project.asset("img/sky.png", "sky")
    project.asset("img/moon.png", "moon")
    yield project
    for page in moto_s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", ()):
            moto_s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    moto_s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture(name="moto_s3")
def make_moto_s3(moto_server: Server) -> Any:
    """A client for moto."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=moto_server.endpoint_url, aws_access_key_id=moto_server.access_key,
        aws_secret_access_key=moto_server.secret_key, region_name=moto_server.region,
    )  # fmt: skip


def change_for(title: str, project: Project) -> None:
    """What happens before the commands of a block are run."""
    project.fresh = title == "first push"  # what is shown first is from a start of its own, as a user's
    if title == "several folders":
        for name in ("1.pdf", "2.pdf"):
            (project.root / "invoices").mkdir(exist_ok=True)
            (project.root / "invoices" / name).write_bytes(b"%600s" % name.encode())
        entries = [{"source": str(project.root / source), "storage": alias}
                   for source, alias in (("media", "default"), ("invoices", "private"))]  # fmt: skip
        options = s3_options(project.server, BUCKET, location="invoices")
        project.configure(
            settings=f"S3SYNC = {{'MEDIA': {entries!r}}}",
            storages={"private": {"BACKEND": S3_STORAGE, "OPTIONS": options}},
        )
    if title == "lock":
        claim = Claim(run="20261121T090000-5d8f1c02", prefix="", owner="process 71 on web-2")
        key = "media/.s3sync/locks/e3b0c44298fc1c14"
        project.server.client().put_object(Bucket=BUCKET, Key=key, Body=claim.encode())
    if title in ("dry run", "files from"):
        project.push()
        (project.root / "changed.txt").write_text("ids/passport.jpg\nphotos/2024/beach.jpg\n")
        project.write("photos/2024/beach.jpg", b"c" * 2_100_000)
        project.write("ids/passport.jpg", b"p" * 900)
    elif title.startswith("pull"):
        project.push()
        for path in (project.media / "photos/2024").iterdir():
            path.unlink()
        client = project.server.client()
        client.put_object(Bucket=BUCKET, Key="media/avatars/ana.png", Body=b"A" * 901)
        client.put_object(Bucket=BUCKET, Key="media/avatars/bo.png", Body=b"b" * 800)
        if title == "pull conflict":
            project.write("avatars/ana.png", b"another")
            client.put_object(Bucket=BUCKET, Key="media/a/../../etc/passwd", Body=b"x")
    elif title == "verify":
        project.write("ids/passport.jpg", b"p" * 900)
        project.push()
        client = project.server.client()
        client.put_object_acl(Bucket=BUCKET, Key="media/ids/passport.jpg", ACL="public-read")
    elif title in ("doctor", "bucket"):
        (project.assets / "css/site.css").write_text("h1{color:red}")
    elif title == "cutover":
        project.configure(backend="s3sync.storages.CutoverStorage")
    elif title in ("media", "orphans"):
        show_gallery(project)
    elif title == "collectstatic":
        project.asset("css/site.css", 'body{background:url("../img/sky.png")}\n')


def settled(text: str) -> str:
    """Output without what differs from run to run."""
    text = re.sub(r"; \d+\.\d s", "; 0.2 s", text)
    text = re.sub(r"ends in \d+ s", "ends in 600 s", text)
    text = re.sub(r'"(run_id|started|finished|version)": "[^"]*"', r'"\1": "..."', text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:5000", text)
    return re.sub(r'"(total|plan|transfer)": [\d.]+', r'"\1": 0.2', text)


def shown_by(title: str, commands: list[str], project: Project) -> str:
    """The block's text, as the commands make it."""
    lines = []
    for command in commands:
        result = project.run(*shlex.split(command)[2:])
        output = (result.stderr + result.stdout).replace(str(project.root), "/srv/acme")
        if "--format json" in command:
            output = json.dumps(json.loads(output), indent=1, ensure_ascii=False) + "\n"
        lines.append(f"$ {command}\n{output}")
    return settled("".join(lines)).replace(str(project.root), "/srv/acme")


SHOWN = [
    ("README.md", "first push"),
    ("README.md", "dry run"),
    ("README.md", "collectstatic"),
    ("README.md", "verify"),
    ("docs/scripting.md", "report"),
    ("docs/css.md", "lint"),
    ("docs/permissions.md", "iam policy"),
    ("docs/permissions.md", "bucket policy"),
    ("docs/permissions.md", "cors rules"),
    ("docs/doctor.md", "doctor"),
    ("docs/buckets.md", "bucket"),
    ("docs/incremental.md", "files from"),
    ("docs/storages.md", "cutover"),
    ("docs/verify.md", "media"),
    ("docs/verify.md", "orphans"),
    ("docs/several.md", "lock"),
    ("docs/several.md", "several folders"),
    ("docs/pull.md", "pull"),
    ("docs/pull.md", "pull dry run"),
    ("docs/pull.md", "pull conflict"),
]
"""Document, and title of a block in it."""


@pytest.mark.parametrize(("document", "title"), SHOWN)
def test_shown_output_is_what_the_command_prints(acme: Project, document: str, title: str) -> None:
    """Each block of README.md and docs/ that shows output."""
    path = ROOT / document
    text = path.read_text()
    (block,) = (found for found in BLOCK.finditer(text) if found["title"] == title)
    commands = [line[2:] for line in block["text"].splitlines() if line.startswith("$ ")]
    change_for(title, acme)
    actual = shown_by(title, commands, acme)
    if os.environ.get("S3SYNC_WRITE_DOCS"):
        path.write_text(text.replace(block["text"], actual))
        return
    assert block["text"] == actual


def test_every_shown_block_is_tested() -> None:
    """A block with output that no test makes would rot."""
    titles = {found["title"] for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
              for found in BLOCK.finditer(path.read_text())}  # fmt: skip
    assert {title for _, title in SHOWN} == titles
