"""The documents themselves: what is allowed to whom, in every partition, under every kind of name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.access.documents import (
    AliasFacts,
    bucket_policy,
    cors_rules,
    iam_policy,
    key_statement,
    partition_of,
)
from s3sync.access.needs import COMMANDS, LOOKING, CannotExpress, needs_of
from s3sync.s3.errors import Trouble, hint_for, writing
from tests.iam import actions_of, allows, matches

ARN = "arn:aws:cloudfront::111122223333:distribution/E1A2B3"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"


def media(**how: Any) -> AliasFacts:
    return AliasFacts(**({"alias": "default", "bucket": "acme", "prefix": "media/"} | how))


def of(facts: AliasFacts, *commands: str) -> dict[str, Any]:
    return iam_policy([(facts, commands)])


def statement(document: dict[str, Any], sid: str) -> dict[str, Any]:
    (found,) = (each for each in document["Statement"] if each["Sid"] == sid)
    return dict(found)


def test_a_push_gets_its_location_and_no_more() -> None:
    """The document that most projects need, word by word."""
    assert {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DefaultList", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::acme",
                "Condition": {"StringLike": {"s3:prefix": "media/*"}},
            },
            {
                "Sid": "DefaultObjects", "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::acme/media/*",
            },
        ],
    } == of(media(), "s3_push_media")  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "commands", "more"),
    [
        (media(sends_acl=True), ["s3_push_media"], {"s3:PutObjectAcl"}),
        (media(sends_tags=True), ["s3_push_media"], {"s3:PutObjectTagging"}),
        (media(), ["s3_push_media --delete"], {"s3:DeleteObject"}),
        (media(), ["collectstatic --s3 --clear"], {"s3:DeleteObject"}),
        (media(), ["s3_collectstatic", "collectstatic --s3 --prune"], {"s3:DeleteObject"}),
        (media(), ["s3_push_media --check-metadata"], set()),
        (media(sends_acl=True), ["s3_push_media --check-metadata"], {"s3:PutObjectAcl", "s3:GetObjectAcl"}),
        (media(), ["collectstatic --fix-metadata"], {"s3:PutObjectAcl", "s3:GetObjectAcl"}),
    ],
)
def test_what_an_option_adds(facts: AliasFacts, commands: list[str], more: set[str]) -> None:
    """Each right has an option, or a setting, that it is there for."""
    plain = {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert plain | more == set(actions_of(of(facts, *commands)))


@pytest.mark.parametrize("command", COMMANDS)
def test_looking_needs_no_right_to_change(command: str) -> None:
    """A role that watches can do no harm."""
    for option in LOOKING:
        every = " ".join([command, option, *COMMANDS[command][1]])
        needs = needs_of(every)
        assert {"Get"} >= {action[:3] for action in needs.objects | needs.with_acl | needs.with_tags}


def test_verifying_reads_no_content() -> None:
    """s3_verify_acl: the facts of the bucket, the ACLs, the account's block; and not one object."""
    document = of(media(), "s3_verify_acl")
    assert not {"s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"} & set(actions_of(document))
    assert "arn:aws:s3:::acme" == statement(document, "DefaultBucket")["Resource"]
    assert "*" == statement(document, "Account")["Resource"]
    elsewhere = of(media(is_aws=False), "s3_verify_acl")
    assert "s3:GetAccountPublicAccessBlock" not in actions_of(elsewhere)
    assert "Condition" in statement(document, "DefaultList")
    assert "Condition" not in statement(elsewhere, "DefaultList")
    assert "Condition" in statement(of(media(is_aws=False), "s3_push_media"), "DefaultList")


def test_commands_without_a_need_and_unknown_ones() -> None:
    """A policy that allows nothing would not be accepted; one for a mistyped option would lack what is missing."""
    with pytest.raises(CannotExpress, match="ask nothing of S3"):
        of(media(), "s3_lint_css")
    with pytest.raises(CannotExpress, match="'s3_push' is none of the commands s3_push_media"):
        needs_of("s3_push")
    with pytest.raises(CannotExpress, match=r"--delte.*--delete"):
        needs_of("s3_push_media --delte")


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("", "aws"), ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"), ("us-isob-east-1", "aws-iso-b"), ("eusc-de-east-1", "aws-eusc"),
    ],
)  # fmt: skip
def test_partitions(region: str, partition: str) -> None:
    """An ARN of another partition matches nothing."""
    assert partition == partition_of(region)
    resource = of(media(partition=partition), "s3_push_media")["Statement"][1]["Resource"]
    assert f"arn:{partition}:s3:::acme/media/*" == resource


NAMES = st.text(st.sampled_from("ab/$*?{}é "), max_size=8)


@given(prefix=NAMES, key=NAMES)
def test_a_prefix_means_itself(prefix: str, key: str) -> None:
    """Wildcards and variables in a location open nothing else."""
    document = of(media(prefix=prefix), "s3_push_media")
    expected = key.startswith(prefix)
    assert expected == allows(document, "s3:PutObject", f"arn:aws:s3:::acme/{key}")
    assert expected == allows(document, "s3:ListBucket", "arn:aws:s3:::acme", {"s3:prefix": key})


def test_special_characters_are_written_as_variables() -> None:
    """A location such as `a*b`, which nobody should have, but somebody has."""
    document = of(media(prefix="a*b?c$/"), "s3_push_media")
    assert "arn:aws:s3:::acme/a${*}b${?}c${$}/*" == document["Statement"][1]["Resource"]
    assert "a${*}b${?}c${$}/*" == document["Statement"][0]["Condition"]["StringLike"]["s3:prefix"]
    assert not matches("a${*}b", "axb")


@pytest.mark.parametrize(
    ("key", "resource", "condition"),
    [
        (KEY, KEY, None),
        ("1234abcd", "arn:aws:kms:eu-west-1:*:key/1234abcd", None),
        ("alias/media", "arn:aws:kms:eu-west-1:*:key/*", "alias/media"),
        ("arn:aws:kms:eu-west-1:111122223333:alias/media", "arn:aws:kms:eu-west-1:111122223333:key/*", "alias/media"),
    ],
)
def test_key_of_a_customer(key: str, resource: str, condition: str | None) -> None:
    """Without it, each upload would be refused."""
    found = statement(of(media(kms_key=key, region="eu-west-1"), "s3_push_media"), "DefaultKey")
    assert ["kms:Decrypt", "kms:GenerateDataKey"] == found["Action"]
    assert resource == found["Resource"]
    alias = found.get("Condition", {}).get("ForAnyValue:StringEquals", {}).get("kms:ResourceAliases")
    assert condition == alias
    looking = statement(of(media(kms_key=key, region="eu-west-1"), "s3_push_media --check"), "DefaultKey")
    assert ["kms:Decrypt"] == looking["Action"]


def test_own_key_of_s3_needs_no_statement() -> None:
    """Its policy lets in whoever may write."""
    document = of(media(kms_key="alias/aws/s3"), "s3_push_media")
    assert ["DefaultList", "DefaultObjects"] == [each["Sid"] for each in document["Statement"]]


def test_access_point_and_directory_bucket() -> None:
    """Their resources have other ARNs, and a directory bucket has one action."""
    point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/media"
    document = of(media(bucket=point), "s3_push_media")
    assert [point, f"{point}/object/media/*"] == [each["Resource"] for each in document["Statement"]]

    directory = media(bucket="acme--euw1-az1--x-s3", region="eu-west-1")
    (session,) = of(directory, "s3_push_media")["Statement"]
    assert ["s3express:CreateSession"] == session["Action"]
    assert "arn:aws:s3express:eu-west-1:*:bucket/acme--euw1-az1--x-s3" == session["Resource"]
    (session,) = of(directory, "s3_push_media --check")["Statement"]
    assert {"StringEquals": {"s3express:SessionMode": "ReadOnly"}} == session["Condition"]

    with pytest.raises(CannotExpress, match="-s3alias"):
        of(media(bucket="media-abcdef-s3alias"), "s3_push_media")
    for facts in (media(bucket=point, rules=(("", "public"),)), directory):
        with pytest.raises(CannotExpress, match="no anonymous readers"):
            bucket_policy(facts)


def test_names_of_statements_stay_apart() -> None:
    """Two statements with one Sid are refused by IAM."""
    both = iam_policy((media(alias=alias), ["s3_push_media"]) for alias in ("a-b", "a_b", "日本"))
    sids = [each["Sid"] for each in both["Statement"]]
    assert ["ABList", "ABObjects", "ABList2", "ABObjects2", "AliasList", "AliasObjects"] == sids


# The bucket's own policy


def test_public_alias_opens_exactly_its_prefix() -> None:
    """`static*` would open `static-private/` too."""
    document = bucket_policy(media(prefix="static/", rules=(("", "public"),)))
    assert [{
        "Sid": "DefaultPublic", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::acme/static/*",
    }] == document["Statement"]  # fmt: skip


def test_cdn_alias_opens_to_its_distribution() -> None:
    """And asks for it, where none is named; with KMS, the key has to open too."""
    facts = media(rules=(("", "cdn"),), kms_key=KEY)
    (found,) = bucket_policy(facts, distribution=ARN)["Statement"]
    assert {"Service": "cloudfront.amazonaws.com"} == found["Principal"]
    assert {"StringEquals": {"AWS:SourceArn": ARN}} == found["Condition"]
    key = key_statement(facts, ARN)
    assert key is not None
    assert ("kms:Decrypt", "*", found["Condition"]) == (key["Action"], key["Resource"], key["Condition"])
    assert key_statement(media(), ARN) is None
    with pytest.raises(CannotExpress, match="distribution's ARN"):
        bucket_policy(facts)
    with pytest.raises(CannotExpress, match="is no ARN"):
        bucket_policy(facts, distribution="E1A2B3")


def test_private_alias_is_guarded_against_public_acls() -> None:
    """Nothing is allowed; each way to make an object public by a header is denied."""
    document = bucket_policy(media())
    assert {"Deny"} == {each["Effect"] for each in document["Statement"]}
    conditions = {key for each in document["Statement"] for by in each["Condition"].values() for key in by}
    grants = {f"s3:x-amz-grant-{right}" for right in ("full-control", "read", "read-acp", "write-acp")}
    assert {"s3:x-amz-acl", *grants} == conditions
    signed_cdn = bucket_policy(media(has_domain=True), distribution=ARN)
    assert "DefaultCdn" in [each["Sid"] for each in signed_cdn["Statement"]]


def test_rules_by_prefix() -> None:
    """What is public lies under its own prefix; what would be opened with it is refused."""
    document = bucket_policy(media(rules=(("public/", "public"), ("", "private"))))
    assert "arn:aws:s3:::acme/media/public/*" == statement(document, "DefaultPublic")["Resource"]
    assert "arn:aws:s3:::acme/media/*" == statement(document, "DefaultNoPublicAcl2")["Resource"]
    with pytest.raises(CannotExpress, match="'secret/'"):
        bucket_policy(media(rules=(("secret/", "private"), ("", "public"))))
    with pytest.raises(CannotExpress, match="nobody can tell"):
        bucket_policy(media(rules=(("", "undeclared"),)))


def test_existing_statements_stay() -> None:
    """PutBucketPolicy replaces the whole policy; our own statements are renewed, not doubled."""
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    facts = media(rules=(("", "public"),))
    once = bucket_policy(facts, existing={"Version": "2012-10-17", "Id": "x", "Statement": theirs})
    assert ["Theirs", "DefaultPublic"] == [each["Sid"] for each in once["Statement"]]
    assert "x" == once["Id"]
    assert once == bucket_policy(facts, existing=once)


def test_cors() -> None:
    """Fonts and masks of a page are read from its origin, and no others."""
    (rule,) = cors_rules(["https://www.example.com", "https://a.example"])["CORSRules"]
    assert ["https://a.example", "https://www.example.com"] == rule["AllowedOrigins"]
    assert ["GET", "HEAD"] == rule["AllowedMethods"]
    for wrong in ("www.example.com", "https://example.com/", "https://*.*.com"):
        with pytest.raises(CannotExpress, match="no origin"):
            cors_rules([wrong])
    with pytest.raises(CannotExpress, match="no origin is known"):
        cors_rules([])


# What is said when a right is missing

AWS_SAYS = "User: arn:aws:iam::1:user/web is not authorized to perform: {0} on resource: {1} because {2}"


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("ListObjectsV2", "s3:ListBucket on b"), ("HeadBucket", "s3:ListBucket on b"),
        ("ListObjectVersions", "s3:ListBucketVersions on b"),
        ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock on b"),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration on b"),
        ("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus on b"),
        ("HeadObject", "s3:GetObject on b/m/*"), ("GetObjectAcl", "s3:GetObjectAcl on b/m/*"),
        ("UploadPart", "s3:PutObject on b/m/*"), ("AbortMultipartUpload", "s3:AbortMultipartUpload on b/m/*"),
        ("CopyObject", "s3:GetObject, s3:PutObject and s3:PutObjectAcl on b/m/*"),
        (writing({"ACL": "private"}), "s3:PutObject and s3:PutObjectAcl on b/m/*"),
        (writing({"GrantRead": "x"}), "s3:PutObject and s3:PutObjectAcl on b/m/*"),
        (writing({"Tagging": "a=b"}), "s3:PutObject and s3:PutObjectTagging on b/m/*"),
        (writing({"ContentType": "x"}), "s3:PutObject on b/m/*"),
        ("PutObjectLegalHold", "permission for PutObjectLegalHold on b/m/*"),
    ],
)  # fmt: skip
def test_hint_names_the_action(operation: str, hint: str) -> None:
    """S3 says AccessDenied, and outside an account no more than that."""
    assert f"needs {hint}" == hint_for(Trouble("AccessDenied", 403, "Access Denied"), operation, "b", "m/*")


@pytest.mark.parametrize(
    ("action", "resource", "hint"),
    [
        ("s3:PutObjectTagging", '"arn:aws:s3:::b/m/a"', "needs s3:PutObjectTagging on b/m/*"),
        ("kms:GenerateDataKey", KEY, f"needs kms:GenerateDataKey on {KEY}"),
        ("s3:ListBucket", '"arn:aws:s3:::b"', "needs s3:ListBucket on b"),
    ],
)  # fmt: skip
def test_hint_by_the_words_of_s3(action: str, resource: str, hint: str) -> None:
    """Within an account, S3 says exactly what is missing ("Troubleshoot access denied errors in Amazon S3")."""
    trouble = Trouble("AccessDenied", 403, AWS_SAYS.format(action, resource, f"no policy allows the {action} action"))
    assert hint == hint_for(trouble, "PutObject", "b", "m/*")


def test_hint_where_a_policy_forbids() -> None:
    """More rights would not help."""
    message = (
        'User: u is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/m/a" with an explicit deny in '
        "a resource-based policy"
    )
    hint = hint_for(Trouble("AccessDenied", 403, message), "PutObject", "b", "m/*")
    assert "needs s3:PutObject on b/m/*, which a Deny in the resource-based policy forbids" == hint
    message = AWS_SAYS.format(
        "s3:PutObject", '"x"', "public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access"
    )
    hint = hint_for(Trouble("AccessDenied", 403, message), "PutObject", "b", "m/*")
    assert "default_acl" in hint
    assert "needs" not in hint
