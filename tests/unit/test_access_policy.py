"""What a bucket policy says to somebody without credentials."""

from __future__ import annotations

import itertools
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.access.conditions import holds
from s3sync.access.logic import ALWAYS, NEVER, NO, SOMETIMES, UNREAD, VISITOR, YES, Truth, both, either, negated
from s3sync.access.patterns import Subject, fits, fits_beginning, resource_matches
from s3sync.access.policy import is_public, statements_of
from tests.strategies import QUICK

from .access_worlds import ACCOUNT, ACTIONS, CONDITIONS, OAC, OAI, PRINCIPALS, policy, statement
from .test_access_properties import matches

TRUTHS = (NO, VISITOR, YES)
GLOBS = st.text("aB*?.[", max_size=6)
TEXTS = st.text("aB*?.[\n", max_size=6)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Truth, Truth)))
def test_what_is_missing_may_be_anything(one: Truth, other: Truth) -> None:
    """Unread is never less than what it may turn out to be."""
    ones, others = ((TRUTHS if value is UNREAD else (value,)) for value in (one, other))
    for found, way in ((either(one, other), max), (both(one, other), min)):
        possible = {way(pair) for pair in itertools.product(ones, others)}
        assert found is UNREAD or possible == {found}
    assert negated(negated(one)) is one


@QUICK
@given(GLOBS, TEXTS)
@example("*a", "aa")
@example("*ab*ab", "abab")
@example("a*a", "a")
@example("**", "")
@example("a", "A")
@example("a?", "a\n")
def test_globs(pattern: str, text: str) -> None:
    """`*` is any characters, `?` is one, and nothing else is special; case counts."""
    assert matches(pattern, text) is fits(pattern, text)


def test_a_hostile_key_takes_no_time() -> None:
    """Users name objects: a thousand letters must not take years."""
    assert not fits("*a" * 30 + "b", "a" * 1024)


@QUICK
@given(GLOBS, st.text("aB*?", max_size=4), st.lists(st.text("aB*?", max_size=4), max_size=8))
@example("aB", "aB", ["", "a"])
@example("*?", "", ["", "a"])
@example("*a", "a", ["", "B"])
@example("a?*", "a", ["", "B"])
@example("*", "", [""])
def test_a_glob_on_all_that_begins_so(pattern: str, beginning: str, ends: list[str]) -> None:
    """`All` and `none` are meant; `some` is said whenever in doubt."""
    found = {matches(pattern, beginning + end) for end in ends}
    ways = fits_beginning(pattern, beginning)
    assert {truth is YES for truth in ways} >= found
    assert SOMETIMES == ways or 1 == len(ways)


@pytest.mark.parametrize(
    ("pattern", "beginning", "expected"),
    [
        ("a/*", "a/", ALWAYS), ("a/*", "a/b/", ALWAYS), ("a*", "a/", ALWAYS), ("*", "", ALWAYS), ("*/b/*", "a/b/",
        ALWAYS),
        ("a/*", "b/", NEVER), ("a/b", "a/c", NEVER), ("a", "a/", NEVER), ("?", "ab", NEVER),
        ("a/*", "", SOMETIMES), ("a/*", "a", SOMETIMES), ("a/b/*", "a/", SOMETIMES), ("*.css", "a/", SOMETIMES),
        ("a/", "a/", SOMETIMES), ("a/?*", "a/", SOMETIMES), ("", "", SOMETIMES),
    ],
)  # fmt: skip
def test_what_a_pattern_says_of_a_prefix(pattern: str, beginning: str, expected: frozenset[Truth]) -> None:
    """The usual patterns are decided without a listing."""
    assert expected == fits_beginning(pattern, beginning)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("arn:aws:s3:::b/a", YES), ("arn:aws-cn:s3:::b/a", YES), ("arn:aws-us-gov:s3:::b/*", YES), ("*", YES),
        ("arn:aws:s3:::*", YES), ("arn:aws:s3:::b/A", NO), ("arn:aws:s3:::b", NO), ("arn:aws:s3:::bb/a", NO),
        ("arn:aws:s3::tenant:b/a", UNREAD), ("arn:aws:s3::tenant:c/a", NO), ("b/a", UNREAD), ("c/a", NO),
        ("arn:aws:sqs:eu-west-1:1:b/a", NO), ("arn:aws:s3:::${aws:username}/a", VISITOR), ("arn:aws:s3:::b/${",
        VISITOR),
        ("arn:aws:s3:::c/${aws:username}", NO),
    ],
)  # fmt: skip
def test_resources(pattern: str, expected: Truth) -> None:
    """What is not a plain bucket's or object's name is not guessed at."""
    assert {expected} == resource_matches(pattern, Subject("b/a"))
    assert {expected} <= resource_matches(pattern, Subject("b/", is_prefix=True))


@pytest.mark.parametrize(("element", "speaks"), [*PRINCIPALS, *ACTIONS])
def test_who_and_what(element: dict[str, Any], speaks: bool) -> None:
    """Everybody is meant by `*`, by a list with `*` in it, and by all but somebody."""
    made = {name: value for name, value in statement().items() if f"Not{name}" not in element}
    assert (YES if speaks else NO) is spoken({**made, **element})


def spoken(made: object) -> Truth:
    (found,) = statements_of({"Statement": [made]}, "s3:GetObject", https=True)
    return found.speaks


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": None}, {"Principal": {}}, {"Principal": {"AWS": []}}, {"Principal": {"aws": "*"}},
        {"Principal": 5},
        {"Principal": {"AWS": "arn:aws:iam::*:root"}}, {"Principal": {"CanonicalUser": "*"}},
         {"Principal": {"AWS": [5]}},
        {"Principal": {"CanonicalUser": "65a011a29cdf8ec533ec3d1ccaae921c"}}, {"Principal": ["*"]},
         {"NotPrincipal": "*"},
        {"Action": None}, {"Action": []}, {"Action": ["s3:*", 5]}, {"Action": "GetObject"}, {"NotAction": "s3:*"},
        {"Resource": []}, {"Resource": None}, {"Resource": ""}, {"NotResource": "*"}, {"Effect": "allow"},
        {"Effect": None},
        {"Effect": ["Allow"]}, {"Effect": {}}, {"Condition": "none"}, {"Condition": {"Bool": True}}, {"effect": "Deny"},
        {"Condition": {"Bool": {"aws:SecureTransport": []}}}, {"Condition": {"Bool": {"aws:SecureTransport": {}}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "here"}}},
         {"Condition": {"Null": {"aws:PrincipalArn": "perhaps"}}},
        {"Condition": {"NumericEquals": {"s3:TlsVersion": "new"}}}, {"Condition": None}, {"Condition": {5: {"a": "b"}}},
    ],
    ids=str,
)  # fmt: skip
def test_what_aws_would_not_have_stored(changes: dict[str, Any]) -> None:
    """It is neither ignored nor taken for something else."""
    assert UNREAD is spoken({**statement(), **changes})


def test_a_statement_need_not_be_in_a_list() -> None:
    """AWS stores a single one so, too."""
    (found,) = statements_of({"Statement": statement()}, "s3:GetObject", https=True)
    assert YES is found.speaks


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=str)
def test_usual_conditions(condition: dict[str, Any], expected: int) -> None:
    """The table that the other tests rely on."""
    assert TRUTHS[expected] is holds(condition, https=True)


HELD: list[tuple[dict[str, Any], Truth]] = [
    ({}, YES),
    ({"Bool": {"AWS:securetransport": True}}, YES),
    ({"Bool": {"aws:SecureTransport": "True"}}, YES),
    ({"StringEquals": {"aws:SecureTransport": ["false", "true"]}}, YES),
    ({"Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "192.0.2.1"}}, VISITOR),
    ({"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "192.0.2.1"}}, NO),
    ({"Bool": {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "true"}}, NO),
    ({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}, YES),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::1:distribution/E1"}}, NO),
    ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/x"}}, YES),
    ({"StringNotLike": {"aws:userid": "AROA:*"}}, YES),
    ({"StringEquals": {"aws:userid": "anonymous"}}, YES),
    ({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}, YES),
    ({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}, NO),
    ({"StringEquals": {"aws:PrincipalType": "anonymous"}}, NO),
    ({"StringEqualsIgnoreCase": {"aws:PrincipalType": "anonymous"}}, YES),
    ({"StringNotEqualsIgnoreCase": {"aws:PrincipalType": "anonymous"}}, NO),
    ({"StringLike": {"aws:PrincipalType": "Anon*"}}, YES),
    ({"StringLike": {"aws:PrincipalTag/team": "*"}}, NO),
    ({"StringEquals": {"s3:DataAccessPointAccount": "1"}}, NO),
    ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, NO),
    ({"StringEquals": {"aws:userid": "${aws:userid}"}}, VISITOR),
    ({"ArnEquals": {"aws:userid": "anonymous"}}, VISITOR),
    ({"StringEquals": {"s3:prefix": "a/"}}, VISITOR),
    ({"StringLike": {"aws:Referer": "*"}}, VISITOR),
    ({"StringLikeIfExists": {"aws:Referer": "*"}}, VISITOR),
    ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, VISITOR),
    ({"Null": {"aws:CurrentTime": "false"}}, YES),
    ({"Null": {"aws:CurrentTime": True}}, NO),
    ({"Null": {"aws:Referer": "true"}}, VISITOR),
    ({"Null": {"aws:SourceVpce": ["true", "false"]}}, YES),
    ({"NullIfExists": {"aws:SourceVpce": "true"}}, VISITOR),
    ({"stringequals": {"aws:userid": "anonymous"}}, VISITOR),
    ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}}, NO),
    ({"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgPaths": "o-1/*"}}, NO),
    ({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}}, YES),
    ({"ForAllValues:StringNotEqualsIfExists": {"aws:PrincipalOrgPaths": "o-1/*"}}, YES),
    ({"ForAnyValue:StringEqualsIfExists": {"aws:PrincipalOrgPaths": "o-1/*"}}, VISITOR),
    ({"ForSomeValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}}, VISITOR),
    ({"NumericLessThan": {"s3:TlsVersion": 1.2}}, NO),
    ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, VISITOR),
    ({"NumericGreaterThanEquals": {"s3:TlsVersion": "1.2"}}, YES),
    ({"NumericGreaterThan": {"s3:TlsVersion": "1.3"}}, NO),
    ({"NumericLessThanEquals": {"s3:TlsVersion": "1.3"}}, YES),
    ({"NumericNotEquals": {"s3:TlsVersion": "1.1"}}, YES),
    ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}, YES),
    ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}}, YES),
    ({"IpAddress": {"aws:SourceIp": "::/0"}}, VISITOR),
    ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "nowhere"]}}, YES),
    ({"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, NO),
    ({"IpAddress": {"aws:VpcSourceIp": "0.0.0.0/0"}}, NO),
    ({"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}, YES),
    ({"StringLike": {"aws:SourceIp": "*"}}, YES),
    ({"StringLike": {"aws:SourceIp": "192.0.2.*"}}, VISITOR),
    ({"StringNotLike": {"aws:SourceIp": "*"}}, NO),
    ({"BinaryEquals": {"aws:Referer": "YQ=="}}, VISITOR),
]


@pytest.mark.parametrize(("condition", "expected"), HELD, ids=str)
def test_conditions(condition: dict[str, Any], expected: Truth) -> None:
    """What the internet brings is known, may vary, or is not there; and each operator makes its own of it."""
    assert expected is holds(condition, https=True)


def test_conditions_by_http() -> None:
    """A website endpoint is reached without TLS, of whatever version."""
    assert NO is holds({"Bool": {"aws:SecureTransport": "true"}}, https=False)
    assert VISITOR is holds({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, https=False)


@QUICK
@given(
    st.sampled_from(["StringEquals", "StringEqualsIgnoreCase", "StringLike"]),
    st.booleans(),
    st.lists(st.sampled_from(["anonymous", "ANONYMOUS", "anon*", "?nonymous", "*", "x", ""]), min_size=1, max_size=3),
)
def test_string_operators(operator: str, negates: bool, wanted: list[str]) -> None:
    """Several values are alternatives; a negated operator wants none of them."""
    ways = {
        "StringEquals": lambda value: value == "anonymous",
        "StringEqualsIgnoreCase": lambda value: value.lower() == "anonymous",
        "StringLike": lambda value: matches(value, "anonymous"),
    }
    name = operator.replace("String", "StringNot") if negates else operator
    expected = any(ways[operator](value) for value in wanted) is not negates
    assert (YES if expected else NO) is holds({name: {"aws:userid": wanted}}, https=True)


@QUICK
@given(st.lists(st.sampled_from(["0.0.0.0/1", "128.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2", "::/0"]), min_size=1))
def test_addresses(networks: list[str]) -> None:
    """Certain only if each address of IPv4 is in one of the networks."""
    visitors = [ip_address(one) for one in ("1.1.1.1", "129.1.1.1", "193.1.1.1")]
    expected = all(any(one in ip_network(network) for network in networks) for one in visitors)
    assert (YES if expected else VISITOR) is holds({"IpAddress": {"aws:SourceIp": networks}}, https=True)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, NO), (policy(), NO), (policy(statement()), YES), (policy(statement("Deny")), NO),
        (policy(statement(Principal=OAI), statement(Principal=OAC), statement(Principal=ACCOUNT)), NO),
        (policy(statement(Action="s3:PutObject")), YES),
        (policy(statement(Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})), UNREAD),
        (policy(statement(Condition={})), UNREAD), (policy(statement(Effect="Maybe")), UNREAD), ("*", UNREAD),
        (policy(statement(Principal=OAI), statement()), YES),
    ],
    ids=str,
)  # fmt: skip
def test_the_meaning_of_public(document: object, expected: Truth) -> None:
    """Where conditions decide, only AWS can tell what it calls public."""
    assert expected is is_public(document)
