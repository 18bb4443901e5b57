"""Checks of TLS: whether both ends speak it, whether the certificate is good, and whether the policy wants it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..access.logic import YES
from ..access.patterns import Subject, fits, resource_matches
from ..core.events import Diagnosis
from .facts import Answer, Examined, StorageSeen
from .reaching import NO_ANSWER, OF_TLS, endpoints, option


def d18(facts: Examined) -> Iterator[Diagnosis]:
    """TLS: certificates, ports, and a policy that refuses what is not encrypted."""
    reach, first = facts.reach, facts.storages[0]
    if reach is None:
        return
    if reach.head.code in OF_TLS:
        yield _handshake(facts, reach.head)
        return
    found = [storage for storage in facts.storages if refuses_http(facts, storage)]
    for storage in found:
        https = "https" + storage.endpoint[4:]
        yield Diagnosis(
            "D18", "error", "http-refused", f"{storage.endpoint} is not encrypted, and the policy of {storage.bucket} "
            "denies what is not (aws:SecureTransport)", "S3 refuses every call and every address",
            option(storage, "endpoint_url", f'"{https}"'), storage.alias,
        )  # fmt: skip
    if not found and facts.bucket is not None:
        how = "by https" if first.use_ssl else "by http"
        yield Diagnosis("D18", "ok", "tls", f"{first.endpoint} is reached {how}", alias=facts.aliases)


def _handshake(facts: Examined, head: Answer) -> Diagnosis:
    first, said = facts.storages[0], head.message
    if head.code == "SpeaksTLS":
        title, seen, fix = "http-at-https-port", "is an https port", endpoints(facts, "https" + first.endpoint[4:])
    elif re.search(r"wrong.version.number|unknown.protocol|record.layer.failure", said, re.IGNORECASE):
        title, seen, fix = (
            "https-at-http-port",
            "speaks no TLS at this port",
            endpoints(facts, "http" + first.endpoint[5:]),
        )
        fix += "  # or the port of https"
    elif re.search(r"mismatch|doesn't match|not valid for", said, re.IGNORECASE):
        title, seen = "host-name", "has the certificate of another host"
        fix = endpoints(facts, "https://...") + "  # with a host that the certificate names"
    elif "No such file" in said or "Invalid path" in said or "invalid path" in said:
        title, seen = "ca-bundle", "was not asked: the certificate of the authority (verify, AWS_CA_BUNDLE) is no file"
        fix = "\n".join(option(each, "verify", '"/etc/ssl/your-ca.pem"') for each in facts.storages)
        fix += "  # where it is; or None for the authorities that browsers trust"
    elif "expired" in said:
        title, seen = "expired", "has a certificate that has expired, or this machine's clock is wrong"
        fix = "renew it at the server (certbot renew); sudo timedatectl set-ntp true for the clock"
    else:
        title, seen = "not-trusted", "has a certificate that nobody here trusts"
        lines = [option(each, "verify", '"/etc/ssl/your-ca.pem"') for each in facts.storages]
        fix = "\n".join(lines) + "  # the certificate of the authority that has signed it; or AWS_CA_BUNDLE"
    seen = f"{first.endpoint} {seen}" + (f" ({said})" if said else "")
    return Diagnosis("D18", "error", title, seen, NO_ANSWER, fix, facts.aliases)


def refuses_http(facts: Examined, storage: StorageSeen) -> bool:
    """Whether this storage asks without encryption, and the bucket's policy refuses that, as far as anybody saw."""
    policy = facts.bucket.facts.policy if facts.bucket else None
    writes = any(each.operation == "PutObject" and each.well for each in facts.rights.get(storage.alias, ()))
    if storage.use_ssl or writes:  # then what stands there is not enforced
        return False
    statements: Any = policy.get("Statement", ()) if isinstance(policy, dict) else ()
    every = [each for each in _list(statements) if isinstance(each, dict)]
    return any(_denies_http(each, Subject(f"{storage.bucket}/{storage.prefix}x")) for each in every)


def _denies_http(statement: dict[str, Any], subject: Subject) -> bool:
    condition = statement.get("Condition")
    if statement.get("Effect") != "Deny" or not isinstance(condition, dict) or set(condition) != {"Bool"}:
        return False
    wanted = [str(value).lower() for value in _list(condition["Bool"].get("aws:SecureTransport"))]
    actions = [str(each).lower() for each in _list(statement.get("Action"))]
    resources = [str(each) for each in _list(statement.get("Resource"))]
    return (
        wanted == ["false"]
        and any(fits(pattern, "s3:putobject") for pattern in actions)
        and any(YES in resource_matches(pattern, subject) for pattern in resources)
    )


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
