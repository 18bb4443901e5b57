"""What a policy's conditions say of somebody who comes from the internet without credentials.

Sources: IAM User Guide, "AWS global condition context keys" (which keys an anonymous request has) and "IAM JSON policy
elements: Condition operators" (what an operator makes of a key that is not there).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, collapse_addresses, ip_network
from typing import NamedTuple

from .logic import NO, UNREAD, VISITOR, YES, Truth, both, negated, truth
from .patterns import fits

_ABSENT = frozenset({
    "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid",
    "aws:sourceorgpaths", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceidentity",
    "aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist", "aws:username",
    "aws:tokenissuetime", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:federatedprovider",
    "s3:authtype", "s3:accesspointnetworkorigin",
})  # fmt: skip
_ABSENT_FAMILIES = ("aws:principaltag/", "s3:dataaccesspoint")
_PRESENT = frozenset({"aws:sourceip", "aws:currenttime", "aws:epochtime"})
_KNOWN = {
    "aws:userid": ("anonymous",),
    "aws:principalaccount": ("anonymous",),
    "aws:principaltype": ("Anonymous",),
    "s3:tlsversion": ("1.2", "1.3"),  # S3 speaks nothing older
}
_PLAIN = re.compile(r"[\w:/.@=+-]{1,128}\Z", re.ASCII)
_OPERATOR = re.compile(r"(ForAllValues:|ForAnyValue:)?(\w+?)(IfExists)?\Z")


class Operator(NamedTuple):
    """`ForAnyValue:StringNotLikeIfExists`, taken apart."""

    base: str
    negates: bool
    lenient: bool
    """`...IfExists`: holds where the key is not there."""
    sets: str
    """`ForAllValues:`, `ForAnyValue:` or nothing."""


def _number(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda has, wanted: test(float(has), float(wanted))


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda has, wanted: has == wanted,
    "StringEqualsIgnoreCase": lambda has, wanted: has.lower() == wanted.lower(),
    "StringLike": lambda has, wanted: fits(wanted, has),
    "Bool": lambda has, wanted: has.lower() == wanted.lower(),
    "NumericEquals": _number(lambda has, wanted: has == wanted),
    "NumericLessThan": _number(lambda has, wanted: has < wanted),
    "NumericLessThanEquals": _number(lambda has, wanted: has <= wanted),
    "NumericGreaterThan": _number(lambda has, wanted: has > wanted),
    "NumericGreaterThanEquals": _number(lambda has, wanted: has >= wanted),
}
_UNTESTED = ("ArnEquals", "ArnLike", "BinaryEquals", "IpAddress", *(
    f"Date{word}" for word in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
))  # fmt: skip
_NEGATIONS = {
    "StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike", "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals",
    "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike", "NotIpAddress": "IpAddress",
}  # fmt: skip


def holds(condition: object, https: bool) -> Truth:
    """Whether a `Condition` holds for an anonymous visitor. What AWS would not have stored is `UNREAD`."""
    if not isinstance(condition, Mapping):
        return UNREAD
    truths = [YES]
    for name, tests in condition.items():
        if not isinstance(tests, Mapping) or not isinstance(name, str):
            return UNREAD
        for key, wanted in tests.items():
            values = _strings(wanted)
            truths.append(UNREAD if values is None else _test(name, str(key).lower(), values, https))
    return both(*truths)


def keys_of(condition: object) -> tuple[str, ...]:
    """The condition keys, for people; without what could harm a terminal."""
    if not isinstance(condition, Mapping):
        return ()
    keys = [str(key) for tests in condition.values() if isinstance(tests, Mapping) for key in tests]
    return tuple(key if _PLAIN.match(key) else "an odd key" for key in keys)


def _strings(wanted: object) -> list[str] | None:
    """The values asked for; None if there are none, or such as no policy has."""
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    if not values or not all(isinstance(value, str | bool | int | float) for value in values):
        return None
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def _operator(name: str) -> Operator | None:
    match = _OPERATOR.match(name)
    if match is None:
        return None
    base = _NEGATIONS.get(match[2], match[2])
    if base not in _TESTS and base not in _UNTESTED:
        return None
    return Operator(base, match[2] in _NEGATIONS, bool(match[3]), match[1] or "")


def _test(name: str, key: str, wanted: list[str], https: bool) -> Truth:
    """One key of one operator."""
    absent = key in _ABSENT or key.startswith(_ABSENT_FAMILIES)
    known = (str(https).lower(),) if key == "aws:securetransport" else _KNOWN.get(key, ())
    if name == "Null":
        return _null(absent, bool(known) or key in _PRESENT, wanted)
    operator = _operator(name)
    if operator is None:
        return VISITOR
    if absent:
        return _of_nothing(operator)
    if known:
        truths = [_of_value(operator, value, wanted) for value in known if https or key != "s3:tlsversion"]
        return truths[0] if len(set(truths)) == 1 else VISITOR
    return _of_address(operator, wanted) if key == "aws:sourceip" else VISITOR


def _null(absent: bool, present: bool, wanted: list[str]) -> Truth:
    """`Null`: "true" asks that the key be not there."""
    words = {word.lower() for word in wanted}
    if not words <= {"true", "false"}:
        return UNREAD
    if len(words) == 2:
        return YES
    return truth(absent is ("true" in words)) if absent or present else VISITOR


def _of_nothing(operator: Operator) -> Truth:
    """What an operator says of a key that the request has not."""
    if operator.sets == "ForAnyValue:":
        return VISITOR if operator.lenient else NO
    return YES if operator.lenient or operator.negates or operator.sets else NO


def _of_value(operator: Operator, has: str, wanted: list[str]) -> Truth:
    test = _TESTS.get(operator.base)
    if test is None or any("${" in value for value in wanted):
        return VISITOR
    try:
        found = truth(any(test(has, value) for value in wanted))
    except ValueError:  # a number was asked for
        return UNREAD
    return negated(found) if operator.negates else found


def _of_address(operator: Operator, wanted: list[str]) -> Truth:
    """The visitor's address: certain only where all of IPv4 is meant, which is what S3's usual endpoints speak."""
    if operator.base == "StringLike" and "*" in wanted:
        found: Truth = YES
    elif operator.base != "IpAddress":
        found = VISITOR
    else:
        found = _covers_all_addresses(wanted)
    return negated(found) if operator.negates else found


def _covers_all_addresses(wanted: list[str]) -> Truth:
    networks: list[IPv4Network] = []
    understood = True
    for value in wanted:
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            understood = False
        else:
            networks += [network] if isinstance(network, IPv4Network) else []
    if any(network.prefixlen == 0 for network in collapse_addresses(networks)):
        return YES
    return VISITOR if understood else UNREAD
