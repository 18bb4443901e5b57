"""A Django app with files in its rows, in databases of its own: what `s3_verify_media` is tested on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from tests.project import Project, Result

SETTINGS = """\
INSTALLED_APPS += ["gallery"]
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "other.sqlite3"}
"""
PHOTO = """\
class Photo(models.Model):
    image = models.ImageField(max_length=2000, null=True)
"""


class Gallery:
    """The project's app `gallery`: its models are source code, its tables and rows are made behind Django's back."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def models(self, source: str = PHOTO, *, settings: str = "", **how: Any) -> None:
        """Write the app and the settings anew; `how` goes to `Project.configure`."""
        folder = self.project.root / "gallery"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / "models.py").write_text(f"from django.db import models\n\n{source}")
        self.project.configure(settings=SETTINGS + settings, **how)

    def table(
        self, name: str = "photo", columns: str = "id INTEGER PRIMARY KEY, image TEXT", *, db: str = "db"
    ) -> None:
        """Make `gallery_<name>`; `db` is the stem of the file."""
        self.sql(f"CREATE TABLE gallery_{name} ({columns})", db=db)

    def rows(self, *rows: Mapping[str, Any] | str, table: str = "photo", db: str = "db") -> None:
        """Insert rows; a text stands for a row with this `image`."""
        with closing(self._connect(db)) as connection, connection:
            for row in rows:
                values = {"image": row} if isinstance(row, str) else dict(row)
                marks = ", ".join("?" * len(values))
                query = f"INSERT INTO gallery_{table} ({', '.join(values)}) VALUES ({marks})"
                connection.execute(query, list(values.values()))

    def many(self, names: Iterable[str]) -> None:
        """Insert a photo for each name."""
        with closing(self._connect("db")) as connection, connection:
            connection.executemany("INSERT INTO gallery_photo (image) VALUES (?)", ((name,) for name in names))

    def sql(self, query: str, *, db: str = "db") -> None:
        """Do something else."""
        with closing(self._connect(db)) as connection, connection:
            connection.execute(query)

    def _connect(self, db: str) -> sqlite3.Connection:
        return sqlite3.connect(self.project.root / f"{db}.sqlite3")

    def store(self, s3: Any, *keys: str, body: bytes = b"x") -> None:
        """Put objects."""
        for key in keys:
            s3.put_object(Bucket=self.project.bucket, Key=key, Body=body)

    def verify(self, *args: str, **how: Any) -> Result:
        """Run `s3_verify_media --format json` with these arguments."""
        return self.project.run("s3_verify_media", "--format", "json", *args, **how)


def verdicts(result: Result) -> dict[str, str]:
    """Name -> verdict, of each item."""
    return {item["name"]: item["verdict"] for item in result.report["items"]}


def found_ids(result: Result) -> list[str]:
    """The ids of the findings."""
    return [found["id"] for found in result.report["findings"]]


def of_field(result: Result, label: str, database: str = "default") -> dict[str, int]:
    """`gallery.Photo.image` -> how many values came to which verdict."""
    (found,) = (
        each for each in result.report["fields"]
        if (f"{each['model']}.{each['field']}", each["database"]) == (label, database)
    )  # fmt: skip
    return dict(found["verdicts"])


SHOWN = """\
class Photo(models.Model):
    image = models.ImageField()


class Member(models.Model):
    avatar = models.ImageField()
"""


def show_gallery(project: Project) -> None:
    """What the documents show: a site after the switch, with some trouble."""
    gallery = Gallery(project)
    gallery.models(SHOWN)
    gallery.table()
    gallery.table("member", "id INTEGER PRIMARY KEY, avatar TEXT")
    project.write("photos/2023/fog.jpg", b"f" * 1_200_000, age=3 * 86400)
    assert 0 == project.push().code
    client = project.server.client()
    client.delete_object(Bucket=project.bucket, Key="media/photos/2024/hut.jpg")
    client.put_object(Bucket=project.bucket, Key="media/avatars/IMG_1.JPG", Body=b"i" * 700)
    gallery.rows("photos/2024/beach.jpg", "photos/2024/hut.jpg", "photos/2024/lake.jpg")
    gallery.rows({"avatar": "avatars/ana.png"}, {"avatar": "avatars/img_1.jpg"}, table="member")
