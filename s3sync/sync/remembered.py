"""What the state keeps of a target itself, from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..local.state import State
from ..s3.conditions import Conditions, Enforcement
from ..s3.target import Target

_ENFORCEMENT = "conditions.put"
_BARE_ETAGS = "conditions.bare-etags"
_ETAGS_ARE_MD5 = "etags-are-md5"
_MARKS = "listing "


def recall(state: State, target: Target, conditions: Conditions) -> None:
    """Takes over what earlier runs have found out."""
    target.etags_are_md5 = state.fact(_ETAGS_ARE_MD5) != "no"
    conditions.everywhere = target.is_aws
    conditions.enforcement = Enforcement(state.fact(_ENFORCEMENT) or Enforcement.UNPROVEN)
    conditions.bare_etags = state.fact(_BARE_ETAGS) == "yes"


def remember(state: State, target: Target, conditions: Conditions) -> None:
    """Keeps it for later runs."""
    facts = {
        _ENFORCEMENT: conditions.enforcement.value,
        _BARE_ETAGS: "yes" if conditions.bare_etags else "no",
        _ETAGS_ARE_MD5: "yes" if target.etags_are_md5 else "no",
    }
    for name, value in facts.items():
        if state.fact(name) != value:
            state.remember_fact(name, value)


def recall_marks(state: State, prefix: str) -> list[str]:
    """Keys at which a listing under this prefix may begin in several places at once."""
    try:
        found = json.loads(state.fact(_MARKS + prefix) or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) and all(isinstance(key, str) for key in found) else []


def remember_marks(state: State, prefix: str, marks: Sequence[str]) -> None:
    """Keeps those of the latest listing."""
    name, value = _MARKS + prefix, json.dumps(list(marks))
    if (state.fact(name) or "[]") != value:
        state.remember_fact(name, value)
