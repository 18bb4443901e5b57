"""Checks of who reads and writes, by table: what is told of a bucket, and that following it to the letter mends it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from s3sync.access import ALL_USERS, BucketFacts, Grant, StorageFacts, derive
from s3sync.access.bucket_plan import ENFORCED, Wanted, covered, opened, plan, statements_for
from s3sync.access.documents import AliasFacts
from s3sync.core.events import Diagnosis
from s3sync.doctor.facts import BucketSeen, Caller, Examined, Site, StorageSeen
from s3sync.doctor.readers import OF_READERS

FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ALL_ON = dict.fromkeys(FLAGS, True)
OPEN = dict(zip(FLAGS, (True, True, False, False), strict=True))
OAC = {"Service": "cloudfront.amazonaws.com"}
ROLE = {"AWS": "arn:aws:iam::111122223333:role/app"}
VPC = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}


def storage(alias: str = "default", prefix: str = "media/", intent: str = "private", **more: Any) -> StorageSeen:
    """A storage with one intent for all its names, or with `rules`; `acl`, `domain` and `signed` as it is set up."""
    acl, domain = more.pop("acl", None), more.pop("domain", False)
    signed = more.pop("signed", intent == "private")
    facts = StorageFacts(acl=acl, url_is_signed=signed, custom_domain=domain)
    known: dict[str, Any] = {
        "rules": [("", intent)], "parameters": {"ACL": acl} if acl else {}, "acl_option": "default_acl" if acl else "",
    }  # fmt: skip
    return StorageSeen(
        alias=alias, bucket="b", prefix=prefix, identity="b", class_name="S3Storage", endpoint="https://s3.test",
        endpoint_is_written=False, is_aws=True, region="eu-west-1", storage=facts, **{**known, **more},
    )  # fmt: skip


MEDIA = storage()
STATIC = storage("staticfiles", "static/", "public")
CDN = storage("staticfiles", "static/", "cdn", domain=True, signed=False)
STATIC_ACL = storage("staticfiles", "static/", "public", acl="public-read")


def allow(resource: str = "static/*", **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::b/{resource}",
    } | more


def deny(resource: str = "static/*", **more: Any) -> dict[str, Any]:
    return allow(resource, Effect="Deny", **more)


def policy(*statements: dict[str, Any]) -> Any:
    return {"Version": "2012-10-17", "Statement": list(statements)} if statements else None


def world(*storages: StorageSeen, says: tuple[dict[str, Any], ...] = (), **more: Any) -> Examined:
    """A bucket of today; `says` are the statements of its policy."""
    facts = {
        "owner_id": "owner", "ownership": ENFORCED, "bucket_block": OPEN, "account_block": {}, "policy": policy(*says),
    }  # fmt: skip
    facts |= {name: more.pop(name) for name in list(more) if name in BucketFacts.__dataclass_fields__}
    seen = {"acl": [Grant("owner", "FULL_CONTROL")], "encryption": "AES256", "versioning": "", "website": False}
    bucket = BucketSeen(facts=BucketFacts("b", **facts), **{"provider": "aws", **seen, **more})
    return Examined(storages=storages, caller=Caller(found=True), reach=None, bucket=bucket, site=Site(origin=None))


def told(examined: Examined) -> list[Diagnosis]:
    return [each for check in OF_READERS for each in check(examined)]


def bad(examined: Examined) -> list[str]:
    """`D04 error` of what is not well."""
    return sorted(f"{each.id} {each.verdict}" for each in told(examined) if each.verdict != "ok")


HEALTHY = {
    "two in one": world(MEDIA, STATIC, says=(allow(),)),
    "static alone": world(STATIC, says=(allow(),)),
    "media alone": world(MEDIA, bucket_block=ALL_ON),
    "versions": world(MEDIA, STATIC, says=(allow(),), versioning="Enabled"),
    "suspended": world(MEDIA, bucket_block=ALL_ON, versioning="Suspended"),
    "kms under private": world(MEDIA, bucket_block=ALL_ON, encryption="aws:kms"),
    "kms, but not for static": world(
        MEDIA, replace(STATIC, parameters={"ServerSideEncryption": "AES256"}), says=(allow(),), encryption="aws:kms"
    ),
    "ceph": world(
        MEDIA, STATIC, says=(allow(),), provider="ceph", ownership="ObjectWriter",
        bucket_block={**OPEN, "BlockPublicAcls": False},
    ),
    "acls wanted and ignored": world(
        MEDIA, STATIC_ACL, says=(allow(),), ownership="BucketOwnerPreferred",
        bucket_block={"IgnorePublicAcls": True},
    ),
    "acls alone": world(STATIC_ACL, ownership="ObjectWriter", bucket_block={}),
    "harmless acl": world(storage(acl="bucket-owner-full-control"), bucket_block=ALL_ON),
    "cdn": world(MEDIA, CDN, says=(allow(Principal=OAC),), bucket_block=ALL_ON),
    "public folder": world(
        storage(rules=[("public/", "public"), ("", "private")]), says=(allow("media/public/*"),)
    ),
    "private folder": world(
        storage("staticfiles", "static/", "public", rules=[("private/", "private"), ("", "public")]),
        says=(allow(), deny("static/private/*", Action=["s3:GetObject", "s3:GetObjectVersion"])),
    ),
    "another project": world(MEDIA, says=(allow("theirs/*"),)),
    "their role": world(MEDIA, bucket_block=ALL_ON, says=(allow("*", Principal=ROLE, Action="s3:*"),)),
    "https only": world(
        MEDIA, STATIC, says=(allow(), deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}, Action="s3:*"))
    ),
    "access point": world(MEDIA, endpoint_kind="access point", ownership=None, bucket_block=None, acl=None),
    "b2": world(MEDIA, provider="b2", bucket_block={}),
    "spaces": world(MEDIA, provider="spaces", bucket_block={}, ownership="ObjectWriter"),
    "a server without switches": world(
        MEDIA, provider="unknown", ownership=None, bucket_block=None, unread={
            "GetPublicAccessBlock": "not-implemented", "GetBucketOwnershipControls": "not-implemented",
            "GetBucketWebsite": "not-implemented", "GetBucketVersioning": "not-implemented",
        }, website=None, versioning=None,
    ),
    "unreachable": Examined(
        storages=[MEDIA], caller=Caller(found=True), reach=None, bucket=None, site=Site(origin=None)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_well_gives_no_warning(name: str) -> None:
    assert [] == bad(HEALTHY[name]), [each for each in told(HEALTHY[name]) if each.verdict != "ok"]


STAR = allow("*")
LIST = allow(Action="s3:ListBucket", Resource="arn:aws:s3:::b")
OPEN_ACL = [Grant("owner", "FULL_CONTROL"), Grant(ALL_USERS, "READ"), Grant(ALL_USERS, "WRITE")]
ACCOUNT_ON: dict[str, Any] = {"account_block": ALL_ON}
SICK: dict[str, tuple[Examined, list[str]]] = {
    # D04: ACLs that are sent, and not accepted
    "public acl": (world(STATIC_ACL), ["D04 error"]),
    "public acl, beside the policy": (world(MEDIA, STATIC_ACL, says=(allow(),)), ["D04 error"]),
    "private acl": (world(storage(acl="private"), bucket_block=ALL_ON), ["D04 error"]),
    "two send": (world(storage(acl="private"), STATIC_ACL), ["D04 error"]),
    "public acl, signed": (world(storage(intent="undeclared", acl="public-read", signed=True)), ["D04 error"]),
    "public acl, at a domain": (
        world(storage("staticfiles", "static/", "public", acl="public-read", domain=True)), ["D04 error"],
    ),
    "by parameters": (world(replace(STATIC_ACL, acl_option="object_parameters"), says=(allow(),)), ["D04 error"]),
    # D05, D06: blocks
    "acl blocked": (world(STATIC_ACL, ownership="ObjectWriter"), ["D05 error"]),
    "acl blocked by the account": (
        world(STATIC_ACL, ownership="ObjectWriter", bucket_block={}, account_block={"BlockPublicAcls": True}),
        ["D05 error"],
    ),
    "acl and policy blocked by the account": (
        world(STATIC_ACL, ownership="ObjectWriter", bucket_block={}, **ACCOUNT_ON), ["D05 error", "D06 error"],
    ),
    "ceph blocks all": (
        world(MEDIA, ownership="ObjectWriter", provider="ceph", bucket_block=ALL_ON), ["D05 error"],
    ),
    "a new bucket": (world(MEDIA, STATIC, bucket_block=ALL_ON), ["D06 error"]),
    "restricted": (world(MEDIA, STATIC, says=(allow(),), bucket_block=ALL_ON), ["D06 error"]),
    "restricted by the account": (world(STATIC, says=(allow(),), **ACCOUNT_ON), ["D06 error"]),
    "acls ignored": (
        world(STATIC_ACL, ownership="ObjectWriter", bucket_block={"IgnorePublicAcls": True}), ["D06 error"],
    ),
    # D07: who reads
    "no policy": (world(MEDIA, STATIC), ["D07 error"]),
    "no policy, acls on": (world(STATIC, ownership="ObjectWriter", bucket_block={}), ["D07 error"]),
    "too little": (world(STATIC, says=(allow("static/css/*"),)), ["D07 error"]),
    "all is open": (world(MEDIA, STATIC, says=(STAR,)), ["D07 error"]),
    "all is open, to two": (world(MEDIA, storage("more", "more/"), says=(STAR,)), ["D07 error"]),
    "a pattern": (world(storage(prefix="static-private/"), STATIC, says=(allow("static*"),)), ["D07 error"]),
    "some names": (world(MEDIA, says=(allow("media/*.pdf"),)), ["D07 error"]),
    "some visitors": (
        world(MEDIA, says=(allow("media/*", Condition={"StringLike": {"aws:Referer": "https://e.com/*"}}),)),
        ["D07 error"],
    ),
    "stale": (world(MEDIA, says=(allow("media/*", Sid="DefaultPublic"),)), ["D07 error"]),
    "private folder inside": (
        world(storage("staticfiles", "static/", "public", rules=[("private/", "private"), ("", "public")]),
              says=(allow(),)),
        ["D07 error"],
    ),
    "broad": (world(STATIC, says=(allow("static*"),)), ["D07 warning"]),
    "the whole bucket": (world(STATIC, says=(allow("*"),)), ["D07 warning"]),
    "denied": (world(STATIC, says=(allow(), deny("*"))), ["D07 error"]),
    "denied, but for a role": (
        world(MEDIA, STATIC, says=(allow(), {**deny("*", NotPrincipal=ROLE), "Principal": None})), ["D07 error"],
    ),
    "held back": (world(MEDIA, says=(STAR,), bucket_block=ALL_ON), ["D07 warning"]),
    "held back, and static shut": (
        world(MEDIA, STATIC, says=(STAR,), bucket_block=ALL_ON), ["D06 error"],
    ),
    "access point": (world(STATIC, endpoint_kind="access point"), ["D07 error"]),
    "r2": (world(STATIC, provider="r2"), ["D07 error"]),
    "cdn, read directly": (world(CDN, says=(allow(),)), ["D07 warning"]),
    "cdn, read directly, declared": (
        world(replace(CDN, declared=[("", "cdn")]), says=(allow(), allow(Principal=OAC))), ["D07 error"],
    ),
    # D09, D10: the bucket as a whole
    "listed": (world(STATIC, says=(allow(), LIST)), ["D09 warning"]),
    "listed with private inside": (world(MEDIA, STATIC, says=(allow(), LIST)), ["D09 error"]),
    "listed and read": (
        world(STATIC, says=(
            allow(Action=["s3:GetObject", "s3:ListBucket"], Resource=["arn:aws:s3:::b", "arn:aws:s3:::b/static/*"]),
        )),
        ["D09 warning"],
    ),
    "listed by acl": (
        world(STATIC, says=(allow(),), ownership="ObjectWriter", bucket_block={}, acl=OPEN_ACL[:2]), ["D09 warning"],
    ),
    "written by acl": (
        world(STATIC, says=(allow(),), ownership="ObjectWriter", bucket_block={}, acl=OPEN_ACL), ["D10 error"],
    ),
    "written by acl, with a log": (
        world(STATIC, says=(allow(),), ownership="ObjectWriter", bucket_block={}, acl=[
            *OPEN_ACL, Grant("http://acs.amazonaws.com/groups/s3/LogDelivery", "WRITE"),
        ]),
        ["D10 error"],
    ),
    "written": (world(MEDIA, STATIC, says=(allow(), allow("media/*", Action="s3:PutObject"))), ["D10 error"]),
    "anything": (
        world(MEDIA, STATIC, says=(STAR | {"Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]},)),
        ["D10 error"],
    ),
    "written, read and listed, by three": (
        world(MEDIA, STATIC, says=(allow("media/*", Action="s3:PutObject"), STAR, LIST), bucket_block={}),
        ["D07 error", "D09 error", "D10 error"],
    ),
    "blocked, and written": (
        world(MEDIA, STATIC, bucket_block={"BlockPublicPolicy": True}, says=(allow("media/*", Action="s3:PutObject"),)),
        ["D06 error", "D10 error"],
    ),
    "an error and a warning": (
        world(STATIC, says=(allow("static*"), allow("x/*", Action="s3:PutObject"), LIST)),
        ["D07 warning", "D09 warning", "D10 error"],
    ),
    # D11 to D14: what else it is set up for
    "kms": (world(STATIC, says=(allow(),), encryption="aws:kms"), ["D11 error"]),
    "kms under both": (world(MEDIA, STATIC, says=(allow(),), encryption="aws:kms:dsse"), ["D11 error"]),
    "kms by the storage": (
        world(replace(STATIC, parameters={"ServerSideEncryption": "aws:kms"}), says=(allow(),)), ["D11 error"],
    ),
    "requester pays": (world(MEDIA, STATIC, says=(allow(),), requester_pays=True), ["D12 error"]),
    "website": (world(MEDIA, STATIC, says=(allow(),), website=True), ["D13 warning"]),
    "versions": (
        world(MEDIA, STATIC, says=(allow(), allow("*", Action="s3:GetObjectVersion")), versioning="Enabled"),
        ["D14 error"],
    ),
    # D16, D19: statements that say something else than they seem to
    "around the cdn": (world(CDN, says=(allow(), allow(Principal=OAC))), ["D16 warning"]),
    "around the cdn, by identity": (
        world(CDN, says=(allow(), allow(Principal={
            "AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"
        }))),
        ["D16 warning"],
    ),
    "not principal": (world(MEDIA, says=({**allow("*", NotPrincipal=ROLE), "Principal": None},)), ["D19 error"]),
    "only exceptions, open": (world(MEDIA, says=(allow("*", Condition=VPC),)), ["D19 error"]),
    "only exceptions": (
        world(STATIC, says=(allow(), allow(Condition={"StringNotLike": {"aws:Referer": "http://bad*"}}))),
        ["D19 warning"],
    ),
    "deny not principal": (
        world(MEDIA, bucket_block=ALL_ON, says=({**deny("media/*", NotPrincipal=ROLE), "Principal": None},)),
        ["D19 warning"],
    ),
    # D20, D23: one ACL away
    "acls count": (world(MEDIA, ownership="ObjectWriter", bucket_block={}), ["D20 warning"]),
    "acls count beside static": (
        world(MEDIA, STATIC, says=(allow(),), ownership="ObjectWriter", bucket_block={}), ["D20 warning"],
    ),
    "acls count, and are sent": (
        world(storage(acl="private"), ownership="ObjectWriter", bucket_block={}), ["D20 warning"],
    ),
    "acls keep apart": (
        world(MEDIA, STATIC_ACL, ownership="ObjectWriter", bucket_block={}), ["D23 warning"],
    ),
}  # fmt: skip
for _, _world in SICK.items():  # `Principal: None` above stands for no such element
    for _one in (_world[0].bucket.facts.policy or {}).get("Statement", ()) if _world[0].bucket else ():
        if _one.get("Principal", "") is None:
            del _one["Principal"]


@pytest.mark.parametrize("name", SICK)
def test_one_trouble_is_told_once(name: str) -> None:
    examined, expected = SICK[name]
    assert expected == bad(examined), told(examined)


BY_HAND = ("access point", "r2", "private folder inside")
"""What takes another tool, or a decision."""


@pytest.mark.parametrize("name", [name for name in SICK if name not in BY_HAND])
def test_the_fix_mends_it(name: str) -> None:
    """What is told is done to the letter, all of it, the errors first; and then all is well."""
    examined, _ = SICK[name]
    order = ("error", "unknown", "warning")
    for each in sorted(
        (one for one in told(examined) if one.verdict != "ok"), key=lambda one: order.index(one.verdict)
    ):
        assert each.seen
        assert each.why
        for line in each.fix.splitlines():
            examined = followed(examined, line)
    assert [] == bad(examined), told(examined)


def followed(examined: Examined, line: str) -> Examined:
    """The world after a line of a remedy."""
    if line.startswith("aws s3api "):
        return _after_aws(examined, shlex.split(line))
    if line.startswith("aws s3control "):
        assert examined.bucket is not None
        facts = replace(examined.bucket.facts, account_block=_flags(line.rpartition(" ")[2]))
        return _with(examined, facts=facts)
    if line.startswith("python manage.py s3_create_bucket --update --no-input --storage "):
        return _after_create(examined, line)
    if line.startswith("aws s3 cp s3://b/static/ s3://b/static/ --recursive --sse AES256"):
        return examined
    return _after_writing(examined, line)


def _flags(text: str) -> dict[str, bool]:
    return {name: value == "true" for name, value in re.findall(r"(\w+)=(\w+)", text)}


def _with(examined: Examined, **changes: Any) -> Examined:
    assert examined.bucket is not None
    return replace(examined, bucket=replace(examined.bucket, **changes))


def _after_aws(examined: Examined, words: list[str]) -> Examined:
    assert examined.bucket is not None
    assert ["--bucket", "b"] == words[3:5]
    assert ["--region", "eu-west-1"] == words[-2:]
    value = words[6] if len(words) > 7 else ""
    facts = examined.bucket.facts
    match words[2]:
        case "put-bucket-policy":
            document = json.loads(value)
            blocked = facts.levels("BlockPublicPolicy") and replace(facts, policy=document).policy_public
            assert not blocked, "S3 would refuse it"
            return _with(examined, facts=replace(facts, policy=document))
        case "delete-bucket-policy":
            return _with(examined, facts=replace(facts, policy=None))
        case "put-bucket-acl":
            kept = [grant for grant in examined.bucket.acl or () if not grant.grantee.endswith("AllUsers")]
            if len(kept) > 1:
                assert "uri=http://acs.amazonaws.com/groups/s3/LogDelivery" in words
            return _with(examined, acl=kept)
        case "put-bucket-request-payment":
            assert "Payer=BucketOwner" == value
            return _with(examined, facts=replace(facts, requester_pays=False))
        case "put-bucket-encryption":
            rule = json.loads(value)["Rules"][0]["ApplyServerSideEncryptionByDefault"]
            return _with(examined, encryption=rule["SSEAlgorithm"])
        case "delete-bucket-website":
            return _with(examined, website=False)
    raise AssertionError(words)


def _after_create(examined: Examined, line: str) -> Examined:
    """What `s3_create_bucket` does, in the words of its own plan."""
    assert examined.bucket is not None
    acls = line.endswith(" --acls")
    senders = [one for one in examined.storages if one.storage.acl not in (None, "bucket-owner-full-control")]
    assert acls or not senders, "it would be refused"
    aliases = [AliasFacts(alias=one.alias, bucket="b", prefix=one.prefix, rules=one.rules) for one in examined.storages]
    wanted = Wanted(
        aliases=aliases, acls=acls, sends_public_acl=any(one.storage.acl_is_public for one in senders),
        statements=statements_for(aliases, None),
    )  # fmt: skip
    facts = examined.bucket.facts
    now = {"block": facts.bucket_block, "policy": facts.policy, "ownership": facts.ownership}
    if examined.bucket.provider == "ceph":
        del now["ownership"]
    then = plan(wanted, now, examined.bucket.provider)
    assert covered(aliases, None) is None
    assert opened(wanted, "b", now, then) == ([], []), "it would stop"
    changed = replace(
        facts, bucket_block=then["block"], policy=then["policy"], ownership=then.get("ownership", facts.ownership)
    )
    return _with(examined, facts=changed)


def _after_writing(examined: Examined, line: str) -> Examined:
    """Settings: an option, or who is meant to read. Words without either change nothing."""
    intent = re.search(r'S3SYNC = \{"INTENT": \{"(\w+)": "(\w+)"\}\}', line)
    if intent and not line.startswith("if everybody"):
        return _changed(examined, intent[1], lambda one: _declared(one, intent[2]))
    alias = re.search(r'STORAGES\["(\w+)"\]', line)
    if alias is None or line.startswith("if everybody"):
        assert line.startswith(("if ", "whom ")), line
        return examined
    if "ServerSideEncryption" in line:
        return _changed(examined, alias[1], lambda one: replace(one, parameters={"ServerSideEncryption": "AES256"}))
    assert '"default_acl": None' in line or 'remove "ACL": "public-read" from object_parameters' in line
    return _changed(examined, alias[1], _without_acl)


def _changed(examined: Examined, alias: str, change: Any) -> Examined:
    return replace(examined, storages=[change(one) if one.alias == alias else one for one in examined.storages])


def _declared(one: StorageSeen, intent: str) -> StorageSeen:
    return replace(one, declared=[("", intent)], rules=[("", intent)])


def _without_acl(one: StorageSeen) -> StorageSeen:
    facts = replace(one.storage, acl=None)
    rules = one.rules if one.declared else [("", derive(facts).intent)]
    return replace(one, storage=facts, rules=rules, parameters={}, acl_option="")


NEEDS: Mapping[str, tuple[dict[str, Any], str]] = {
    "GetBucketPolicy": ({"policy_read": False}, "s3:GetBucketPolicy"),
    "GetBucketWebsite": ({"website": None}, "s3:GetBucketWebsite"),
    "GetBucketVersioning": ({"versioning": None}, "s3:GetBucketVersioning"),
    "GetBucketEncryption": ({"encryption": None}, "s3:GetEncryptionConfiguration"),
    "GetBucketRequestPayment": ({"requester_pays": None}, "s3:GetBucketRequestPayment"),
    "GetPublicAccessBlock": (
        {"bucket_block": None, "ownership": "ObjectWriter"}, "s3:GetBucketPublicAccessBlock",
    ),
    "GetAccountPublicAccessBlock": ({"account_block": None}, "s3:GetAccountPublicAccessBlock"),
    "GetBucketOwnershipControls": (
        {"ownership": None, "bucket_block": {}}, "s3:GetBucketOwnershipControls",
    ),
    "GetBucketAcl": ({"acl": None, "ownership": "ObjectWriter", "bucket_block": {}}, "s3:GetBucketAcl"),
}  # fmt: skip


@pytest.mark.parametrize("operation", NEEDS)
def test_what_could_not_be_read_is_unknown_and_told_once(operation: str) -> None:
    facts, right = NEEDS[operation]
    examined = world(MEDIA, STATIC, says=(allow(),), unread={operation: f"needs {right} on b"}, **facts)
    unknown = [each for each in told(examined) if each.verdict == "unknown"]
    assert 1 == len(unknown), unknown
    assert f"(needs {right} on b)" in unknown[0].seen
    assert f"allow {right} on b" in unknown[0].fix
    assert "python manage.py s3_verify_acl --print-policy iam --for s3_doctor" in unknown[0].fix


def test_what_the_server_does_not_have_is_not_unknown() -> None:
    for operation, (facts, _) in NEEDS.items():
        facts = {**facts, "ownership": ENFORCED} if operation != "GetBucketOwnershipControls" else facts
        examined = world(MEDIA, STATIC, says=(allow(),), unread={operation: "not-implemented"}, **facts)
        assert "unknown" not in {each.verdict for each in told(examined)}, operation


def test_levels_are_named() -> None:
    for block, level in (({"bucket_block": ALL_ON}, "bucket"), (ACCOUNT_ON, "account")):
        (found,) = (each for each in told(world(STATIC, says=(allow(),), **block)) if each.verdict != "ok")
        assert f"RestrictPublicBuckets ({level})" in found.seen
        assert ("aws s3control" in found.fix) is (level == "account")


def test_a_denial_of_everything_spares_the_public_and_the_bucket_itself() -> None:
    """Else it would lock out whoever has to change the policy."""
    for resources, spared in (("b/*", ["b/static/*", "b"]), (["b", "b/*"], ["b/static/*"])):
        named = [f"arn:aws:s3:::{each}" for each in ([resources] if isinstance(resources, str) else resources)]
        (found,) = (
            each for each in told(world(MEDIA, STATIC, says=(allow(), deny(Action="s3:*", Resource=named))))
            if each.verdict != "ok"
        )  # fmt: skip
        statement = json.loads(shlex.split(found.fix)[6])["Statement"][1]
        assert [f"arn:aws:s3:::{each}" for each in spared] == statement["NotResource"]
        assert "Resource" not in statement


def test_private_objects_keep_their_key_of_kms() -> None:
    for storages, start in (((STATIC,), "aws s3api put-bucket-encryption"), ((MEDIA, STATIC), "write ")):
        examined = world(*storages, says=(allow(),), encryption="aws:kms")
        (found,) = (each for each in told(examined) if each.verdict != "ok")
        assert found.fix.startswith(start)


def test_an_acl_that_only_a_file_tells_is_unknown() -> None:
    facts = StorageFacts(acl=None, acl_is_told=False, url_is_signed=True)
    examined = world(replace(MEDIA, storage=facts), bucket_block=ALL_ON)
    assert ["D04 unknown"] == bad(examined)
