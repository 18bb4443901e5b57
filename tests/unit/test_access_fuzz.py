"""Policies by chance, read a second time by an evaluator that knows nothing of the code.

It is written from the IAM User Guide ("Policy evaluation logic", "Condition operators", "Conditions with multiple keys
or values", "Single-valued vs. multivalued context keys") and judges one request at a time. The code judges all
strangers at once: what it calls certain must hold for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from s3sync.access.logic import NO, UNREAD, YES
from s3sync.access.patterns import Subject
from s3sync.access.policy import effects_on, statements_of
from tests import soak

ACTION = "s3:GetObject"
ALWAYS = {
    "aws:securetransport": "true", "aws:userid": "anonymous", "aws:principaltype": "Anonymous",
    "aws:principalaccount": "anonymous",
}  # fmt: skip
"""What is the same in each request of somebody without credentials over https."""
BY_CHANCE: dict[str, list[str | None]] = {
    "aws:sourceip": ["192.0.2.7", "198.51.100.1", "10.0.0.1"],
    "aws:referer": [None, "", "https://example.com/a"],
    "aws:currenttime": ["2026-01-01T00:00:00Z", "2031-06-01T12:00:00Z"],
    "s3:existingobjecttag/public": [None, "yes"],
    "s3:tlsversion": ["1.2", "1.3"],
}
VISITORS = [
    ALWAYS | {key: value for key, value in zip(BY_CHANCE, values, strict=True) if value is not None}
    for values in product(*BY_CHANCE.values())
]
NEVER = ["aws:SourceVpce", "aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalTag/team", "AWS:SourceArn"]
CERTAIN = ["aws:SecureTransport", "AWS:userid", "aws:PrincipalType", "aws:PrincipalAccount", *NEVER]
VALUES = {
    "Bool": ["true", "false", "TRUE", True, False],
    "String": ["true", "anonymous", "Anonymous", "ANONYMOUS", "*", "a*", "?nonymous", "yes", "https://example.com/*",
               "", "1.?", "1.2"],
    "Numeric": ["1", "1.2", "1.3", 1.25, "2"],
    "Ip": ["192.0.2.0/24", "198.51.100.1", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32", "10.0.0.0/8"],
    "Date": ["2027-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    "Arn": ["arn:aws:iam::111122223333:role/a", "arn:aws:*:*:*:*"],
}  # fmt: skip
KINDS: dict[str, tuple[list[str], list[str]]] = {
    # Of values: the operators that take them, and the keys that have such.
    "Bool": (["Bool"], ["aws:SecureTransport", "aws:PrincipalIsAWSService"]),
    "String": (["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
                "StringNotLike"], [*CERTAIN, "aws:Referer", "s3:ExistingObjectTag/public", "s3:TlsVersion"]),
    "Numeric": ([f"Numeric{word}" for word in (
        "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")], ["s3:TlsVersion"]),
    "Ip": (["IpAddress", "NotIpAddress"], ["aws:SourceIp", "aws:VpcSourceIp"]),
    "Date": ([f"Date{word}" for word in (
        "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")], ["aws:CurrentTime"]),
    "Arn": (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], ["aws:PrincipalArn", "aws:SourceArn"]),
}  # fmt: skip
SOMEBODY = {"AWS": "arn:aws:iam::111122223333:root"}
PRINCIPALS = [
    ({"Principal": "*"}, True), ({"Principal": {"AWS": "*"}}, True), ({"Principal": {"AWS": ["1", "*"]}}, True),
    ({"Principal": SOMEBODY}, False), ({"NotPrincipal": SOMEBODY}, True), ({"NotPrincipal": {"AWS": "*"}}, False),
]  # fmt: skip
ACTIONS = [
    "*", "s3:*", "S3:GET*", "s3:getobject", "s3:G?tO*ct", "s3:GetObject?", "s3:GetObjectVersion", "s3:Put*",
    "s3:ListBucket", "s?:GetObject", "ec2:*",
]  # fmt: skip
KEYS = ["a", "a/b", "a/b.css", "b/a", "A", "a*", "ab/?c", "a//b"]


# The evaluator


@cache
def fits(pattern: str, text: str) -> bool:
    """A star is any characters or none, a question mark is one."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return fits(pattern[1:], text) or (text != "" and fits(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


def words(value: Any) -> list[str]:
    """One value or several, as text."""
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def speaks(statement: Mapping[str, Any], key: str, visitor: Mapping[str, str]) -> bool:
    """Whether a statement is about this request."""
    told = {name: value for name, value in statement.items() if name in ("Principal", "NotPrincipal")}
    if not next(truth for principal, truth in PRINCIPALS if principal == told):
        return False
    actions = words(statement.get("Action", statement.get("NotAction")))
    inside = any(fits(action.lower(), ACTION.lower()) for action in actions)
    if inside is ("NotAction" in statement):
        return False
    arn = f"arn:aws:s3:::b/{key}"
    inside = any(fits(pattern, arn) for pattern in words(statement.get("Resource", statement.get("NotResource"))))
    if inside is ("NotResource" in statement):
        return False
    return all(
        meets(operator, visitor.get(name.lower()), words(wanted))
        for operator, tests in statement.get("Condition", {}).items()
        for name, wanted in tests.items()
    )


def meets(operator: str, has: str | None, wanted: list[str]) -> bool:
    """Whether a request that has this value, or none, meets a condition."""
    if operator == "Null":
        return any((has is None) is (word.lower() == "true") for word in wanted)
    for_all, for_any = operator.startswith("ForAllValues:"), operator.startswith("ForAnyValue:")
    operator = operator.rpartition(":")[2]
    lenient, operator = operator.endswith("IfExists"), operator.removesuffix("IfExists")
    negates = "Not" in operator
    if has is None:
        return not for_any and (lenient or for_all or negates)
    return any(compare(operator.replace("Not", ""), has, value) for value in wanted) is not negates


def compare(operator: str, has: str, wanted: str) -> bool:
    """One value against one."""
    if operator in ("Bool", "StringEqualsIgnoreCase"):
        return has.lower() == wanted.lower()
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return fits(wanted, has)
    if operator == "StringEquals":
        return has == wanted
    if operator == "IpAddress":
        network = ip_network(wanted)
        return network.version == ip_address(has).version and ip_address(has) in network
    kind = datetime.fromisoformat if operator.startswith("Date") else float
    one, other = (kind(text.replace("Z", "+00:00")) for text in (has, wanted))
    how = operator.removeprefix("Date").removeprefix("Numeric")
    order = {"LessThan": one < other, "GreaterThan": one > other}.get(how.removesuffix("Equals"), False)  # type: ignore[operator]
    return order or (how.endswith("Equals") and one == other)


# By chance


@st.composite
def conditions(draw: st.DrawFn, certain: bool) -> dict[str, dict[str, Any]]:
    """One to three tests."""
    made: dict[str, dict[str, Any]] = {}
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["Bool", "String", "Arn"] if certain else [*KINDS]))
        operators, keys = KINDS[kind]
        if certain:
            keys = NEVER if kind == "Arn" else CERTAIN  # how other values compare with ARNs is written nowhere
        operator, key = draw(st.sampled_from(operators)), draw(st.sampled_from(keys))
        if draw(st.integers(0, 6)) == 0:
            operator, values = "Null", st.sampled_from(["true", "false", True])
        else:
            values = st.sampled_from(VALUES[kind])
            # What `ForAnyValue:...IfExists` makes of a key that is not there is written nowhere.
            ways = ["{}", "{}", "{}IfExists", "ForAllValues:{}", "ForAnyValue:{}", "ForAllValues:{}IfExists"]
            operator = draw(st.sampled_from(ways)).format(operator)
        wanted = draw(st.one_of(values, st.lists(values, min_size=1, max_size=3)))
        made.setdefault(operator, {})[key] = wanted
    return made


@st.composite
def statements(draw: st.DrawFn, certain: bool) -> dict[str, Any]:
    """Such as AWS stores."""
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    made |= draw(st.one_of(st.just(PRINCIPALS[0]), st.sampled_from(PRINCIPALS)))[0]
    chosen = st.sampled_from(ACTIONS)
    element = draw(st.sampled_from(["Action", "Action", "NotAction"]))
    made[element] = draw(st.one_of(chosen, st.lists(chosen, min_size=1, max_size=3)))
    pieces = st.lists(st.sampled_from(["a", "b", "/", "*", "?", "A", ".css"]), max_size=4).map("".join)
    resources = st.one_of(
        pieces.map("arn:aws:s3:::b/{}".format), pieces.map("arn:aws:s3:::b{}".format), st.just("*"),
        st.just("arn:aws:s3:::*"), st.just("arn:aws:s3:::b/*"), st.just("arn:aws:s3:::b*/a"),
    )  # fmt: skip
    element = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
    made[element] = draw(st.one_of(resources, st.lists(resources, min_size=1, max_size=3)))
    if draw(st.booleans()):
        made["Condition"] = draw(conditions(certain))
    return made


def requests_of(policy: list[dict[str, Any]], key: str, effect: str) -> set[bool]:
    """Whether a statement with this effect speaks, for one stranger and another."""
    made = [one for one in policy if one["Effect"] == effect]
    return {any(speaks(one, key, visitor) for one in made) for visitor in VISITORS}


@pytest.mark.soak
def test_policies_are_read_as_the_guide_reads_them() -> None:
    """What is certain for all strangers is so for each of them; and what cannot vary is never called uncertain."""

    @seed(soak.chosen_seed())
    @settings(max_examples=soak.amount(80, 5000), deadline=None, database=None)
    @given(st.data(), st.booleans(), st.sampled_from(KEYS))
    def judge(data: st.DataObject, certain: bool, key: str) -> None:
        policy = data.draw(st.lists(statements(certain), min_size=1, max_size=3))
        made = statements_of({"Version": "2012-10-17", "Statement": policy}, ACTION, https=True)
        effects = effects_on(made, Subject(f"b/{key}"))
        for effect, found in (("Allow", effects.allow), ("Deny", effects.deny)):
            told = requests_of(policy, key, effect)
            (truth,) = found
            assert UNREAD is not truth
            assert {truth is YES} == told if truth in (YES, NO) else not certain
        below = effects_on(made, Subject(f"b/{key[:1]}", is_prefix=True))
        assert effects.allow <= below.allow
        assert effects.deny <= below.deny

    judge()
