"""How references are written, by mode, kind and target."""

from __future__ import annotations

from typing import Any

import pytest

from s3sync.css import Reference, read_css
from s3sync.sync.delivery import Delivery

KNOWN = {"css/a.css", "css/b.css", "img/small.png", "img/large.png", "css/a.css.map"}
STORED = "img/small.0123.png"


class Addresses:
    """Where objects are, by attribute."""

    def __init__(self, *, is_signed: bool = False, is_uniform: bool = True, root: str = "https://h/static/") -> None:
        self.is_signed, self.is_uniform, self.root = is_signed, is_uniform, root

    def url(self, name: str) -> str:
        return self.root + name


def delivery(mode: str, *, view: str | None = None, **addresses: Any) -> Delivery:
    found: Any = Addresses(**addresses)
    return Delivery(
        mode, found, static_url="/static/", find_redirect=lambda: None if view is None else view.__add__,
        leaf=lambda name: ("image/png", b"x") if "small" in name else None,
    )  # fmt: skip


def reference(css: str) -> Reference:
    (found,) = read_css("css/a.css", css.encode(), known=KNOWN).references
    return found


SMALL, LARGE = "a{b:url(../img/small.png?v#f)}", "a{b:url(../img/large.png)}"
ROOTED = "a{b:url(/static/img/small.png)}"
IMPORT, MAP = '@import "b.css";', "/*# sourceMappingURL=a.css.map */"
PRIVATE = {"is_signed": True}
MOVED = {"root": "https://h/other/"}
VIEW = {"view": "https://s/v/"}
DATA = "data:image/png;base64,eA=="


@pytest.mark.parametrize(
    ("mode", "how", "css", "written", "denied"),
    [
        ("auto", {}, SMALL, "../img/small.0123.png?v#f", False),
        ("auto", {}, ROOTED, "/static/img/small.0123.png", False),
        ("auto", MOVED, ROOTED, f"https://h/other/{STORED}", False),
        ("auto", MOVED, SMALL, "../img/small.0123.png?v#f", False),
        ("auto", {"is_uniform": False}, SMALL, f"https://h/static/{STORED}?v#f", False),
        ("auto", PRIVATE, SMALL, DATA + "#f", False),
        ("auto", PRIVATE | VIEW, LARGE, f"https://s/v/{STORED}", False),
        ("auto", PRIVATE, LARGE, "../img/small.0123.png", True),
        ("auto", PRIVATE, IMPORT, "small.0123.png", True),
        ("auto", PRIVATE | VIEW, IMPORT, f"https://s/v/{STORED}", False),
        ("auto", PRIVATE, MAP, "small.0123.png", False),
        ("relative", PRIVATE, SMALL, "../img/small.0123.png?v#f", True),
        ("absolute", {}, SMALL, f"https://h/static/{STORED}?v#f", False),
        ("absolute", PRIVATE, SMALL, f"https://h/static/{STORED}?v#f", True),
        ("inline", {}, SMALL, DATA + "#f", False),
        ("inline", VIEW, LARGE, "../img/small.0123.png", False),
        ("redirect", VIEW, LARGE, f"https://s/v/{STORED}", False),
        ("redirect", PRIVATE, LARGE, "../img/small.0123.png", True),
        ("off", {}, SMALL, None, False),
        ("off", PRIVATE, SMALL, None, True),
    ],
)  # fmt: skip
def test_what_is_written(mode: str, how: dict[str, Any], css: str, written: str | None, denied: bool) -> None:
    chosen, ref = delivery(mode, **how), reference(css)
    assert written == chosen.address(ref, STORED)
    assert denied is chosen.is_denied(ref)


def test_a_plain_name_stays_as_it_is() -> None:
    ref = reference(SMALL)
    assert delivery("auto").address(ref, ref.target) is None


def test_the_view_is_looked_for_only_where_it_is_needed() -> None:
    """A site whose address is not known needs it for nothing but the view."""
    found: Any = Addresses(is_signed=True)

    def find() -> None:
        raise AssertionError

    chosen = Delivery("auto", found, static_url="/static/", find_redirect=find, leaf=lambda _: ("image/png", b"x"))
    assert not chosen.is_denied(reference(SMALL))
    assert chosen.address(reference(SMALL), STORED)
