"""What only the caller can know of a reference: who may read its target, and from which host."""

from __future__ import annotations

from collections.abc import Callable

from .context import INERT
from .findings import INFO, Finding, remark
from .reading import Sheet
from .reference import Reference


def lint(
    sheet: Sheet, *, denied: Callable[[Reference], bool], crosses_origin: Callable[[Reference], bool]
) -> list[Finding]:
    """The sheet's own findings, `denied` and `needs-cors`, in the order of their places.

    Browsers never fetch what is inert; of source maps, only developer tools ask, so a denied one is no error.
    """
    found = list(sheet.findings)
    for reference in sheet.references:
        if reference.context == INERT:
            continue
        remarks = []
        if denied(reference):
            remarks.append(remark("denied", reference.target, level=INFO if reference.kind == "sourcemap" else ""))
        if reference.needs_cors and crosses_origin(reference):
            remarks.append(remark("needs-cors", reference.target))
        place = sheet.name, reference.line, reference.col
        found += (Finding(one.code, one.level, *place, one.detail) for one in remarks)
    return sorted(found, key=lambda one: (one.line, one.col))
