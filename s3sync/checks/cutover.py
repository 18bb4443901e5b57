"""Checks of the old place behind a `CutoverStorage`: that it is there, and that its files have addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage

from s3sync.checks import ids
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from s3sync.checks.sites import Site

_DJANGOS = "staticfiles"
_PLACE, _URL = '"/srv/acme/media"', '"/media/"'
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".cloudfront.net")


def check_cutover(sites: list[Site]) -> list[checks.CheckMessage]:
    """What stands in the way of falling back, of each storage that does."""
    return [message for site in sites if site.is_usable and _falls_back(site) for message in _messages(site)]


def _falls_back(site: Site) -> bool:
    from s3sync.storages.cutover import CutoverMixin  # by now boto3, which it imports, has been imported anyway

    return issubclass(site.storage_class, CutoverMixin)


def _messages(site: Site) -> Iterator[checks.CheckMessage]:
    from s3sync.storages.local import old_place

    options = site.reading.options
    if site.alias in _static_aliases():
        yield _of_static(site)
        return
    url = options.get("local_url")
    try:
        storage = old_place(options.get("local"), None if url is None else str(url))
    except ImproperlyConfigured:  # nor can the storage be constructed, which is said elsewhere
        return
    if not isinstance(storage, FileSystemStorage):
        return
    if not str(storage.base_location):
        yield checks.Error(
            f"STORAGES[{site.alias!r}] has no old place to fall back to: MEDIA_ROOT is empty, and its option local "
            "is not set.",
            hint=f"{site.assign('local', _PLACE)}  # where the files were until now",
            id=ids.NO_OLD_PLACE,
        )
        return
    yield from _folder(site, str(storage.location))
    if options.get("url_from") != "s3":
        yield from _address(site, str(storage.base_url or ""))


def _static_aliases() -> set[str]:
    try:
        return {_DJANGOS, conf.static_storage}
    except ConfigurationError:  # that is said elsewhere
        return {_DJANGOS}


def _of_static(site: Site) -> checks.CheckMessage:
    return checks.Error(
        f"STORAGES[{site.alias!r}] is a {site.storage_class.__name__}, which is for uploads: `collectstatic --clear` "
        "deletes what it finds in its old place as well.",
        hint=f'STORAGES["{site.alias}"]["BACKEND"] = "s3sync.storages.StaticS3Storage"  '
        "# static files are collected anew; none has to be moved",
        id=ids.CUTOVER_OF_STATIC,
    )


def _folder(site: Site, folder: str) -> Iterator[checks.CheckMessage]:
    if not os.path.isdir(folder):
        yield checks.Warning(
            f"STORAGES[{site.alias!r}] falls back to {folder!r}, which is no folder on this machine: what is not on S3 "
            "yet is not found.",
            hint=f"Mount it, or name where the files are: {site.assign('local', _PLACE)}\n"
            "If nothing is left there, the move is over: use the storage without CutoverMixin.",
            id=ids.OLD_PLACE_ABSENT,
        )
    elif not os.access(folder, os.W_OK | os.X_OK):
        what = "an upload that is there can't be deleted, as it would come back"
        if site.reading.options.get("write_to_local"):
            what = f"uploads can't be copied to it, and {what}"
        yield checks.Warning(
            f"STORAGES[{site.alias!r}] falls back to {folder!r}, which this user may not write to: {what}.",
            hint=f"Run the site as the folder's owner, or give it the rights: chmod u+rwx {folder}",
            id=ids.OLD_PLACE_READ_ONLY,
        )


def _address(site: Site, url: str) -> Iterator[checks.CheckMessage]:
    name = "local_url" if site.reading.options.get("local_url") is not None or _has_url(site) else "MEDIA_URL"
    if url in ("", "/"):
        seen = f"{name} is empty, so what is not on S3 yet has addresses that lead nowhere"
    elif _is_on_s3(site, url):
        seen = f"{name} is {url!r}, which is S3's: what is not there yet has addresses that are answered with 404"
    else:
        return
    yield checks.Warning(
        f"STORAGES[{site.alias!r}]: {seen}.",
        hint=f"{site.assign('local_url', _URL)}  # under which the site served the files until now",
        id=ids.OLD_PLACE_URL,
    )


def _has_url(site: Site) -> bool:
    local = site.reading.options.get("local")
    return isinstance(local, Mapping) and "base_url" in local.get("OPTIONS", {})


def _is_on_s3(site: Site, url: str) -> bool:
    host = urlsplit(url).netloc.lower()
    domain = site.text("custom_domain").partition("/")[0].lower()
    endpoint = urlsplit(site.text("endpoint_url")).netloc.lower()
    inside = (*_AMAZON, f".{endpoint}") if endpoint else _AMAZON
    return bool(host) and (host in (domain, endpoint) or host.endswith(inside))
