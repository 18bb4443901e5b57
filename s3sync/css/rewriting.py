"""A stylesheet with its references changed to what is served."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from .findings import Finding
from .reading import read_css
from .reference import Reference

_Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """The bytes to be stored, and what there is to say about the sheet."""

    data: bytes = field(repr=False)
    """The very object that was given, if nothing changes."""
    findings: list[Finding]


def rewrite_css(
    name: str,
    data: bytes,
    *,
    known: Collection[str],
    static_url: str = "/static/",
    url: Callable[[str], str | None] | None = None,
    stored_name: _Translate | None = None,
) -> RewriteResult:
    """The stylesheet with each reference to a known name changed, and all other bytes as they are.

    With `stored_name` alone a reference keeps its directory part and gets that name's last part. With `url` it becomes
    the URL of the (stored) name, or stays where that is None. Query and fragment are kept. Without either nothing
    changes, and the findings still come. Never raises because of the bytes.
    """
    sheet = read_css(name, data, known=known, static_url=static_url)

    def replace(reference: Reference) -> str | None:
        stored = stored_name(reference.target) if stored_name else reference.target
        if url:
            address = url(stored)
            return reference.with_url(address) if address else None
        return reference.with_stored_name(stored) if stored != reference.target else None

    changed = sheet.rewritten(replace) if url or stored_name else data
    return RewriteResult(changed, list(sheet.findings))
