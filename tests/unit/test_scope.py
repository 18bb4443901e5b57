"""Which names a run is about: the same on both sides."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.core.comparison import Reason
from s3sync.core.scope import Scope, is_junk, is_secret, matches, may_be_secret
from tests.strategies import QUICK, globs, names


def walk_reaches(scope: Scope, name: str) -> bool:
    """Whether a walk that does not enter folders out of scope would hand this file on."""
    parts = name.split("/")
    folders = ["/".join(parts[:end]) for end in range(1, len(parts))]
    return not any(map(scope.leaves_out_folder, folders)) and scope.leaves_out_file(name) is None


CASES = [
    # scope, name, in scope
    (Scope(), "a.png", True),
    (Scope(), "a/b/c.png", True),
    (Scope(ignore=("*.tmp",)), "a.tmp", False),
    (Scope(ignore=("*.tmp",)), "a/b.tmp", False),
    (Scope(ignore=("*.tmp",)), "a.tmp/b.png", False),
    (Scope(ignore=("*.tmp",)), "a.TMP", True),
    (Scope(ignore=("cache",)), "cache/a/b.png", False),
    (Scope(ignore=("cache",)), "a/cache/b.png", False),
    (Scope(ignore=("cache",)), "cached/b.png", True),
    (Scope(ignore=("a/b",)), "a/b/c.png", False),
    (Scope(ignore=("a/b",)), "x/a/b/c.png", True),
    (Scope(ignore=("a/*.png",)), "a/b/c.png", False),
    (Scope(ignore=("a/",)), "a/b.png", True),
    (Scope(ignore=("[ab].png",)), "b.png", False),
    (Scope(include=("*.png",)), "a/b.png", True),
    (Scope(include=("*.png",)), "a/b.jpg", False),
    (Scope(include=("photos",)), "photos/a/b.jpg", True),
    (Scope(include=("photos",)), "x/photos/b.jpg", True),
    (Scope(include=("photos",)), "b.jpg", False),
    (Scope(include=("*.png",), ignore=("b.*",)), "a/b.png", False),
    (Scope(include=("a/b.png",), ignore=("a",)), "a/b.png", False),
    (Scope(prefix="a/"), "a/b.png", True),
    (Scope(prefix="a/"), "ab.png", False),
    (Scope(prefix="a"), "ab/c.png", True),
    (Scope(prefix="a/b"), "a/bc/d.png", True),
    (Scope(prefix="a/b"), "a/c.png", False),
    (Scope(prefix="a/b/c"), "a/b.png", False),
    (Scope(prefix="é"), "e\u0301.png", False),
    (Scope(), ".DS_Store", False),
    (Scope(), "a/Thumbs.db", False),
    (Scope(), "a/desktop.ini", False),
    (Scope(), "a/.nfs0000000000000001", False),
    (Scope(), "a/thumbs.db", True),
    (Scope(), ".s3sync/lock", False),
    (Scope(), "a/.s3sync/lock", True),
    (Scope(), ".s3sync2/lock", True),
    (Scope(), ".s3sync", True),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "name", "expected"), CASES)
def test_both_sides(scope: Scope, name: str, expected: bool) -> None:
    """A file that is left out leaves out its object, and a file that is not does not."""
    assert (expected, expected) == (walk_reaches(scope, name), not scope.leaves_out_object(name))


@QUICK
@given(
    st.builds(
        Scope, prefix=st.one_of(st.just(""), st.just("a/"), st.text("ab-./", max_size=4)),
        ignore=st.lists(globs(), max_size=2).map(tuple), include=st.lists(globs(), max_size=2).map(tuple),
    ),
    st.one_of(names("ab-."), st.sampled_from([".s3sync/a", "a/.DS_Store", ".s3sync", "a/.nfs1", "b/Thumbs.db"])),
)  # fmt: skip
@example(Scope(ignore=("a",)), "a/b/c")
@example(Scope(prefix="a/b"), "a/bc/d")
@example(Scope(ignore=("*/b",)), "a/b/c")
def test_both_sides_agree_on_every_name(scope: Scope, name: str) -> None:
    """For any options: what the walk does not reach is no orphan, and what it reaches is not hidden."""
    assert walk_reaches(scope, name) is not scope.leaves_out_object(name)


@QUICK
@given(st.text("ab-./", max_size=5), names("ab-."))
def test_no_folder_of_the_prefix_is_left_out(prefix: str, name: str) -> None:
    """Folders are entered if anything below may begin with the prefix."""
    parts = (prefix + name).split("/")
    folders = ["/".join(parts[:end]) for end in range(1, len(parts)) if parts[0]]

    assert not [folder for folder in folders if folder and Scope(prefix=prefix).leaves_out_folder(folder)]


def test_folders_that_hold_nothing_of_the_prefix_are_left_out() -> None:
    """What is left out is not read: with a prefix a walk is short."""
    scope = Scope(prefix="ab/c")

    assert ["a", "abc", "b", "ab/d"] == [
        name for name in ("a", "ab", "abc", "b", "ab/c", "ab/cd", "ab/d") if scope.leaves_out_folder(name)
    ]


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        (Scope(ignore=("*.tmp",)), "a.tmp", Reason.IGNORED),
        (Scope(include=("*.png",)), "a.tmp", Reason.IGNORED),
        (Scope(prefix="b"), "a.tmp", Reason.IGNORED),
        (Scope(), "a/Thumbs.db", Reason.JUNK),
        (Scope(ignore=("*.db",)), "a/Thumbs.db", Reason.IGNORED),
        (Scope(), "a.tmp", None),
    ],
)
def test_reasons(scope: Scope, name: str, expected: Reason | None) -> None:
    """What a person wrote counts before what we know to be litter."""
    assert expected is scope.leaves_out_file(name)


def test_objects_that_are_somebody_elses() -> None:
    """Another alias's location, folder markers and what the secret guard holds back are no orphans."""
    scope = Scope(foreign=("static/", "private/"), held_back=lambda name: name.endswith(".key"))
    listed = ["a.png", "static/a.css", "statically", "private/x", "folder/", "a/tls.key", "x/static/a.css"]

    assert ["a.png", "statically", "x/static/a.css"] == [name for name in listed if not scope.leaves_out_object(name)]


def test_foreign_files_are_sent() -> None:
    """A file that lies where another alias's objects lie is ours: only its absence proves nothing."""
    assert walk_reaches(Scope(foreign=("static/",)), "static/a.css")


def test_an_alias_at_the_same_place_makes_every_object_foreign() -> None:
    """Nobody can tell whose an object without a file is."""
    assert Scope(foreign=("",)).leaves_out_object("a.png")


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("a/b.png", ["b.png"], True),
        ("a/b.png", ["a/b.png"], True),
        ("a/b.png", ["a/*"], True),
        ("a/b.png", ["*"], True),
        ("a/b.png", ["b"], False),
        ("a/b.png", ["/b.png"], False),
        ("a/b.png", ["x", "?.png"], True),
        ("a/B.png", ["b.png"], False),
        ("a\nb.png", ["a*.png"], True),
        ("a/b.png", [], False),
    ],
)
def test_matches(name: str, patterns: list[str], expected: bool) -> None:
    """The base name or the whole name, case and all."""
    assert expected is matches(name, patterns)


@QUICK
@given(names(), st.lists(globs(), max_size=3))
def test_matches_as_django_does(name: str, patterns: list[str]) -> None:
    """`django.contrib.staticfiles.utils.matches_patterns`, asked for the base name and for the whole."""
    base = name.split("/")[-1]

    assert any(fnmatchcase(each, pattern) for each in (base, name) for pattern in patterns) is matches(name, patterns)


@pytest.mark.parametrize("base", [".DS_Store", "Thumbs.db", "desktop.ini", ".nfs", ".nfs00000001"])
def test_junk(base: str) -> None:
    """What operating systems leave behind."""
    assert is_junk(base)


@pytest.mark.parametrize("base", ["DS_Store", "thumbs.db", "Thumbs.db.png", "nfs1", "a.nfs", "desktop.inis", ""])
def test_no_junk(base: str) -> None:
    """What only looks like it."""
    assert not is_junk(base)


SECRETS = [
    # dotfiles and dot folders
    ".env", ".env.production", ".envrc", ".npmrc", ".bash_history", "a/.hidden", ".ssh/config", "a/.b/c.png",
    ".git/config", ".git/HEAD", "site/.git/objects/ab/cd", ".hg/hgrc", ".svn/entries", ".htpasswd", "a/.htpasswd",
    ".well-known2/a", ".well-known/.env", ".well-known/.git/config", "a/..b",
    # each pattern
    "production.env", "a.env.bak", "app.environment", "my.ENV",
    "db.sqlite3", "a/b/db.sqlite3", "app.db", "dump.sql", "all.dump", "index.html.bak",
    "server.pem", "server.key", "cert.p12", "cert.pfx", "passwords.kdbx",
    "id_rsa", "id_ed25519", "id_rsa.pub", "home/me/id_ecdsa", "terraform.tfstate",
    "credentials", "aws_credentials.csv", "my-credentials.json", "a/Credentials.txt",
    "settings.py", "settings_local.py", "settings/production.py", "manage.py", "app/models.py",
    "a/models.cpython-313.pyc",
    # case
    "SERVER.PEM", "ID_RSA", "Db.Sqlite3", "a/DUMP.SQL", ".Git/config",
    # line ends do not end a name
    "a\n.pem", "x\ncredentials",
]  # fmt: skip

INNOCENTS = [
    "a.png", "a/b/c.jpg", "index.html", "css/app.css", "js/app.min.js", "js/app.js.map",
    ".well-known/assetlinks.json", ".well-known/acme-challenge/x", "a/.well-known/security.txt", ".WELL-KNOWN/a",
    "environment.png", "env", "env.png", "a.sqlite", "db", "sql", "dump", "bak", "pem", "a.keys", "keyboard.png",
    "a.db.png",
    "a.sql.gz", "a.dump.gz", "grid_1.png", "a/grid_id_1.png", "id.png", "a.tfstate.png", "id_rsa/a.png", "settings.png",
    "settings.json", "a.pyx", "python.png", "happy", "copy", "a.", "a./b", "credential.png", "creds.png",
    "credentials/a.png",
    "a..b", "server.pem/readme.txt", "server.pem\n", "", "photo-2026.03.01.jpg", "é.png",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secrets(name: str) -> None:
    """Keys, dumps, dotfiles and source code are held back from where everybody can read."""
    assert is_secret(name)


@pytest.mark.parametrize("name", INNOCENTS)
def test_innocents(name: str) -> None:
    """Pictures that only sound like it are sent."""
    assert not is_secret(name)


PATTERNS = (
    "*.env*", "*.sqlite3", "*.db", "*.sql", "*.dump", "*.bak", "*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "id_*",
    "*.tfstate", "*credentials*", ".htpasswd", "settings*.py", "*.py", "*.pyc",
)  # fmt: skip


@QUICK
@given(st.lists(st.sampled_from([
    "a", "/", ".", "env", ".env", ".well-known", ".git", "id_", "credentials", "settings", ".py", "c", ".key", "\n",
]), max_size=6).map("".join))  # fmt: skip
def test_secrets_are_what_the_patterns_say(name: str) -> None:
    """The quick way gives the same answer as the list of patterns, one by one."""
    parts = name.lower().split("/")
    dotted = any(part.startswith(".") and part != ".well-known" for part in parts)

    assert (dotted or any(fnmatchcase(parts[-1], pattern) for pattern in PATTERNS)) is is_secret(name)


_PARTS = st.lists(st.sampled_from([
    "a", "/", ".", "env", ".env", ".well-known", ".git", "id_", "credentials", ".py", "c", ".key", "\n", "ID_", ".PEM",
    "Σ", "\u0130", "Thumbs.db", ".nfs", ".s3sync-", ".DS_Store", "desktop.ini",
]), max_size=5).map("".join)  # fmt: skip


@QUICK
@given(st.lists(_PARTS, max_size=4))
def test_no_secret_hides_among_many_names(found: list[str]) -> None:
    """What is said of many names at once is said of no secret."""
    assert may_be_secret(found) or not any(map(is_secret, found))


def test_most_names_are_cleared_at_once() -> None:
    """The quick look would be none if it did not let usual names pass."""
    assert not may_be_secret(["a.png", "2026/03/é.jpg", "grid_1.png", "id.png", "settings.json", "a.keys"])


@QUICK
@given(st.lists(_PARTS.filter(lambda base: "/" not in base), max_size=4), st.sampled_from(["", "a/", "a/b/"]))
def test_what_is_not_left_out_at_once_is_not_one_by_one(bases: list[str], folder: str) -> None:
    """Junk, globs and prefixes leave out the same names either way."""
    for scope in (Scope(), Scope(prefix="a/"), Scope(prefix="a/a"), Scope(ignore=("*.py",)), Scope(include=("a",))):
        left_out = scope.left_out(folder, bases)
        assert {base for base in bases if scope.leaves_out_file(folder + base)} <= set(left_out) <= set(bases)


def test_usual_names_are_taken_at_once() -> None:
    """What is next to junk is not suspected of being junk."""
    assert {"Thumbs.db"} == set(Scope().left_out("a/", ["b.png", "Thumbs.db", "thumbs.db", "c"]))
    assert {"b.png"} == set(Scope(ignore=("*.png",)).left_out("", ["b.png", "c"]))
    assert [] == list(Scope(prefix="a/").left_out("a/b/", ["b.png"]))
