"""What the facts say, against what a stranger was answered."""

from __future__ import annotations

from dataclasses import replace

from ..core.events import Judged
from .intents import HIDDEN
from .probes import Seen, agrees


def at_odds(judged: Judged, access: str, seen: Seen) -> Judged | None:
    """What S3's answer to a stranger says against a judgement; None if nothing. What he got, he got."""
    if seen.readable and access != "public" and judged.intent in HIDDEN and judged.verdict != "EXPOSED":
        reason = f"a stranger was given it (HTTP {seen.status}), whatever the facts say"
        return _differing(judged, "EXPOSED", "critical", reason, seen)
    if agrees(seen, access):
        return None
    answer = f"HTTP {seen.status}" + (f" {seen.code}" if seen.code else "")
    reason = f"the facts say {access}, but from this host a stranger was answered {answer}"
    return _differing(judged, "MODEL-MISMATCH", "error", reason, seen)


def at_odds_with_cdn(judged: Judged, domain: str, seen: Seen) -> Judged | None:
    """What a custom domain's answer says against an intent; None if nothing."""
    given = seen.readable and not seen.moved
    if judged.intent == "private" and given:
        return _differing(judged, "EXPOSED", "critical", f"{domain} gives it to a stranger without a signature", seen)
    if judged.intent not in ("public", "cdn") or given:
        return None
    answer = f"HTTP {seen.status}" if seen.status is not None else seen.error
    answer += f", redirected to {seen.moved}" if seen.moved else ""
    return _differing(judged, "UNREACHABLE", "high", f"{domain} does not give it to a stranger: {answer}", seen)


def with_evidence(judged: Judged, at_s3: Seen | None, at_cdn: Seen | None) -> Judged:
    """A judgement with the answers that strangers got."""
    found = {name: seen.as_evidence() for name, seen in (("probe", at_s3), ("cdn", at_cdn)) if seen is not None}
    return replace(judged, evidence={**judged.evidence, **found}) if found else judged


def _differing(judged: Judged, verdict: str, severity: str, reason: str, seen: Seen) -> Judged:
    evidence = {**judged.evidence, "probe": seen.as_evidence()}
    return replace(
        judged, verdict=verdict, severity=severity, reason=reason, evidence=evidence, whole=False, accepted=False
    )
