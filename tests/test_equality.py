"""`manage.py s3_push_media` stores what `storage.save()` of django-storages stores, with either engine.

For each configuration the same files go to three buckets: one by `save()`, one by each engine. Every byte, header,
grant and tag has to be the same, and a second push must find nothing to do.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from tests import servers
from tests.project import S3_STORAGE, Code, Project, s3_options
from tests.proxy import Proxy
from tests.servers import Server
from tests.soak import ONLY_IN_SOAK

MIB = 2**20
ENGINES = ("fast", "boto3")
BOTH = ("rgw", "moto")
EVERYWHERE = ("rgw-https", *BOTH)
PUSHED = "s3sync-md5"
HEADERS = (
    "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Expires",
    "StorageClass", "ServerSideEncryption", "WebsiteRedirectLocation", "TagCount",
)  # fmt: skip

# One process for the whole table row, as Django and boto3 take longer to start than all of it to run.
DRIVER = """
import io, json
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.core.management import call_command

for path in sorted(path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()):
    with path.open("rb") as stream:
        storages["saved"].save(str(path.relative_to(settings.MEDIA_ROOT)), File(stream))
for engine in ("fast", "boto3"):
    for _ in range(2):
        out = io.StringIO()
        call_command("s3_push_media", storage=engine, engine=engine, format="json", stdout=out)
        print(json.dumps(json.loads(out.getvalue())))
"""

SETTINGS = "from botocore.config import Config\n"

# *.localhost is loopback (RFC 6761, section 6.3), but not every resolver knows.
RESOLVE_LOCALHOST = """
import socket
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **how: resolve(
    "127.0.0.1" if str(host).endswith("localhost") else host, *more, **how
)
"""

SUBCLASS = """
import hashlib, io, zlib
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

class Media(S3Storage):
"""


@cache
def noise(size: int) -> bytes:
    """Bytes that no compression shortens, the same in each run."""
    return random.Random(size).randbytes(size)


TEXT = b"body { color: #123456 }\n" * 400
SMALL = {
    "text/readme.txt": TEXT,
    "img/a.png": noise(3000),
    "empty.bin": b"",
    "private/report.pdf": b"%PDF",
    "css/site.css": TEXT,
}
KINDS = SMALL | {
    "one.txt": b"1",
    "font/x.woff2": noise(500),
    "dl/archive.tar.gz": noise(400),
    "drawing.svgz": noise(300),
    "no-extension": b"?",
    "UPPER.JPG": b"jpg",
    "unknown.xyzzy": b"...",
}
ODD = {
    "a b/c d+e%20f%2F.txt": b"space, plus, percent",
    "ünï/日本語 😀.jpg": b"unicode",
    "nfd/e\u0301.txt": b"decomposed",
    "nfd/\u00e9.txt": b"composed",
    "quotes/it's \"q\".txt": b"quotes",
    "amp/a&b=<c>;d,e.xml": b"markup",
    "query?x=1#frag.js": b"url",
    "tilde~!@$*()[]{}|^`.txt": b"more",
    "dots..in/..name. /trail.": b"dots",
    "back\\slash.txt": b"windows",
    "tab\tand\x7f.txt": b"control",
    "q" * 200 + "/" + "r" * 200 + "/" + "s" * 200 + "/" + "t" * 200 + "/" + "ü" * 95: b"1,000 bytes of key",
}
ODD_ON_RGW = {"new\nline.txt": b"moto does not find such keys again"}
COMPRESSIBLE = KINDS | {"js/app.js": TEXT * 9, "img/logo.svg": b"<svg/>" * 99, "js/none.js": b""}
LARGE = {"large/6.bin": noise(6 * MIB), "large/12.css": noise(12 * MIB), "small.txt": b"small"}


@dataclass(frozen=True)
class Case:
    """One way to configure a storage, and the files to try it on."""

    options: Mapping[str, Any] = field(default_factory=dict)
    backends: str = ""
    """Source of a class `Media`; without it the backend is `backend`."""
    settings: str = ""
    backend: str = S3_STORAGE
    fast: bool = True
    """Whether `--engine fast` goes the fast way; elsewhere it has to fall back."""
    files: Mapping[str, bytes] = field(default_factory=lambda: SMALL)
    servers: tuple[str, ...] = ("rgw",)
    """The first one is met in every run of the tests, the others in a soak; of "plain", all."""


CASES = {
    "plain": Case(files=KINDS | ODD | LARGE, servers=EVERYWHERE),
    "location": Case({"location": "größe mit/räumen +%"}, files=SMALL | ODD),
    "no-location": Case({"location": ""}, files=KINDS | {"data:text/css,x.js": b"a scheme"}),
    "acl-public": Case({"default_acl": "public-read"}, files=SMALL | {"big.bin": noise(9 * MIB)}, servers=BOTH),
    "object-parameters": Case(
        {
            "object_parameters": {
                "CacheControl": "max-age=86400, s-maxage=1",
                "ContentDisposition": 'attachment; filename="a b.txt"',
                "ContentLanguage": "de, en",
                "Expires": Code("datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)"),
                "Metadata": {"Owner": "site one", "plus": "a+b%20c"},
                "Tagging": "kind=media&year=2024",
            }
        },
        settings="from datetime import datetime, timezone",
        files=SMALL | {"big.bin": noise(9 * MIB)},
        servers=BOTH,
    ),
    "beyond-ascii": Case(
        {"object_parameters": {"ContentDisposition": 'attachment; filename="räume.txt"'}}, fast=False
    ),
    "encryption-and-class": Case(
        {"object_parameters": {"ServerSideEncryption": "AES256", "StorageClass": "STANDARD_IA"}}, servers=("moto",)
    ),
    "parameters-by-key": Case(
        backends=SUBCLASS
        + """
    def get_object_parameters(self, name):
        assert name.startswith("media/"), name
        if name.startswith("media/private/"):
            return {"ACL": "private", "ContentType": "application/octet-stream", "CacheControl": "no-store"}
        if name.endswith(".png"):
            return {"ACL": "public-read", "CacheControl": f"max-age={len(name)}", "Metadata": {"depth": "2"}}
        return {"ContentType": "application/octet-stream"} if name.endswith(".webmanifest") else {}
""",
        files=KINDS | {"a.webmanifest": b"{}", "img/long-name.png": b"png", "private/deep/x.png": b"x"},
        servers=BOTH,
    ),
    "gzip": Case({"gzip": True}, files=COMPRESSIBLE, servers=EVERYWHERE),
    "gzip-own-way": Case(
        {"gzip": True, "gzip_content_types": ("text/plain",), "object_parameters": {"CacheControl": "no-cache"}},
        backends=SUBCLASS
        + """
    def _compress_content(self, content):
        content.seek(0)
        engine = zlib.compressobj(1, wbits=31)
        return io.BytesIO(engine.compress(content.read()) + engine.flush())
""",
        files=COMPRESSIBLE,
    ),
    "gzip-large": Case(
        {"gzip": True, "transfer_config": Code("TransferConfig(use_threads=False, multipart_threshold=5 * 2**20)")},
        settings="from boto3.s3.transfer import TransferConfig",
        files=LARGE | {"shrinks.css": TEXT * 700},
    ),
    "parts": Case(
        {"transfer_config": Code("TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20)")},
        settings="from boto3.s3.transfer import TransferConfig",
        files=LARGE,
        servers=BOTH,
    ),
    "virtual-hosts": Case({"addressing_style": "virtual"}, settings=RESOLVE_LOCALHOST, files=SMALL | ODD),
    "sigv2": Case({"signature_version": "s3"}, fast=False, files=SMALL | ODD, servers=("moto",)),
    # With the bucket in the path, RGW takes boto3's own signature of a listing for wrong.
    "sigv2-virtual-hosts": Case(
        {"signature_version": "s3", "addressing_style": "virtual"}, settings=RESOLVE_LOCALHOST, fast=False
    ),
    "sigv4-old-name": Case({"signature_version": "s3v4"}, backend="storages.backends.s3boto3.S3Boto3Storage"),
    "profile": Case({"access_key": None, "secret_key": None, "session_profile": "media"}, servers=("rgw-https",)),
    "client-config": Case(
        {
            "client_config": Code(
                "Config(max_pool_connections=2, retries={'mode': 'adaptive'}, signature_version='s3v4',"
                " s3={'addressing_style': 'path', 'payload_signing_enabled': True}, user_agent_extra='site/1')"
            )
        },
    ),
    "checksums-wanted": Case(
        {
            "client_config": Code(
                "Config(request_checksum_calculation='when_supported', s3={'addressing_style': 'path'})"
            )
        },
        fast=False,
        servers=("moto",),
    ),
    "save-with-metadata": Case(
        backends=SUBCLASS
        + """
    def _save(self, name, content):
        digest = hashlib.sha256(content.read()).hexdigest()
        obj = self.bucket.Object(self._normalize_name(name))
        content.seek(0)
        obj.upload_fileobj(content, ExtraArgs={"Metadata": {"sha256": digest}}, Config=self.transfer_config)
        return name
""",
        fast=False,
        servers=BOTH,
    ),
    "save-transforms": Case(
        backends=SUBCLASS
        + """
    def _save(self, name, content):
        content.seek(0)
        return super()._save(name, ContentFile(content.read().upper() + b"!"))
""",
        fast=False,
        files=SMALL | ODD | {"big.txt": b"x" * (9 * MIB)},
    ),
    "write-parameters": Case(
        backends=SUBCLASS
        + """
    def _get_write_parameters(self, name, content=None):
        size = len(content.read())
        return {**super()._get_write_parameters(name, content), "Metadata": {"size": str(size)}}
""",
        fast=False,
    ),
    "own-keys": Case(
        backends=SUBCLASS
        + """
    def _normalize_name(self, name):
        return super()._normalize_name(hashlib.md5(name.encode()).hexdigest()[:4] + "/" + name)
""",
        files=SMALL | ODD,
    ),
    "own-keys-outside-location": Case(
        backends=SUBCLASS
        + """
    def _normalize_name(self, name):
        key = super()._normalize_name(name)
        return f"{hashlib.md5(key.encode()).hexdigest()[:4]}/{key}"
""",
    ),
    "own-keys-and-save": Case(
        backends=SUBCLASS
        + """
    def _normalize_name(self, name):
        return super()._normalize_name("v1/" + name)

    def _save(self, name, content):
        return super()._save(name, content)
""",
        fast=False,
        servers=("moto",),
    ),
    "own-connection": Case(
        backends="import boto3"
        + SUBCLASS
        + """
    @property
    def connection(self):
        return boto3.Session(self.access_key, self.secret_key).resource(
            "s3", endpoint_url=self.endpoint_url, region_name="us-east-1"
        )
""",
        fast=False,
    ),
    "own-bucket": Case(
        {"bucket_name": "{}-tenants"},
        backends=SUBCLASS
        + """
    @property
    def bucket(self):
        return self.connection.Bucket(self.bucket_name.removesuffix("-tenants"))
""",
        fast=False,
        servers=("moto",),
    ),
    "default-type": Case(
        backends=SUBCLASS + '    default_content_type = "application/x-unknown"\n', files=KINDS, servers=("moto",)
    ),
}
ROWS = [
    pytest.param(kind, name, marks=[] if name == "plain" or kind == case.servers[0] else ONLY_IN_SOAK)
    for name, case in CASES.items()
    for kind in case.servers
]


@pytest.fixture
def buckets(server: Server, s3: Any, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Three new buckets: for `save()`, and for each engine."""
    names = {alias: servers.make_bucket(s3, request.node.callspec.params["name"]) for alias in ("saved", *ENGINES)}
    yield names
    for name in names.values():
        servers.leave_bucket(s3, name)


def configure(project: Project, server: Server, proxy: Proxy, case: Case, buckets: Mapping[str, str]) -> None:
    """An alias for each bucket; all but `saved` go through the proxy."""
    backend = "backends.Media" if case.backends else case.backend
    storages = {}
    for alias, bucket in buckets.items():
        options = s3_options(server if alias == "saved" else proxy.server, bucket, **case.options)
        options["bucket_name"] = case.options.get("bucket_name", "{}").format(bucket)
        if options["addressing_style"] == "virtual":
            options["endpoint_url"] = options["endpoint_url"].replace("127.0.0.1", "localhost")
        if alias == "saved" and server.ca:
            # Without it, boto3's trailing checksums make Ceph RGW answer 411 over https.
            words = "request_checksum_calculation='when_required', s3={'addressing_style': 'path'}"
            options["client_config"] = Code(f"Config({words})")
        storages[alias] = {"BACKEND": backend, "OPTIONS": options}
    settings = SETTINGS + case.settings
    project.configure(server=proxy.server, storages=storages, settings=settings, backends=case.backends)
    keys = f"aws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    (project.root / "credentials").write_text(f"[media]\n{keys}")
    (project.root / "config").write_text("[profile media]\nregion = us-east-1\n")
    if "session_profile" in case.options:
        names = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
        project.env.update({name: str(project.root / file) for name, file in names.items()})


def stored(s3: Any, bucket: str) -> dict[str, dict[str, Any]]:
    """Key -> all that a reader may notice about the object."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            found[entry["Key"]] = describe(s3, bucket, entry["Key"])
    return found


def describe(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    """One object's bytes, headers, metadata, grants and tags."""
    answer = s3.get_object(Bucket=bucket, Key=key)
    facts = {header: answer.get(header) for header in HEADERS if header in answer}
    body = answer["Body"].read()
    # moto 5 answers 500 where an object that came in parts was given no ACL.
    silent = "testing" == s3._request_signer._credentials.access_key and "-" in answer["ETag"]
    grants = [] if silent else s3.get_object_acl(Bucket=bucket, Key=key)["Grants"]
    return facts | {
        "body": (len(body), hashlib.sha256(body).hexdigest()),
        "metadata": {name: value for name, value in answer["Metadata"].items() if name != PUSHED},
        "grants": sorted((grant["Grantee"].get("URI", "owner"), grant["Permission"]) for grant in grants),
        "tags": s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] if answer.get("TagCount") else [],
    }


def write_files(project: Project, case: Case, kind: str) -> int:
    """Put the case's files onto the disk; return how many."""
    files = dict(case.files)
    if "rgw" in kind and ODD.keys() <= files.keys():
        files |= ODD_ON_RGW
    for name, content in files.items():
        project.write(name, content, age=100)
    return len(files)


@pytest.mark.parametrize(("server", "name"), ROWS, indirect=["server"])
def test_pushed_is_what_save_stores(
    name: str, server: Server, project: Project, proxy: Proxy, s3: Any, buckets: dict[str, str]
) -> None:
    """s3_push_media --engine fast, and --engine boto3, each twice"""
    case = CASES[name]
    count = write_files(project, case, server.kind)
    configure(project, server, proxy, case, buckets)

    result = project.run("shell", "-v0", "-c", DRIVER)

    assert (0, 4) == (result.code, len(result.lines)), result
    expected = stored(s3, buckets["saved"])
    assert count == len(expected)
    for engine, first, second in zip(ENGINES, result.lines[::2], result.lines[1::2], strict=True):
        assert {} == {item["name"]: item for item in first["items"]}
        assert (count, 0) == (first["counts"]["uploaded"], first["counts"]["failed"])
        assert ("fast" if case.fast and engine == "fast" else "boto3") == first["engine"]
        assert expected == stored(s3, buckets[engine])
        assert (count, {"ListObjectsV2": 1, "PutObject": 0}) == (second["counts"]["unchanged"], second["requests"])
    assert proxy.count() == sum((Counter(report["requests"]) for report in result.lines), Counter())
