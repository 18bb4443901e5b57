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
    "missing": (WARNING, " is no static file; the browser will get an error."),
    "missing-map": (INFO, " is named as source map but is no static file; only developer tools ask for it."),
    "outside-static": (WARNING, " leads out of the static files, to elsewhere on their host; it is left alone."),
    "bad-url": (WARNING, " is no valid URL in CSS; the browser drops the declaration or rule it stands in."),
    "empty-url": (INFO, "an empty URL; the browser requests nothing."),
    "mixed-content": (WARNING, " is plain http, which browsers block or upgrade on a page that came over https."),
    "case-mismatch": (WARNING, " is no static file, but {other} is; S3 tells such names apart."),
    "undecodable": (WARNING, " is not valid {other}, so the browser asks for another name; it is left alone."),
    "inert": (INFO, " stands where browsers never fetch anything from."),
    "custom-property-base": (WARNING, " is resolved against the sheet that uses this custom property."),
    "denied": (ERROR, " can't be read by all who can read this sheet; browsers will be denied."),
    "needs-cors": (WARNING, " is fetched in CORS mode from another origin; the bucket needs a CORS rule for it."),
}


class Remark(NamedTuple):
    """What a finding says, wherever it is said."""

    code: str
    level: str
    detail: str


def remark(code: str, what: str = "", *, level: str = "", other: str = "") -> Remark:
    """The remark of this code about `what`, with its usual level and wording."""
    usual, wording = _WORDING[code]
    return Remark(code, level or usual, what + (wording.format(other=other) if other else wording))
