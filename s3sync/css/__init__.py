"""What stylesheets refer to: found, resolved, rewritten in place, ordered. Standard library only."""

from __future__ import annotations

from .findings import Finding
from .graph import groups, levels
from .linting import lint
from .names import Names
from .reading import Sheet, read_css, read_js
from .reference import Reference
from .rewriting import RewriteResult, rewrite_css
from .writing import splice

__all__ = [
    "Finding",
    "Names",
    "Reference",
    "RewriteResult",
    "Sheet",
    "groups",
    "levels",
    "lint",
    "read_css",
    "read_js",
    "rewrite_css",
    "splice",
]
