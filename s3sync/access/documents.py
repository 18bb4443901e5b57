"""Policies and CORS rules to paste: what each command needs, who may read what, and no more.

Sources: "Bucket policy examples using condition keys" (Amazon S3 User Guide), "IAM policy elements: Variables and tags"
(IAM User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .intent import Rules
from .needs import CannotExpress, Needs, needs_of

VERSION: Final = "2012-10-17"
"""With an older version, `${*}` would be four letters."""
PUBLIC_CANNED: Final = ("public-read", "public-read-write", "authenticated-read")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts:
    """What of a storage alias bears on who needs which right."""

    alias: str
    bucket: str
    """A bucket's name, or the ARN of an access point."""
    prefix: str = ""
    """What each key begins with."""
    partition: str = "aws"
    region: str = ""
    """Empty if it is not told."""
    is_aws: bool = True
    sends_acl: bool = False
    """Whether objects are written with an ACL or a Grant*, or may be."""
    sends_tags: bool = False
    kms_key: str | None = None
    """The customer's key that objects are encrypted with, as the storage names it: an id, an alias or an ARN."""
    rules: Rules = (("", "private"),)
    """Who is meant to read: `public`, `private`, `cdn`, or `undeclared` where the storage contradicts itself."""
    has_domain: bool = False
    """Whether URLs lead to a domain of its own, which may be a CDN's."""

    @property
    def label(self) -> str:
        """The alias as a Sid may have it: letters and digits."""
        words = re.findall(r"[A-Za-z0-9]+", self.alias)
        return "".join(word[0].upper() + word[1:] for word in words) or "Alias"


def iam_policy(uses: Iterable[tuple[AliasFacts, Collection[str]]]) -> Document:
    """The policy of a role that runs these commands on these aliases. Raises CannotExpress."""
    statements: list[Document] = []
    account: set[str] = set()
    for facts, commands in uses:
        needs = Needs()
        for command in sorted(commands):
            needs |= needs_of(command)
        statements += _statements(facts, needs)
        account |= needs.account if facts.is_aws else set()
    if account:
        statements.append(_allow("Account", account, "*"))
    if not statements:
        raise CannotExpress("these commands ask nothing of S3, so there is nothing to allow")
    return {"Version": VERSION, "Statement": _distinct(statements)}


def bucket_policy(
    facts: AliasFacts, *, distribution: str | None = None, existing: Mapping[str, Any] | None = None
) -> Document:
    """The bucket's policy by which exactly those read who are meant to. Raises CannotExpress.

    `distribution` is the ARN of the CloudFront distribution that reads by an origin access control. `existing` is the
    policy that the bucket has: its statements stay, but for those with the same Sid. PutBucketPolicy replaces it whole.
    """
    if _kind(facts) != "bucket":
        raise CannotExpress(f"{facts.bucket} admits no anonymous readers: access points and directory buckets don't")
    statements: list[Document] = []
    for place, (names, intent) in enumerate(facts.rules):
        inside = [other for other in facts.rules[:place] if other[0].startswith(names) and other[1] != intent]
        found = _readers(facts, names, intent, distribution, inside)
        for statement in found:
            statement["Sid"] += str(place + 1) if place else ""
        statements += found
    sids = {statement["Sid"] for statement in statements}
    kept = [statement for statement in _listed((existing or {}).get("Statement")) if statement.get("Sid") not in sids]
    if not kept and not statements:
        raise CannotExpress(f"there is nothing to allow or to deny for {facts.alias!r}")
    return {**(existing or {}), "Version": VERSION, "Statement": kept + statements}


def is_behind_cdn(facts: AliasFacts) -> bool:
    """Whether a distribution reads its objects, if there is one."""
    return facts.has_domain or any(intent == "cdn" for _, intent in facts.rules)


def key_statement(facts: AliasFacts, distribution: str) -> Document | None:
    """What the KMS key's own policy has to allow CloudFront; None without a customer's key.

    "Restrict access to an Amazon S3 origin" (CloudFront Developer Guide), but for what only writing needs.
    """
    if facts.kms_key is None or _is_managed(facts.kms_key):
        return None
    return {
        "Sid": f"{facts.label}Cdn", "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }  # fmt: skip


def cors_rules(origins: Collection[str]) -> Document:
    """The CORS configuration by which pages of these origins use fonts, masks and modules. Raises CannotExpress.

    "CORS configuration" (Amazon S3 User Guide). Such requests ask no leave beforehand, so no header is to be allowed.
    """
    if not origins:
        raise CannotExpress("no origin is known whose pages use the files")
    for origin in origins:
        if not re.fullmatch(r"\*|https?://[^/?#@\s]+", origin) or origin.count("*") > 1:
            raise CannotExpress(f"{origin!r} is no origin: write a scheme and a host, such as https://www.example.com")
    rule = {
        "ID": "s3sync", "AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": sorted(set(origins)),
        "MaxAgeSeconds": 3600,
    }  # fmt: skip
    return {"CORSRules": [rule]}


def partition_of(region: str) -> str:
    """The partition of ARNs in this region ("Amazon Resource Names", AWS General Reference)."""
    for start, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")):
        if region.startswith(start):
            return partition
    secret = re.match(r"(?:us|eu)-iso(\w?)-", region)
    return "aws" if secret is None else f"aws-iso-{secret[1]}".rstrip("-")


def quoted(text: str) -> str:
    """A text in which an ARN or a StringLike sees no wildcard and no variable ("IAM policy elements: Variables")."""
    return re.sub(r"[$*?]", r"${\g<0>}", text)


# The statements of a role


def _statements(facts: AliasFacts, needs: Needs) -> list[Document]:
    objects = set(needs.objects)
    objects |= needs.with_acl if facts.sends_acl else set()
    objects |= needs.with_tags if facts.sends_tags else set()
    if _kind(facts) == "directory":
        return _session(facts, needs, objects)
    found = []
    if needs.lists:
        statement = _allow(f"{facts.label}List", {"ListBucket"}, _bucket_arn(facts))
        # Other servers take a question about the bucket that they don't know for a listing of all of it (Ceph RGW 16).
        asks = any(action.startswith("Get") for action in needs.bucket)
        if facts.prefix and (facts.is_aws or not asks):
            statement["Condition"] = {"StringLike": {"s3:prefix": f"{quoted(facts.prefix)}*"}}
        found.append(statement)
    if needs.bucket:
        found.append(_allow(f"{facts.label}Bucket", needs.bucket, _bucket_arn(facts)))
    if objects:
        found.append(_allow(f"{facts.label}Objects", objects, _objects_arn(facts)))
    if objects & {"PutObject", "GetObject"} and facts.kms_key is not None and not _is_managed(facts.kms_key):
        found.append(_key(facts, facts.kms_key, writes="PutObject" in objects))
    return found


def _allow(sid: str, actions: Iterable[str], resource: str) -> Document:
    return {
        "Sid": sid, "Effect": "Allow", "Action": [f"s3:{action}" for action in sorted(actions)], "Resource": resource,
    }  # fmt: skip


def _session(facts: AliasFacts, needs: Needs, objects: set[str]) -> list[Document]:
    """A directory bucket knows one action ("Actions for directory buckets", Amazon S3 User Guide)."""
    if not needs.lists and not objects:
        return []
    region = facts.region or "*"
    arn = f"arn:{facts.partition}:s3express:{region}:*:bucket/{facts.bucket}"
    statement: Document = {
        "Sid": f"{facts.label}Session", "Effect": "Allow", "Action": ["s3express:CreateSession"], "Resource": arn,
    }  # fmt: skip
    if all(action.startswith("Get") for action in objects):
        statement["Condition"] = {"StringEquals": {"s3express:SessionMode": "ReadOnly"}}
    return [statement]


def _key(facts: AliasFacts, key: str, *, writes: bool) -> Document:
    """An upload in parts decrypts what it has encrypted ("Protecting data with SSE-KMS", Amazon S3 User Guide)."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey"] if writes else ["kms:Decrypt"]
    arn = f"arn:{facts.partition}:kms:{facts.region or '*'}:*:key/"
    statement: Document = {"Sid": f"{facts.label}Key", "Effect": "Allow", "Action": actions}
    alias = key.rpartition(":")[2]
    if alias.startswith("alias/"):
        # An alias in Resource is the alias, not its key ("Using aliases to control access", KMS Developer Guide).
        account = key.removesuffix(f":{alias}") + ":key/*" if key.startswith("arn:") else f"{arn}*"
        return statement | {
            "Resource": account, "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        }  # fmt: skip
    return statement | {"Resource": key if key.startswith("arn:") else arn + key}


def _is_managed(key: str) -> bool:
    """Whether it is S3's own key, whose policy lets in whoever may write."""
    return key.endswith("alias/aws/s3")


# The statements of a bucket


def _readers(facts: AliasFacts, names: str, intent: str, distribution: str | None, inside: Rules) -> list[Document]:
    """`inside` are rules of another intent, for names that begin with `names`, and which come before."""
    if intent == "undeclared":
        raise CannotExpress(f"{facts.alias!r} makes objects public and signs their URLs, so nobody can tell who reads")
    if intent == "private":
        found = [] if inside and facts.sends_acl else _guards(facts, names)
        return found + ([_origin_access(facts, names, distribution)] if facts.has_domain and distribution else [])
    private = [other for other, meant in inside if meant == "private" or intent == "public"]
    if private:
        raise CannotExpress(
            f"{facts.alias!r} is {intent} under {names!r}, but not under {private[0]!r}: a policy that allows the one "
            "allows the other; move it out from under that prefix"
        )
    if intent == "cdn":
        if not distribution:
            raise CannotExpress(f"{facts.alias!r} is read by a CDN: name its distribution's ARN")
        return [_origin_access(facts, names, distribution)]
    return [{
        "Sid": f"{facts.label}Public", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": _objects_arn(facts, names),
    }]  # fmt: skip


def _origin_access(facts: AliasFacts, names: str, distribution: str) -> Document:
    if not re.fullmatch(r"arn:aws[a-z-]*:cloudfront::\d{12}:distribution/\w+", distribution):
        raise CannotExpress(
            f"{distribution!r} is no ARN of a distribution: write arn:aws:cloudfront::111122223333:distribution/E1A2B3"
        )
    return {
        "Sid": f"{facts.label}Cdn", "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject", "Resource": _objects_arn(facts, names),
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }  # fmt: skip


def _guards(facts: AliasFacts, names: str) -> list[Document]:
    """No object is made public by an ACL that is sent with it or as a header of PutObjectAcl; a body is not seen."""
    groups = [f"*{group}*" for group in ("global/AllUsers", "global/AuthenticatedUsers")]
    conditions: list[tuple[str, Document]] = [("", {"StringEquals": {"s3:x-amz-acl": list(PUBLIC_CANNED)}})]
    for right in ("FullControl", "Read", "ReadAcp", "WriteAcp"):
        header = re.sub(r"(?<!^)([A-Z])", r"-\1", right).lower()
        conditions.append((right, {"StringLike": {f"s3:x-amz-grant-{header}": groups}}))
    return [{
        "Sid": f"{facts.label}NoPublicAcl{right}", "Effect": "Deny", "Principal": "*",
        "Action": ["s3:PutObject", "s3:PutObjectAcl"], "Resource": _objects_arn(facts, names), "Condition": condition,
    } for right, condition in conditions]  # fmt: skip


# Names


def _kind(facts: AliasFacts) -> str:
    """`bucket`, `access point` or `directory`. Raises CannotExpress for what a policy can't name."""
    bucket = facts.bucket
    if re.fullmatch(r"arn:[\w-]+:s3:[\w-]*:\d{12}:accesspoint[/:][\w.-]+", bucket):
        return "access point"
    if bucket.startswith("arn:") or bucket.endswith(("-s3alias", "--ol-s3")):
        raise CannotExpress(
            f"the policy can't be told from {bucket!r}: give bucket_name the ARN of the access point, or the bucket"
        )
    return "directory" if bucket.endswith("--x-s3") else "bucket"


def _bucket_arn(facts: AliasFacts) -> str:
    return facts.bucket if _kind(facts) == "access point" else f"arn:{facts.partition}:s3:::{facts.bucket}"


def _objects_arn(facts: AliasFacts, names: str = "") -> str:
    """All keys of these names ("Configuring IAM policies for using access points", Amazon S3 User Guide)."""
    under = "/object" if _kind(facts) == "access point" else ""
    return f"{_bucket_arn(facts)}{under}/{quoted(facts.prefix + names)}*"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _distinct(statements: list[Document]) -> list[Document]:
    """No two with one Sid, as aliases `a-b` and `a_b` would have."""
    seen: dict[str, int] = {}
    for statement in statements:
        sid = statement["Sid"]
        seen[sid] = seen.get(sid, 0) + 1
        statement["Sid"] = sid if seen[sid] == 1 else f"{sid}{seen[sid]}"
    return statements
