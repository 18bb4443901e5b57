"""The page that carries a site over, in each language, read as a person reads it: settings, commands, in order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.project import SETTINGS, Project
from tests.servers import Server

ROOT = Path(__file__).parents[1]
PAGES = ("docs/moving.md", "docs/ko.md")
LARGE = "docs/large.md"
BUCKET = "acme-media"
WAY = "STORY_ENDPOINT"
"""An environment variable: another way to the server, for one command."""
_BLOCK = re.compile(
    r"<!-- (?P<kind>settings|told|crontab)(?:: (?P<title>[^>]+))? -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL
)
_BEFORE = SETTINGS.replace('"s3sync", ', "")


@dataclass(frozen=True)
class Scene:
    """One block of the page."""

    kind: str
    """`settings`, `told` (commands, and what they print) or `crontab`."""
    title: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The arguments of `manage.py`, of each command."""
        found = (line[2:] for line in self.text.splitlines() if line.startswith("$ "))
        if self.kind == "crontab":
            found = (line.partition("&& ")[2] for line in self.text.splitlines())
        return [shlex.split(command)[2:] for command in found]


def scenes(page: str) -> list[Scene]:
    """The page's blocks."""
    blocks = _BLOCK.finditer((ROOT / page).read_text())
    return [Scene(found["kind"], found["title"] or "", found["text"]) for found in blocks]


def by_title(kind: str, title: str, page: str = PAGES[0]) -> Scene:
    """The page's block of this name."""
    (found,) = (scene for scene in scenes(page) if (scene.kind, scene.title) == (kind, title))
    return found


def settings(scene: Scene, server: Server, bucket: str, *more: str) -> str:
    """The whole module: Django's own part, `more`, the page's block, and where this server is."""
    place = {
        "AWS_S3_ACCESS_KEY_ID": server.access_key,
        "AWS_S3_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_S3_REGION_NAME": server.region if server.kind != "moto" else None,  # which knows every region
        "AWS_S3_ADDRESSING_STYLE": "path", "AWS_S3_VERIFY": str(server.ca) if server.ca else None,
    }  # fmt: skip
    lines = "".join(f"{name} = {value!r}\n" for name, value in place.items() if value)
    lines += f"import os\nAWS_S3_ENDPOINT_URL = os.environ.get({WAY!r}, {server.endpoint_url!r})\n"
    return "\n".join([_BEFORE, *more, scene.text.replace(BUCKET, bucket), lines])


def take_over(project: Project, text: str) -> None:
    """The settings are changed, as by an editor."""
    for cached in (project.root / "__pycache__").glob("settings.*"):
        cached.unlink()  # of the same second and length, it would pass for the new ones
    (project.root / "settings.py").write_text(text)


def told(scene: Scene, project: Project) -> Iterator[str]:
    """The block's commands, and what they print."""
    for line, arguments in zip(
        (line for line in scene.text.splitlines() if line.startswith("$ ")), scene.commands, strict=True
    ):
        result = project.run(*arguments)
        yield f"{line}\n{result.stderr}{result.stdout}"
