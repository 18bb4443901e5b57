"""What a bucket policy says to somebody without credentials (IAM User Guide, "Policy evaluation logic").

A statement speaks when principal, action, resource and condition all match. Deny beats Allow; that is for the caller to
put together, as ACLs have a say too. A statement that AWS would have refused to store is not understood, and therefore
`UNREAD`: a server that keeps such a thing has its own idea of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .conditions import holds, keys_of
from .logic import NO, UNREAD, YES, Truth, Ways, any_way, both, both_ways, either, negated, negated_ways, truth
from .patterns import Subject, fits, resource_matches

ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"
"""The canonical id of whoever sends no credentials (Amazon S3 User Guide, "Access control list (ACL) overview")."""
READ_ACTION = "s3:GetObject"
READ_VERSION_ACTION = "s3:GetObjectVersion"

_ELEMENTS = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
})  # fmt: skip
_PRINCIPAL_TYPES = frozenset({"AWS", "CanonicalUser", "Service", "Federated"})
_SID_LENGTH = 64
_NOT_WORDS = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, as far as it concerns one action of an anonymous visitor."""

    label: str
    """`statement "PublicRead"`, or its number."""
    allows: bool
    denies: bool
    """Both, where the effect is not understood."""
    speaks: Truth
    """Whether principal, action and condition match."""
    resources: tuple[str, ...]
    excludes: bool
    """The resources are those of a `NotResource`."""
    conditions: tuple[str, ...]
    to_everybody: Truth
    """Whether the principal is everybody."""
    is_plainly_public: bool = False
    """Whether it lets everybody do something, by `Principal` and without a condition."""

    def applies(self, subject: Subject) -> Ways:
        """Whether the statement speaks about the subject."""
        if self.speaks is NO:
            return frozenset({NO})
        matches = any_way([resource_matches(pattern, subject) for pattern in self.resources])
        return both_ways(frozenset({self.speaks}), negated_ways(matches) if self.excludes else matches)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a policy says about a subject, and which statements say so."""

    allow: Ways
    deny: Ways
    speaking: tuple[tuple[Statement, Ways], ...]
    """The statements that may apply."""


def statements_of(policy: object, action: str, https: bool) -> tuple[Statement, ...]:
    """The statements of a parsed policy for an action such as `s3:GetObject`. Never raises, whatever was parsed."""
    if policy is None:
        return ()
    found = _stored(policy)
    if found is None:
        return (_not_understood("the policy"),)
    return tuple(_statement(number, made, action, https) for number, made in enumerate(found, 1))


def actions_of(policy: object) -> tuple[str, ...]:
    """All names and patterns of actions that stand in its `Action` elements, as they are written."""
    made = [one for one in _stored(policy) or () if isinstance(one, Mapping)]
    return tuple(dict.fromkeys(name for one in made if "Action" in one for name in _strings(one["Action"])))


def _stored(policy: object) -> Sequence[object] | None:
    """The statements as they were parsed; None if there is nothing of the kind."""
    found = policy.get("Statement") if isinstance(policy, Mapping) else None
    if isinstance(found, Mapping):
        return [found]
    return found if isinstance(found, list | tuple) else None


def effects_on(statements: tuple[Statement, ...], subject: Subject) -> Effects:
    """What these statements say about one object, or about all whose keys begin so."""
    speaking = tuple((one, ways) for one in statements if (ways := one.applies(subject)) != {NO})
    return Effects(
        allow=any_way([ways for one, ways in speaking if one.allows]),
        deny=any_way([ways for one, ways in speaking if one.denies]),
        speaking=speaking,
    )


def _statement(number: int, made: object, action: str, https: bool) -> Statement:
    if not isinstance(made, Mapping):
        return _not_understood(f"statement {number}")
    principal = _principal(made)
    condition = holds(made["Condition"], https) if "Condition" in made else YES
    clean = YES if set(made) <= _ELEMENTS else UNREAD
    resources, excludes = _choice(made, "Resource")
    understood = made.get("Effect") in ("Allow", "Deny")
    return Statement(
        label=_label(made.get("Sid"), number),
        allows=not understood or made["Effect"] == "Allow",
        denies=not understood or made["Effect"] == "Deny",
        speaks=both(principal, _action(made, action), condition, clean, truth(understood or None),
                    YES if resources else UNREAD),
        resources=resources or ("*",),
        excludes=excludes and bool(resources),
        conditions=keys_of(made.get("Condition")),
        to_everybody=principal,
        is_plainly_public=made.get("Effect") == "Allow" and both(principal, clean) is YES
        and not {"Condition", "NotPrincipal"} & set(made),
    )  # fmt: skip


def _not_understood(label: str) -> Statement:
    return Statement(label, True, True, UNREAD, ("*",), False, (), UNREAD)


def _label(sid: object, number: int) -> str:
    """The name of a statement for people; a number, where the policy's own word could harm a terminal."""
    named = isinstance(sid, str) and 0 < len(sid) <= _SID_LENGTH and not _NOT_WORDS.search(sid)
    return f'statement "{sid}"' if named else f"statement {number}"


def _choice(made: Mapping[object, object], element: str) -> tuple[tuple[str, ...], bool]:
    """The strings of `Element` or `NotElement`, and whether it was the latter; none, if it is not well-formed."""
    if (element in made) is (f"Not{element}" in made):
        return (), False
    excludes = element not in made
    return _strings(made[f"Not{element}" if excludes else element]), excludes


def _strings(value: object) -> tuple[str, ...]:
    values: tuple[object, ...] = tuple(value) if isinstance(value, list | tuple) else (value,)
    return tuple(str(one) for one in values) if all(isinstance(one, str) and one for one in values) else ()


def _action(made: Mapping[object, object], action: str) -> Truth:
    """Whether the action is meant; names of actions have no case (IAM User Guide, "JSON policy elements: Action")."""
    patterns, excludes = _choice(made, "Action")
    if not patterns:
        return UNREAD
    wanted = action.lower()
    found = either(*(_action_matches(pattern.lower(), wanted) for pattern in patterns))
    return negated(found) if excludes else found


def _action_matches(pattern: str, action: str) -> Truth:
    if fits(pattern, action):
        return YES
    return UNREAD if ":" not in pattern and fits("s3:" + pattern, action) else NO


def _principal(made: Mapping[object, object]) -> Truth:
    """Whether somebody without credentials is meant. Everybody but somebody is him too."""
    if ("Principal" in made) is ("NotPrincipal" in made):
        return UNREAD
    if "Principal" in made:
        return _names_anonymous(made["Principal"])
    return negated(_names_anonymous(made["NotPrincipal"]))


def _names_anonymous(principal: object) -> Truth:
    """Whether a principal is `*`, or `{"AWS": "*"}`, which means the same ("IAM JSON policy elements: Principal")."""
    if principal == "*":
        return YES
    if not isinstance(principal, Mapping) or not principal:
        return UNREAD
    return either(*(_type_names_anonymous(kind, names) for kind, names in principal.items()))


def _type_names_anonymous(kind: object, names: object) -> Truth:
    strings = _strings(names)
    if not strings or kind not in _PRINCIPAL_TYPES:
        return UNREAD
    if kind == "AWS" and "*" in strings:
        return YES
    odd = any("*" in name for name in strings) or (kind == "CanonicalUser" and ANONYMOUS in strings)
    return UNREAD if odd and kind in ("AWS", "CanonicalUser") else NO


def is_public(policy: object) -> Truth:
    """AWS's own "meaning of public", as far as the policy tells it plainly; `UNREAD` where conditions decide.

    It counts whatever anybody may do, writing included (Amazon S3 User Guide, "Blocking public access", "The meaning of
    public"), so it says nothing about single objects.
    """
    allowing = [one for one in statements_of(policy, READ_ACTION, https=True) if one.allows]
    if any(one.is_plainly_public for one in allowing):
        return YES
    return UNREAD if any(one.to_everybody is not NO for one in allowing) else NO
