"""What decides who can read a bucket: as moto and Ceph RGW answer, and as AWS and others do, by stubs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from s3sync.access.facts import BucketFacts, Grant
from s3sync.s3.bucket_facts import BucketReading, Unread, read_bucket
from s3sync.s3.listing import Listing, OwnedListing
from s3sync.s3.pages import Listed
from s3sync.s3.providers import endpoint_kind, provider_of
from tests.proxy import Proxy, Response
from tests.scripted import Asked, Scripted, Talk, answer, scripted
from tests.servers import ON_BOTH, ON_MOTO, ON_RGW, Server, free_port

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
ACCOUNT = "123456789012"
FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
NO_FLAGS = dict.fromkeys(FLAGS, False)
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"}],
}
XMLNS = b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


_ID = "tx0000096914465dc005d78-006b010f7a"


def error(status: int, code: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


def block(**flags: str) -> bytes:
    lines = "".join(f"<{name}>{value}</{name}>" for name, value in flags.items()).encode()
    return answer(200, b"<PublicAccessBlockConfiguration %s>%s</PublicAccessBlockConfiguration>" % (XMLNS, lines))


# Stubs: these are AWS' answers, which no server here gives in full. As of the Amazon S3 API Reference.
AWS: dict[str, bytes] = {
    "acl": answer(
        200,
        b"<AccessControlPolicy %s><Owner><ID>me</ID></Owner><AccessControlList><Grant><Grantee "
        b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>me</ID></Grantee>'
        b"<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>" % XMLNS,
    ),
    "publicAccessBlock": block(**dict.fromkeys(FLAGS, "true")),
    "ownershipControls": answer(
        200,
        b"<OwnershipControls %s><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
        b"</OwnershipControls>" % XMLNS,
    ),
    "policy": answer(200, json.dumps(POLICY).encode()),
    "policyStatus": answer(200, b"<PolicyStatus %s><IsPublic>TRUE</IsPublic></PolicyStatus>" % XMLNS),
    "requestPayment": answer(
        200, b"<RequestPaymentConfiguration %s><Payer>Requester</Payer></RequestPaymentConfiguration>" % XMLNS
    ),
    "account": block(BlockPublicAcls="false", IgnorePublicAcls="true", BlockPublicPolicy="false"),
    "identity": answer(
        200,
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
    ),
}
UNCONFIGURED = {
    "publicAccessBlock": error(404, "NoSuchPublicAccessBlockConfiguration"),
    "ownershipControls": error(404, "OwnershipControlsNotFoundError"),
    "policy": error(404, "NoSuchBucketPolicy"),
    "account": error(404, "NoSuchPublicAccessBlockConfiguration"),
}
LISTING = answer(200, b"<ListBucketResult %s><Name>b-1</Name></ListBucketResult>" % XMLNS)
WRONG = [LISTING, answer(200), answer(200, b"hello"), answer(200, b"<html>")]
OPERATIONS = {
    "acl": ("GetBucketAcl", "s3:GetBucketAcl"),
    "publicAccessBlock": ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    "ownershipControls": ("GetBucketOwnershipControls", "s3:GetBucketOwnershipControls"),
    "policy": ("GetBucketPolicy", "s3:GetBucketPolicy"),
    "policyStatus": ("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus"),
    "requestPayment": ("GetBucketRequestPayment", "s3:GetBucketRequestPayment"),
    "account": ("GetAccountPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
    "identity": ("GetCallerIdentity", "sts:GetCallerIdentity"),
}
UNREAD_FACTS: dict[str, dict[str, Any]] = {
    "acl": {"owner_id": None}, "publicAccessBlock": {"bucket_block": None}, "ownershipControls": {"ownership": None},
    "policy": {"policy": None, "policy_read": False}, "policyStatus": {"policy_is_public": None},
    "requestPayment": {"requester_pays": None}, "account": {"account_block": None}, "identity": {"account_block": None},
}  # fmt: skip


def subject(asked: Asked) -> str:
    """Which of our calls this is."""
    url = urlsplit(asked.line.split()[1])
    host = url.hostname or asked.headers["host"]
    if host.startswith("sts."):
        return "identity"
    if host.startswith(f"{ACCOUNT}."):
        return "account"
    return next(iter(dict(parse_qsl(url.query, keep_blank_values=True))), "")


Respond = Callable[[str, Asked], bytes | None]


def serving(answers: dict[str, bytes], special: Respond = lambda *_: None) -> Callable[[Talk], None]:
    """A script: these answers by sub-resource; every one that is missing is a 403."""

    def script(talk: Talk) -> None:
        while (asked := talk.read_head()) is not None:
            talk.file.read(int(asked.headers.get("content-length", 0)))
            with talk.server.lock:
                talk.server.requests.append(asked)
            name = subject(asked)
            talk.say(special(name, asked) or answers.get(name) or error(403, "AccessDenied"))

    return script


@pytest.fixture(autouse=True)
def _services(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS' other services are names behind the proxy that the stub stands in for."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3_CONTROL", "http://control.example")


def client_for(server: Scripted, **config: Any) -> Any:
    settings = {"retries": {"max_attempts": 0}, "s3": {"addressing_style": "path"}, "proxies": {"http": server.url}}
    session = boto3.session.Session("AKID", "secret", region_name="us-east-1")
    return session.client("s3", endpoint_url="http://s3.example", config=Config(**(settings | config)))


@contextmanager
def stub(answers: dict[str, bytes], special: Respond = lambda *_: None) -> Iterator[tuple[Any, Scripted]]:
    with scripted(serving(answers, special)) as server:
        yield client_for(server), server


def read(answers: dict[str, bytes], *, is_aws: bool = True, special: Respond = lambda *_: None) -> BucketReading:
    with stub(answers, special) as (client, _):
        return read_bucket(client, "b-1", is_aws=is_aws)


def test_all_facts_of_aws() -> None:
    """(AWS by a stub.) Eight calls, the two about the account included, and each names the account that is meant."""
    with stub(AWS) as (client, server):
        found = read_bucket(client, "b-1", is_aws=True)
    expected = BucketFacts(
        "b-1", "me", ownership="BucketOwnerEnforced", bucket_block=dict.fromkeys(FLAGS, True),
        account_block=NO_FLAGS | {"IgnorePublicAcls": True}, policy=POLICY, policy_read=True, policy_is_public=True,
        requester_pays=True, endpoint_kind="bucket",
    )  # fmt: skip
    assert BucketReading(expected, [Grant("me", "FULL_CONTROL")], (), 8, "aws") == found
    assert 8 == len(server.requests)
    owners = {asked.headers.get("x-amz-expected-bucket-owner") for asked in server.requests if "s3" in asked.line}
    assert {ACCOUNT} == owners


def test_what_is_not_configured_is_a_fact() -> None:
    """(AWS by a stub.) Nothing is unread, and without a policy nobody asks whether it is public."""
    found = read(AWS | UNCONFIGURED)
    expected = BucketFacts(
        "b-1", "me", ownership="ObjectWriter", bucket_block={}, account_block={}, policy=None, policy_read=True,
        policy_is_public=False, requester_pays=True,
    )  # fmt: skip
    assert (expected, (), 7) == (found.facts, found.unread, found.calls)


@pytest.mark.parametrize("is_aws", [True, False])
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (error(403, "AccessDenied"), "denied"), (answer(403), "denied"),
        (error(501, "NotImplemented"), "not-implemented"), (error(405, "MethodNotAllowed"), "not-implemented"),
        (error(400, "MalformedXML"), "not-implemented"), (error(404, "NoSuchThing"), "not-implemented"),
        (error(500, "InternalError"), "unreachable"), (error(503, "SlowDown"), "unreachable"),
        *((wrong, "wrong-document") for wrong in WRONG),
    ],
)  # fmt: skip
def test_unread_facts(said: bytes, why: str, is_aws: bool) -> None:
    """Each fact alone: it is None, with the reason and the permission, and all others are read."""
    whole = read(AWS, is_aws=is_aws).facts
    for name, (operation, action) in OPERATIONS.items():
        if is_aws != (name in ("account", "identity")):
            continue
        if name == "identity" and (why == "wrong-document" or b"<Code>" not in said):
            continue  # not S3's kind of document
        found = read(AWS | {name: said}, is_aws=is_aws)
        for fact, value in vars(whole).items():
            assert UNREAD_FACTS[name].get(fact, value) == getattr(found.facts, fact), (name, fact)
        [unread, *others] = found.unread
        assert (operation, action, why) == (unread.operation, unread.action, unread.why), name
        assert [] == [each for each in others if name != "identity"]
        if name == "acl":
            assert found.acl is None


def test_elsewhere_accounts_have_no_block() -> None:
    """Off AWS nobody asks Amazon about its accounts."""
    with stub(AWS) as (client, server):
        found = read_bucket(client, "b-1", is_aws=False)
    assert {} == found.facts.account_block
    assert {"acl", "publicAccessBlock", "ownershipControls", "policy", "policyStatus", "requestPayment"} == {
        subject(asked) for asked in server.requests
    }


def test_unknown_servers_that_give_a_listing() -> None:
    """200 with a listing says neither that ACLs hold nor that they don't."""
    found = read(dict.fromkeys(AWS, LISTING), is_aws=False)
    assert (None, None, None, False, None) == (
        found.facts.ownership, found.facts.bucket_block, found.facts.owner_id, found.facts.policy_read,
        found.facts.requester_pays,
    )  # fmt: skip
    assert ({"wrong-document"}, 6) == ({unread.why for unread in found.unread}, len(found.unread))


def test_flags_without_a_document() -> None:
    """The right name with nothing in it is not a block that is off."""
    found = read(AWS | {"publicAccessBlock": block()}, is_aws=False)
    assert None is found.facts.bucket_block
    found = read(AWS | {"publicAccessBlock": block(IgnorePublicAcls="TRUE")}, is_aws=False)
    assert NO_FLAGS | {"IgnorePublicAcls": True} == found.facts.bucket_block


def test_policies_that_are_none() -> None:
    """JSON without statements, or no JSON, is no policy that we could judge."""
    for body in (b"{}", b"[]", b"{", b'"Statement"'):
        found = read(AWS | {"policy": answer(200, body)}, is_aws=False)
        assert (False, None) == (found.facts.policy_read, found.facts.policy)
        assert [Unread("GetBucketPolicy", "s3:GetBucketPolicy", "WrongDocument", 200, "wrong-document")] == list(
            found.unread
        )


def test_another_accounts_bucket() -> None:
    """(AWS by a stub.) Its own account's block counts, which we can't read: ours is not taken for it."""

    def special(name: str, asked: Asked) -> bytes | None:
        return error(403, "AccessDenied") if "x-amz-expected-bucket-owner" in asked.headers else None

    found = read(AWS, special=special)
    assert (None, "me", "BucketOwnerEnforced") == (
        found.facts.account_block, found.facts.owner_id, found.facts.ownership
    )  # fmt: skip
    assert ["OtherAccount"] == [unread.code for unread in found.unread]
    assert 8 == found.calls  # the first one twice, and none to the account


def test_nothing_but_trouble() -> None:
    """A server that serves nobody says nothing about a bucket; if it serves one call, the others are unread."""
    down = dict.fromkeys(AWS, error(503, "SlowDown"))
    with pytest.raises(ClientError, match="SlowDown"):
        read(down, is_aws=False)
    with pytest.raises(ClientError, match="SlowDown"):
        read(down | {"identity": AWS["identity"]})
    assert 5 == len(read(down | {"acl": AWS["acl"]}, is_aws=False).unread)


def test_a_named_account() -> None:
    """Whoever names it saves the question who we are."""
    with stub(AWS) as (client, server):
        found = read_bucket(client, "b-1", is_aws=True, account_id=ACCOUNT)
    assert ((), 7, True) == (found.unread, found.calls, found.facts.account_block["IgnorePublicAcls"])
    assert "identity" not in {subject(asked) for asked in server.requests}


def test_nothing_is_allowed() -> None:
    """All unread, which is not an error of this call: the verdict will say that nothing could be decided."""
    found = read({})
    assert (None, None, None, None, False, None, None) == (
        found.facts.owner_id, found.facts.ownership, found.facts.bucket_block, found.facts.account_block,
        found.facts.policy_read, found.facts.policy_is_public, found.facts.requester_pays,
    )  # fmt: skip
    assert {"denied"} == {unread.why for unread in found.unread}


@pytest.mark.parametrize(
    "said",
    [error(404, "NoSuchBucket"), error(403, "InvalidAccessKeyId"), error(403, "SignatureDoesNotMatch"),
     error(400, "ExpiredToken"), error(403, "RequestTimeTooSkewed"), error(301, "PermanentRedirect")],
)  # fmt: skip
def test_a_bucket_that_cannot_be_reached(said: bytes) -> None:
    """What no other call would fare better with is raised as it is."""
    with pytest.raises(ClientError):
        read(dict.fromkeys(AWS, said), is_aws=False)


def test_nobody_there() -> None:
    """Neither an endpoint that is down nor missing credentials are facts about a bucket."""
    session = boto3.session.Session("AKID", "secret", region_name="us-east-1")
    url = f"http://127.0.0.1:{free_port()}"
    client = session.client("s3", endpoint_url=url, config=Config(retries={"max_attempts": 0}))
    with pytest.raises(EndpointConnectionError):
        read_bucket(client, "b-1", is_aws=False)
    with stub(AWS) as (client, _):
        client._request_signer._credentials = None
        for is_aws in (True, False):
            with pytest.raises(BotoCoreError, match="credentials"):
                read_bucket(client, "b-1", is_aws=is_aws)


@pytest.mark.parametrize(
    ("bucket", "is_aws", "kind"),
    [
        ("media", True, "bucket"), ("arn:aws:s3:eu-west-1:123456789012:accesspoint/mine", True, "access point"),
        ("arn:aws:s3::123456789012:accesspoint/mfz.mrap", True, "mrap"), ("media--euw1-az1--x-s3", True, "directory"),
        ("mine--euw1-az1--xa-s3", True, "access point"), ("mine-abc-s3alias", True, "access point"),
        ("arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/o", True, "object lambda"),
        ("mine--ol-s3", True, "object lambda"), ("media-s3alias", False, "bucket"), ("x--x-s3", False, "bucket"),
        ("arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-0/accesspoint/mine", True, "access point"),
    ],
)  # fmt: skip
def test_endpoint_kinds(bucket: str, is_aws: bool, kind: str) -> None:
    """What is used like a bucket, but lets in nobody without credentials; elsewhere such names are plain names."""
    assert kind == endpoint_kind(bucket, is_aws=is_aws)


@pytest.mark.parametrize(
    ("url", "headers", "is_aws", "name"),
    [
        ("https://s3.eu-west-1.amazonaws.com", {"server": "AmazonS3"}, True, "aws"),
        ("https://0a1b.r2.cloudflarestorage.com", {"server": "cloudflare"}, False, "r2"),
        ("https://s3.us-west-004.backblazeb2.com", {}, False, "b2"),
        ("https://ams3.digitaloceanspaces.com", {}, False, "spaces"),
        ("https://s3.eu-central-1.wasabisys.com", {}, False, "wasabi"),
        ("https://storage.googleapis.com", {"server": "UploadServer"}, False, "gcs"),
        ("https://files.example", {"server": "MinIO"}, False, "minio"),
        ("https://files.example", {"server": "Ceph Object Gateway (squid)"}, False, "ceph"),
        ("https://files.example", {"x-amz-request-id": f"{_ID}-100c-default"}, False, "ceph"),
        ("https://files.example", {"x-amz-request-id": _ID}, False, "unknown"),
        ("https://files.example", {"server": "AmazonS3"}, False, "unknown"),
        ("https://notwasabisys.com", {}, False, "unknown"),
    ],
)
def test_providers(url: str, headers: dict[str, str], is_aws: bool, name: str) -> None:
    """By the endpoint's name, then by what its answers say; a name alone is not believed to be AWS."""
    client = boto3.session.Session("a", "b", region_name="us-east-1").client("s3", endpoint_url=url)
    assert name == provider_of(client, headers.items(), is_aws=is_aws)


@pytest.mark.parametrize(("server_header", "expected"), [(b"Server: MinIO", {}), (b"Server: Any", None)])
def test_what_a_provider_has_never_had(server_header: bytes, expected: object) -> None:
    """A known one without public access blocks has none set; of an unknown one nobody knows."""
    said = AWS | {"publicAccessBlock": answer(501, b"<Error><Code>NotImplemented</Code></Error>", server_header)}
    found = read(said, is_aws=False)
    assert (expected, expected is not None) == (found.facts.bucket_block, found.unread == ())
    denied = read(AWS | {"publicAccessBlock": answer(403, b"", server_header)}, is_aws=False)
    assert None is denied.facts.bucket_block


@ON_MOTO
def test_moto(server: Server, bucket: str, s3: Any) -> None:
    """It has nothing configured at first, and does not know who pays."""
    found = read_bucket(s3, bucket, is_aws=False)
    assert ("ObjectWriter", {}, {}, None, True, False, False) == (
        found.facts.ownership, found.facts.bucket_block, found.facts.account_block, found.facts.policy,
        found.facts.policy_read, found.facts.policy_is_public, found.facts.requester_pays,
    )  # fmt: skip
    assert ((), "moto?", 5) == (found.unread, found.provider, found.calls)
    flags = dict(zip(FLAGS, [True, False, True, False], strict=True))
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)
    rule = {"ObjectOwnership": "BucketOwnerPreferred"}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [rule]})
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    found = read_bucket(s3, bucket, is_aws=False)
    assert ("BucketOwnerPreferred", flags) == (found.facts.ownership, found.facts.bucket_block)
    assert Grant(ALL_USERS, "READ") in (found.acl or [])


def test_moto_as_aws(moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's block comes by a service of its own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_server.endpoint_url)
    client = moto_server.client(proxies={"http": moto_server.endpoint_url})
    client.create_bucket(Bucket="facts-as-aws")
    found = read_bucket(client, "facts-as-aws", is_aws=True)
    assert ({}, ()) == (found.facts.account_block, found.unread)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    found = read_bucket(moto_server.client(retries={"max_attempts": 0}), "facts-as-aws", is_aws=True)
    assert None is found.facts.account_block
    assert [("GetCallerIdentity", "unreachable"), ("GetAccountPublicAccessBlock", "denied")] == [
        (unread.operation, unread.why) for unread in found.unread
    ]


@ON_RGW
def test_ceph(server: Server, bucket: str, s3: Any) -> None:
    """Release 16 has no ownership controls, answers with a listing instead, and its ACLs hold."""
    policy = json.loads(json.dumps(POLICY).replace("b-1", bucket))
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    flags = NO_FLAGS | {"IgnorePublicAcls": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)
    found = read_bucket(s3, bucket, is_aws=False)
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    expected = BucketFacts(bucket, owner, "ObjectWriter", flags, {}, policy, True, True, False, "bucket")
    assert BucketReading(expected, [Grant(owner, "FULL_CONTROL")], (), 6, "ceph") == found


@ON_RGW
def test_a_stranger_on_ceph(server: Server, bucket: str) -> None:
    """What is refused is unread, whatever it takes; a wrong secret, and a bucket that is not there, are raised."""
    found = read_bucket(server.client(other=True), bucket, is_aws=False)
    assert (None, None, None, False) == (
        found.facts.owner_id, found.facts.ownership, found.facts.bucket_block, found.facts.policy_read
    )  # fmt: skip
    assert {("denied", "AccessDenied", 403)} == {(each.why, each.code, each.http) for each in found.unread}
    client = server.client()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        read_bucket(client, "no-such-bucket-here", is_aws=False)
    client._request_signer._credentials.secret_key += "x"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        read_bucket(client, bucket, is_aws=False)


@ON_BOTH
def test_a_few_calls(server: Server, bucket: str, proxy: Proxy) -> None:
    """Each once, whatever the number of objects."""
    found = read_bucket(proxy.server.client(), bucket, is_aws=False)
    assert found.calls == len(proxy.requests) == 5


@ON_BOTH
def test_listing_with_owners(server: Server, bucket: str, s3: Any, proxy: Proxy) -> None:
    """The same objects as the plain listing, and no request more; each with owner and class."""
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    keys = ["a b+c%.txt", "a/../b", *(f"k/{number:04}" for number in range(1100)), "ü/日本語"]
    for key in keys[:3] + keys[-1:]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    plain = list(Listing(s3, bucket, ""))
    listed = list(OwnedListing(proxy.server.client(), bucket, ""))
    assert [(o.key, o.size, o.etag, o.modified) for o in plain] == [(o.key, o.size, o.etag, o.modified) for o in listed]
    assert {("STANDARD", owner)} == {(each.storage_class, each.owner_id) for each in listed}
    assert [("ListObjectsV2", "true")] == [(each.operation, each.query["fetch-owner"]) for each in proxy.requests]
    assert "fetch-owner" not in Listing._ALSO


@ON_MOTO
def test_listing_without_owners(server: Server, bucket: str, s3: Any, proxy: Proxy) -> None:
    """A server that does not tell: nobody is made the owner. An archive's class comes through."""
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", StorageClass="GLACIER")
    proxy.rule = lambda request: lambda said: Response(
        200, headers=said.headers, body=re.sub(rb"<Owner>.*?</Owner>", b"", said.body or b"")
    )
    [found] = OwnedListing(proxy.server.client(), bucket, "")
    assert isinstance(found, Listed)
    assert ("GLACIER", None) == (found.storage_class, found.owner_id)
