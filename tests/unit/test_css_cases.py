"""Stylesheets and what becomes of them, as a table; how Chromium reads each one is part of the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from s3sync.css import RewriteResult, rewrite_css

CASES = json.loads((Path(__file__).parents[1] / "data" / "css-cases.json").read_text())
IN_ADDITION = ("inert", "custom-property-base")
"""Codes that the table does not know."""

each_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def stored_name(files: dict[str, str]) -> Callable[[str], str]:
    """`a.png` -> `a.<hash>.png`."""

    def stored(name: str) -> str:
        folder, slash, base = name.rpartition("/")
        stem, dot, ending = base.rpartition(".") if "." in base else (base, "", "")
        return f"{folder}{slash}{stem}.{files[name]}{dot}{ending}"

    return stored


def rewritten(case: dict[str, Any], data: bytes) -> RewriteResult:
    modes: dict[str, dict[str, Any]] = {
        "absolute": {"url": lambda name: "https://cdn.test/s/" + quote(name)},
        "signed": {"url": lambda name: "https://cdn.test/s/" + quote(name) + "?X-Sig=abc"},
        "hashed": {"stored_name": stored_name(case["files"])},
    }
    return rewrite_css(case["path"], data, known=set(case["files"]), **modes[case["mode"]])


def in_bytes(case: dict[str, Any], field: str) -> bytes:
    text: str = case[field]
    return text.encode(case["encoding"] or "utf-8")


@each_case
def test_output_is_as_the_table_says(case: dict[str, Any]) -> None:
    """Each row is a way to write a reference, or to write what only looks like one."""
    assert in_bytes(case, "expected") == rewritten(case, in_bytes(case, "css")).data


@each_case
def test_findings_are_as_the_table_says(case: dict[str, Any]) -> None:
    """Who runs the linter in CI must get neither more nor less."""
    found = [one for one in rewritten(case, in_bytes(case, "css")).findings if one.code not in IN_ADDITION]
    assert len(case["warnings"]) == len(found)
    for warning, one in zip(case["warnings"], found, strict=True):
        assert f"{one.code}:{one.detail}".startswith(warning)


@each_case
def test_second_pass_changes_nothing(case: dict[str, Any]) -> None:
    """A stylesheet that was rewritten and collected again must not be rewritten twice."""
    once = rewritten(case, in_bytes(case, "css")).data
    assert once == rewritten(case, once).data


@each_case
def test_without_a_mode_nothing_changes(case: dict[str, Any]) -> None:
    """Findings alone must never cost a byte, not even a copy."""
    data = in_bytes(case, "css")
    result = rewrite_css(case["path"], data, known=case["files"])
    assert result.data is data
    assert rewritten(case, data).findings == result.findings
