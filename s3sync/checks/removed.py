"""Check of the settings that django-storages has dropped: each is ignored without a word.

The list is the difference of what `s3boto.py`, `s3boto3.py` and `s3.py` read in its releases 1.1.2 to 1.14.6. boto 2's
backend went with 1.9, bucket creation and what `AWS_S3_OBJECT_PARAMETERS` can say with 1.10, `AWS_S3_SECURE_URLS` with
1.13. `S3_USE_SIGV4` was boto 2's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.core import checks

from s3sync.checks import ids
from s3sync.checks.literals import literal
from s3sync.conf import conf
from s3sync.s3.options import SECRET_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from s3sync.checks.sites import Site

PARAMETERS: Final = "object_parameters"

#: Headers of `AWS_HEADERS` with the parameter that says them to boto3; other headers have none.
_PARAMETER_OF_HEADER: Final[Mapping[str, str]] = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-acl": "ACL",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
# "s3-eu-west-1.amazonaws.com" and "s3.eu-central-1.amazonaws.com"; "s3.amazonaws.com" is no region's.
_region_of_host = re.compile(r"s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?").fullmatch
_is_region = re.compile(r"[a-z]{2}(-[a-z]+)+-\d").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What a removed setting asks for, in words of today."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of S3Storage; those in `object_parameters` come on top of the others there."""
    remark: str = ""
    """What to know besides, or to do where no option does it."""


def check_removed_settings(sites: list[Site]) -> list[checks.CheckMessage]:
    """One message for all of them, as lines about one option have to be one line."""
    found = {
        setting: replacement
        for setting, replacement in replacements().items()
        if sites and (not replacement.options or any(_lacking(site, replacement.options) for site in sites))
    }
    if not found:
        return []
    names, verb = ", ".join(found), "are" if len(found) > 1 else "is"
    lines = [line for site in sites for line in _lines(site, found.values())]
    lines += [f"# {setting}: {replacement.remark}" for setting, replacement in found.items() if replacement.remark]
    return [
        checks.Warning(
            f"{names} {verb} ignored: django-storages has dropped such settings.",
            hint=f"Delete {names}, and paste this below your STORAGES:\n\n" + "\n".join(lines),
            id=ids.REMOVED_SETTING,
        )
    ]


def replacements() -> dict[str, Replacement]:
    """The project's removed settings that ask for what does not happen by itself, each with what takes its place."""
    present = conf.project_settings(_READERS)
    found = {setting: _READERS[setting](value, present) for setting, value in present.items()}
    return {setting: replacement for setting, replacement in found.items() if replacement is not None}


def merged(options: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All of them as one; parameters are gathered."""
    together: dict[str, Any] = {}
    for one in options:
        for name, value in one.items():
            together[name] = {**together.get(name, {}), **value} if name == PARAMETERS else value
    return together


def _lacking(site: Site, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that the storage does not have anyway."""
    lacking = {name: value for name, value in options.items() if name != PARAMETERS and not _has(site, name, value)}
    present = site.reading.options.get(PARAMETERS) or {}
    parameters = {name: value for name, value in options.get(PARAMETERS, {}).items() if present.get(name) is None}
    return {**lacking, PARAMETERS: parameters} if parameters else lacking


def _has(site: Site, name: str, value: Any) -> bool:
    """Whether the storage has this option, or a newer word for where it is. What can't be told is taken for had."""
    if name in SECRET_OPTIONS:
        return name in site.written or any(name in vars(cls) for cls in site.storage_class.__mro__)
    if name in ("region_name", "endpoint_url"):
        return bool(site.text(name) or site.text("endpoint_url"))
    return name not in site.reading.options or bool(site.reading.options[name] == value)


def _lines(site: Site, found: Any) -> Iterator[str]:
    lacking = merged(_lacking(site, replacement.options) for replacement in found)
    for name, value in lacking.items():
        source = literal(value)
        if source is None:
            continue
        if name == PARAMETERS:
            source = f"{{{_parameters_now(site)}{source[1:]}"
        yield site.assign(name, source)


def _parameters_now(site: Site) -> str:
    """Source of what is there already, which may be secret and is not repeated."""
    if PARAMETERS in site.written:
        return f'**STORAGES["{site.alias}"]["OPTIONS"]["{PARAMETERS}"], '
    if any(PARAMETERS in vars(cls) for cls in site.storage_class.__mro__):
        own = literal(site.reading.options.get(PARAMETERS) or {}) or "{}"
        return f"{own[1:-1]}, " if own != "{}" else ""
    return "**AWS_S3_OBJECT_PARAMETERS, " if conf.project_settings(["AWS_S3_OBJECT_PARAMETERS"]) else ""


# -- one reader for each setting: its value and all of them -> what it asks for, or None if that is how it is anyway


def _if_true(**said: Any) -> Callable[[Any, Mapping[str, Any]], Replacement | None]:
    return lambda value, _: Replacement(**said) if value else None


def _parameter(name: str, text: str) -> Callable[[Any, Mapping[str, Any]], Replacement | None]:
    return _if_true(options={PARAMETERS: {name: text}})


def _headers(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    parameters, others = {}, []
    for header, text in value.items() if isinstance(value, Mapping) else ():
        name = _PARAMETER_OF_HEADER.get(str(header).lower())
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        if name and isinstance(text, str):
            parameters[name] = text
        else:
            others.append(str(header))
    if not value:
        return None
    remark = f"no option says {', '.join(others)}" if others else ""
    if not isinstance(value, Mapping):
        remark = "override S3Storage.get_object_parameters(), which is asked for every object"
    return Replacement(options={PARAMETERS: parameters} if parameters else {}, remark=remark)


def _host(value: Any, present: Mapping[str, Any]) -> Replacement | None:
    host, port = str(value or ""), present.get("AWS_S3_PORT")
    region = _region_of_host(host)
    if region:
        return Replacement(options={"region_name": region[1]})
    if not host or host == "s3.amazonaws.com":
        return None
    scheme = "https" if conf.project_settings(["AWS_S3_USE_SSL"]).get("AWS_S3_USE_SSL", True) else "http"
    address = f"{scheme}://{host}" + (f":{port}" if port else "")
    return Replacement(options={"endpoint_url": address})


def _port(value: Any, present: Mapping[str, Any]) -> Replacement | None:
    """Has no meaning of its own beside a host, which says it."""
    if not value or present.get("AWS_S3_HOST") or conf.project_settings(["AWS_S3_ENDPOINT_URL"]):
        return None
    return Replacement(remark="a port belongs to the endpoint_url")


def _proxy(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    if not value or conf.project_settings(["AWS_S3_PROXIES"]):
        return None
    port = conf.project_settings(["AWS_S3_PROXY_PORT"]).get("AWS_S3_PROXY_PORT")
    address = f"http://{value}" + (f":{port}" if port else "")
    if "@" in address:  # with a password, which is not printed
        return Replacement(remark='AWS_S3_PROXIES = {"https": "http://...", "http": "http://..."}')
    return Replacement(options={"proxies": {"https": address, "http": address}})


def _origin(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    region = {"EU": "eu-west-1"}.get(str(value), str(value))
    return Replacement(options={"region_name": region}) if _is_region(region) else None


def _calling_format(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    # boto 2's other formats are what boto3 does by itself.
    return Replacement(options={"addressing_style": "path"}) if "Ordinary" in str(value) else None


def _secure_urls(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    return None if value else Replacement(options={"url_protocol": "http:"})


def _auto_create(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    names = conf.project_settings(["AWS_STORAGE_BUCKET_NAME"])
    bucket = names.get("AWS_STORAGE_BUCKET_NAME") or "..."
    made = f"nobody makes the bucket {bucket}; once: python manage.py s3_create_bucket"
    return Replacement(remark=made) if value else None


def _queries(value: Any, _: Mapping[str, Any]) -> Replacement | None:
    return None if value else Replacement(options={"querystring_auth": False})


_READERS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Replacement | None]]] = {
    "AWS_AUTO_CREATE_BUCKET": _auto_create,
    "AWS_BUCKET_ACL": _if_true(remark="was for buckets that were made; who may read is up to the bucket's policy"),
    "AWS_PRELOAD_METADATA": _if_true(remark="needless; `collectstatic --s3` and s3_push_media list the bucket once"),
    "AWS_REDUCED_REDUNDANCY": _parameter("StorageClass", "REDUCED_REDUNDANCY"),
    "AWS_S3_ENCRYPTION": _parameter("ServerSideEncryption", "AES256"),
    "AWS_HEADERS": _headers,
    "AWS_S3_HOST": _host,
    "AWS_S3_PORT": _port,
    "AWS_S3_PROXY_HOST": _proxy,
    "AWS_ORIGIN": _origin,
    "AWS_S3_CALLING_FORMAT": _calling_format,
    "AWS_CALLING_FORMAT": _calling_format,
    "AWS_S3_SECURE_URLS": _secure_urls,
    "AWS_QUERYSTRING_ACTIVE": _queries,
    "S3_USE_SIGV4": _if_true(options={"signature_version": "s3v4"}),
}
