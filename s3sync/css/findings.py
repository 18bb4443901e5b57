"""What there is to say about a reference."""

from __future__ import annotations

from typing import NamedTuple

ERROR, WARNING, INFO = "error", "warning", "info"


class Finding(NamedTuple):
    """One thing that somebody should know about a stylesheet."""

    code: str
    level: str
    """"error", "warning" or "info"."""
    name: str
    """Of the stylesheet."""
    line: int
    col: int
    """From 1, in characters, as `line`."""
    detail: str
    """A sentence that begins with the value or the static name it is about."""


_WORDING = {
    "missing": (WARNING, "{what} is no static file; the browser will get an error."),
    "missing-map": (INFO, "{what} is named as source map but is no static file; only developer tools ask for it."),
    "outside-static": (WARNING, "{what} leads out of the static files, to elsewhere on their host; it is left alone."),
    "bad-url": (WARNING, "{what} is no valid URL in CSS; the browser drops the declaration or rule it stands in."),
    "empty-url": (INFO, "an empty URL; the browser requests nothing."),
    "mixed-content": (WARNING, "{what} is plain http, which browsers block or upgrade on a page that came over https."),
    "case-mismatch": (WARNING, "{what} is no static file, but {other} is; S3 tells such names apart."),
    "undecodable": (WARNING, "{what} is not valid {other}, so the browser asks for another name; it is left alone."),
    "inert": (INFO, "{what} stands where browsers never fetch anything from."),
    "custom-property-base": (WARNING, "{what} is resolved against the sheet that uses this custom property."),
    "denied": (ERROR, "{what} can't be read by all who can read this sheet; browsers will be denied."),
    "needs-cors": (WARNING, "{what} is fetched in CORS mode from another origin; the bucket needs a CORS rule for it."),
}


def finding(code: str, name: str, line: int, col: int, what: str = "", *, level: str = "", other: str = "") -> Finding:
    """The finding of this code, with its usual level and wording."""
    usual, wording = _WORDING[code]
    return Finding(code, level or usual, name, line, col, wording.format(what=what, other=other))
