"""What a bucket's settings have to be for exactly those to read who are meant to.

Sources: "Blocking public access to your Amazon S3 storage", "Controlling ownership of objects and disabling ACLs"
(Amazon S3 User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .documents import VERSION, AliasFacts, Document, bucket_policy, quoted
from .facts import BucketFacts
from .prefix import decide_prefix

ENFORCED: Final = "BucketOwnerEnforced"
_READS_IN_PUBLIC: Final = ("public", "conditional", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the storages in one bucket ask of it."""

    aliases: Sequence[AliasFacts]
    """Their rules cover all names."""
    sends_public_acl: bool = False
    """Only where ACLs are wanted."""
    acls: bool = False
    """ACLs are to be accepted."""
    versioning: bool = False
    cors: Document | None = None
    """The rule to be there."""
    statements: Sequence[Document] = field(default_factory=tuple)
    """Of the policy, those that let somebody read."""

    @property
    def is_public(self) -> bool:
        """Whether anybody is to read something at S3 itself."""
        return any(intent == "public" for facts in self.aliases for _, intent in facts.rules)


def statements_for(aliases: Sequence[AliasFacts], distribution: str | None) -> list[Document]:
    """Statements that let in exactly who is to read. Raises CannotExpress.

    Denials are left out: with ACLs switched off or ignored, nobody makes an object public by one.
    """
    found: list[Document] = []
    for facts in aliases:
        behind = distribution is not None and facts.has_domain
        # What a CDN reads stays closed until somebody names its distribution.
        closed = "cdn" if distribution else "private"
        rules = [(names, closed if intent == "cdn" else intent) for names, intent in facts.rules]
        if behind or any(intent != "private" for _, intent in rules):
            policy = bucket_policy(replace(facts, rules=rules), distribution=distribution)
            found += [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    return found


def covered(aliases: Sequence[AliasFacts], distribution: str | None) -> tuple[AliasFacts, AliasFacts] | None:
    """A storage that others may read, and a private one whose objects would be let out with it."""
    for outer in aliases:
        for inner in aliases:
            for names, intent in outer.rules:
                if inner is outer or intent == "private" or (intent == "cdn" and not distribution):
                    continue
                if any(
                    meant == "private" and (inner.prefix + private).startswith(outer.prefix + names)
                    for private, meant in inner.rules
                ):
                    return outer, inner
    return None


def plan(wanted: Wanted, now: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """Setting -> what it is to be, for each in `now` that matters."""
    made: dict[str, Callable[[], Any]] = {
        "block": lambda: {**(now["block"] or {}), **_block(wanted, provider)},
        "policy": lambda: merged(now["policy"], wanted),
        "ownership": lambda: _ownership(wanted, now["ownership"]),
        "versioning": lambda: "Enabled" if wanted.versioning else now["versioning"],
        "cors": lambda: now["cors"] if wanted.cors is None else _with_rule(now["cors"], wanted.cors),
    }
    return {name: make() for name, make in made.items() if name in now}


def _block(wanted: Wanted, provider: str) -> dict[str, bool]:
    # Ceph RGW refuses every PutObject where BlockPublicAcls is on, also without an ACL; ignoring them is enough.
    refuses = provider == "ceph" or wanted.sends_public_acl
    return {
        "BlockPublicAcls": not refuses, "IgnorePublicAcls": True, "BlockPublicPolicy": not wanted.is_public,
        "RestrictPublicBuckets": not wanted.is_public,
    }  # fmt: skip


def _ownership(wanted: Wanted, now: str) -> str:
    if not wanted.acls:
        return ENFORCED
    return "BucketOwnerPreferred" if now == ENFORCED else now


def merged(policy: Any, wanted: Wanted) -> Any:
    """The bucket's policy with the statements that are missing, and without those of ours that no longer hold.

    Whatever has another Sid stays; None stands for no policy.
    """
    existing = _statements(policy)
    alike = [_plain(statement) for statement in existing]
    missing = [statement for statement in wanted.statements if _plain(statement) not in alike]
    replaced = {statement["Sid"] for statement in missing}
    kept = [each for each in existing if each.get("Sid") not in replaced and not _is_stale(each, wanted)]
    if not missing and len(kept) == len(existing):
        return policy
    if not kept and not missing:
        return None
    document = {"Version": VERSION, **(policy or {}), "Statement": kept + missing}
    if any("${" in str(statement["Resource"]) for statement in missing):
        document["Version"] = VERSION
    return document


def _is_stale(statement: Document, wanted: Wanted) -> bool:
    """Whether it is one of ours that lets everybody read what is no longer meant to be public.

    What has such a Sid for another location may be that of another project.
    """
    sid = str(statement.get("Sid"))
    if any(sid == each["Sid"] for each in wanted.statements):
        return False
    return any(
        re.fullmatch(rf"{facts.label}Public\d*", sid)
        and f":::{facts.bucket}/{quoted(facts.prefix)}" in str(statement.get("Resource"))
        for facts in wanted.aliases
    )


def opened(
    wanted: Wanted, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Prefixes of private objects that statements of others let everybody read: before, and after the change."""
    ours = {statement["Sid"] for statement in wanted.statements}
    theirs = [
        each for each in _statements(before.get("policy"))
        if each.get("Sid") not in ours and not _is_stale(each, wanted)
    ]  # fmt: skip
    if not theirs:
        return [], []
    policy = {**before["policy"], "Statement": theirs}
    sides = [
        BucketFacts(name, "owner", ENFORCED, bucket_block=side.get("block") or {}, policy=policy)
        for side in (before, after)
    ]
    private = _private_places(wanted.aliases)
    was, will = (
        [place for place in private if decide_prefix(side, place).access in _READS_IN_PUBLIC] for side in sides
    )
    return was, will


def _private_places(aliases: Collection[AliasFacts]) -> list[str]:
    return sorted({
        facts.prefix + names for facts in aliases for names, intent in facts.rules if intent == "private"
    })  # fmt: skip


def _with_rule(rules: Sequence[Document], rule: Document) -> list[Document]:
    """The CORS rules with ours among them, known by its ID; those of others stay."""
    if any(_rule(each) == _rule(rule) for each in rules):
        return list(rules)
    return [*(each for each in rules if each.get("ID") != rule["ID"]), rule]


def _rule(rule: Document) -> Document:
    """A rule as it acts: without its name, and lists in one order."""
    return {
        name: sorted(value) if isinstance(value, list) else value
        for name, value in rule.items() if name != "ID" and value not in ([], None)
    }  # fmt: skip


def _statements(policy: Any) -> list[Document]:
    found = (policy or {}).get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def _plain(statement: Document) -> Document:
    """A statement as it acts: without its Sid, and a list of one like the one."""
    plain = {name: _unlisted(value) for name, value in statement.items() if name != "Sid"}
    if plain.get("Principal") == {"AWS": "*"}:
        plain["Principal"] = "*"
    return plain


def _unlisted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unlisted(each) for name, each in value.items()}
    if isinstance(value, list):
        return value[0] if len(value) == 1 else sorted(map(str, value))
    return value
