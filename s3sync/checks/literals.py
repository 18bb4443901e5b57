"""Python source for the project's own values, for hints to paste."""

from __future__ import annotations

import ast


def literal(value: object) -> str | None:
    """Python source that gives this value, or None for objects and for what may hold a password."""
    source = repr(value)
    if isinstance(value, str) and source == f"'{value}'" and '"' not in value:
        source = f'"{value}"'
    if "@" in source or "SSECustomerKey" in source:
        return None
    try:
        return source if ast.literal_eval(source) == value else None
    except (ValueError, SyntaxError, TypeError):
        return None
