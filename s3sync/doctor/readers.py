"""Checks of who reads and writes, against who should."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..access import Verdict
from ..core.events import Diagnosis
from .acls import acl_trouble, d04, d05
from .blocks import d06, d20, d23
from .exposures import Open, held_back, reads, reads_at, told_before
from .facts import Examined
from .mending import broad, policy_steps, taking_out, update_steps
from .obstacles import obstacle_of
from .places import READ_BY, Place, aliases_of, has_origin_access, names_of, places_of, reading, settled
from .remedies import unknown
from .strangers import d09, d10
from .traps import d16, d19
from .usage import d11, d12, d13, d14


def d07(examined: Examined) -> Iterator[Diagnosis]:
    """Whether exactly those read each place who should, as far as the bucket itself tells."""
    if examined.bucket is None:
        return
    yield from _exposed(examined)
    yield from _unreachable(examined)
    yield from _too_broad(examined)
    yield from _as_meant(examined)


def _exposed(examined: Examined) -> Iterator[Diagnosis]:
    """What is hidden and strangers read; what one statement opens is told once."""
    told, groups = told_before(examined, "D07"), dict[frozenset[int], list[tuple[Place, Open]]]()
    for place, way in reads(examined):
        by_cdn_too = place.intent == "cdn" and not place.declared and has_origin_access(examined, place)
        if not by_cdn_too and not (way.culprits and way.culprits <= told):
            groups.setdefault(way.culprits, []).append((place, way))
    for culprits, found in groups.items():
        places = [place for place, _ in found]
        bad = any(way.bad for _, way in found)
        meant = " and ".join(dict.fromkeys(place.intent for place in places))
        steps = taking_out(examined, places[0].alias, culprits, lambda facts, these=tuple(places): any(  # type: ignore[misc]
            reads_at(place)(facts) for place in these
        ), mild=not bad)  # fmt: skip
        if not bad and any(place.intent == "cdn" for place in places):
            alias = places[0].alias
            steps = [f'if everybody may read at S3 too: S3SYNC = {{"INTENT": {{"{alias}": "public"}}}} in the settings',
                     "if only the CDN may:", *steps]  # fmt: skip
        outer = [place for place in places_of(examined, "public") if places[0].prefix in place.inner]
        if outer:
            steps = [f"move {places[0].named} out from under {outer[0].named}: what opens the one opens the other",
                     "until then, shut both:", *steps]  # fmt: skip
        yield Diagnosis(
            "D07", "error" if bad else "warning", "exposed",
            f"{names_of(places)} of {examined.name} is meant to be {meant}, and strangers read there: "
            f"{found[0][1].verdict.reason}",
            "whoever has, or guesses, an address of S3 gets what was to be hidden", "\n".join(steps),
            aliases_of(places),
        )  # fmt: skip


def _unreachable(examined: Examined) -> Iterator[Diagnosis]:
    """What is public and strangers can't read."""
    found: dict[str, list[tuple[Place, Verdict]]] = {}
    for place in places_of(examined, "public"):
        obstacle, verdict = obstacle_of(examined, place)
        if obstacle not in ("", "payer", "block") and not (
            obstacle == "policy" and place.alias in acl_trouble(examined)
        ):
            found.setdefault(obstacle, []).append((place, verdict))
    for cause, shut in found.items():
        places = [place for place, _ in shut]
        verdict = shut[0][1]
        if cause == "unread":
            operations = [READ_BY[name] for name in verdict.unread]
            what = f"whether everybody reads {names_of(places)}"
            yield unknown(examined, "D07", "unread", what, operations, aliases_of(places))
            continue
        yield Diagnosis(
            "D07", "error", "unreachable",
            f"{names_of(places)} of {examined.name} is for everybody, and strangers can't read it: {verdict.reason}",
            "pages show no images and have no styles: strangers get 403", _opening(examined, cause, places),
            aliases_of(places),
        )  # fmt: skip


def _opening(examined: Examined, obstacle: str, places: Sequence[Place]) -> str:
    alias, provider = places[0].alias, examined.bucket.provider if examined.bucket else ""
    if obstacle == "endpoint":
        return f'"bucket_name" in OPTIONS of STORAGES["{alias}"]: the bucket itself, instead of {examined.name}'
    if provider == "r2":
        return (
            "connect a domain of yours to the bucket (Cloudflare's dashboard: R2, the bucket, Settings, Custom Domains)"
            f'\n"custom_domain" in OPTIONS of STORAGES["{alias}"]: that domain'
        )
    if provider == "b2":
        return f"b2 bucket update {examined.name} allPublic"
    if obstacle == "deny":
        return "\n".join(policy_steps(examined))
    return "\n".join(update_steps(examined, alias))


def _too_broad(examined: Examined) -> Iterator[Diagnosis]:
    """Statements that open what is public, and more beside it."""
    told = told_before(examined, "D14")
    for number, said, pattern in broad(examined):
        places = places_of(examined, "public")
        if number not in told:
            yield Diagnosis(
                "D07", "warning", "too-broad",
                f"{said.label} of the policy opens {pattern}, which is more than {names_of(places)} of {examined.name}",
                "whatever is put beside it one day is open to everybody too",
                "\n".join(policy_steps(examined, mild=True)), aliases_of(places),
            )  # fmt: skip


def _as_meant(examined: Examined) -> Iterator[Diagnosis]:
    """What is well; what is held back by one setting; and what nobody could tell."""
    assert examined.bucket is not None
    facts, fine = settled(examined.bucket), []
    blocked = any(obstacle_of(examined, place)[0] == "block" for place in places_of(examined, "public"))
    for place in places_of(examined, "private", "cdn"):
        verdict, by_acl = reading(facts, place)
        if verdict.verdict == "UNKNOWN":
            operations = [READ_BY[name] for name in verdict.unread]
            yield unknown(examined, "D07", "unread", f"who reads {place.named}", operations, place.alias)
        elif verdict.latent:
            culprits = held_back(examined, place)
            if culprits <= told_before(examined, "D07") or blocked:
                continue  # what mends that, mends this
            yield Diagnosis(
                "D07", "warning", "held-back", f"{place.named} of {examined.name}: {verdict.reason}",
                "whoever lifts that one setting opens what is to be hidden",
                "\n".join(policy_steps(examined, culprits, mild=True)), place.alias,
            )  # fmt: skip
        elif verdict.verdict == "OK":
            depends = "; ACLs of objects count: s3_verify_acl looks at each" if by_acl else ""
            fine.append((place, f"the policy opens nothing of {place.named}{depends}"))
    for place in places_of(examined, "public"):
        obstacle, verdict = obstacle_of(examined, place)
        if not obstacle:
            fine.append((place, f"everybody reads {place.named}: {verdict.reason}"))
    for place, words in fine:
        yield Diagnosis("D07", "ok", "readers", words, alias=place.alias)


_CHECKS: Final = (d04, d05, d06, d19, d10, d07, d14, d09, d11, d12, d16, d20, d23, d13)


def of_readers(examined: Examined) -> Iterator[Diagnosis]:
    """All of them, in the order in which trouble is best mended. A fact that is missing is told once."""
    told: set[str] = set()
    for check in _CHECKS:
        for diagnosis in check(examined):
            if diagnosis.verdict == "unknown":
                if diagnosis.fix in told:
                    continue
                told.add(diagnosis.fix)
            yield diagnosis


OF_READERS: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = (of_readers,)
