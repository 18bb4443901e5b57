"""Checks of static files in a private bucket: what stylesheets refer to has no signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core import checks

from s3sync.checks import ids
from s3sync.checks.static import is_mounted
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from s3sync.checks.sites import Site


def check_signed_static(sites: list[Site]) -> list[checks.CheckMessage]:
    """One message at most: whoever mends the first is told of the second."""
    try:
        alias, plain, mode = conf.static_storage, conf.collectstatic, conf.css.urls
        has_origin = conf.site_origin is not None
    except ConfigurationError:  # that is said elsewhere
        return []
    site = next((site for site in sites if site.alias == alias), None)
    if site is None or not site.is_usable or not _is_signed(site):
        return []
    if plain == "django" and _is_manifest(site.storage_class):
        return [_manifest(site)]
    needs_view = mode in ("auto", "inline")
    if mode in ("relative", "absolute") or (needs_view and not (is_mounted() and has_origin)):
        return [_references(site, mode)]
    return []


def _manifest(site: Site) -> checks.CheckMessage:
    return checks.Warning(
        f"STORAGES[{site.alias!r}] makes a manifest and signs its addresses (querystring_auth is on). Django's own "
        "collectstatic rewrites stylesheets with such addresses and destroys them: names are lost, or keys and "
        "signatures that expire are baked in. `collectstatic --s3` does not.",
        hint=f"{_unsign(site)}\nOr, for a private bucket, let every collectstatic be that of s3sync:\n"
        f"{_own_setting('COLLECTSTATIC', 's3')}",
        id=ids.SIGNED_MANIFEST,
    )


def _references(site: Site, mode: str) -> checks.CheckMessage:
    mounted, origin = is_mounted(), conf.site_origin
    if mode in ("relative", "absolute"):
        state = f"S3SYNC['CSS']['URLS'] is {mode!r}, which is right where everybody may read"
    elif mounted:
        state = "the view that signs them can't be named, as the settings don't tell the site's own address"
    else:
        state = "the view that signs them is not in the URLconf, and what needs it is not sent by `collectstatic --s3`"
    lines = [_unsign(site), "Or keep the bucket private, and let the redirect view sign:"]
    if not mounted:
        lines.append('path("s3sync/", include("s3sync.urls")),  # in urlpatterns')
    if mode in ("relative", "absolute") or origin is None:
        lines.append(_own_setting("CSS", _css(mode, origin or "https://www.example.com")))
    if origin is None:
        lines[-1] += "  # your site's own address"
    return checks.Warning(
        f"STORAGES[{site.alias!r}] signs the addresses of static files. What stylesheets refer to (fonts, pictures, "
        f"@import) has no signature and is answered with 403; {state}.",
        hint="\n".join(lines),
        id=ids.SIGNED_STATIC,
    )


def _css(mode: str, origin: str) -> dict[str, object]:
    """`S3SYNC["CSS"]` as it has to be, with what the project says in it besides."""
    written = conf.project_settings(["S3SYNC"]).get("S3SYNC", {}).get("CSS", {})
    kept = {key: value for key, value in written.items() if (key, value) != ("URLS", mode)}
    return {**kept, "ORIGIN": origin}


def _unsign(site: Site) -> str:
    return f"Static files are seldom secret; if everybody may read them:\n{site.assign('querystring_auth', 'False')}"


def _own_setting(key: str, value: object) -> str:
    written = bool(conf.project_settings(["S3SYNC"]).get("S3SYNC"))
    source = f'"{value}"' if isinstance(value, str) else repr(value).replace("'", '"')
    return f'S3SYNC["{key}"] = {source}' if written else f'S3SYNC = {{"{key}": {source}}}'


def _is_signed(site: Site) -> bool:
    """As in `S3Storage.url()`: a custom domain is signed for only with a CloudFront key."""
    if not site.reading.options.get("querystring_auth") or not _has_known_url(site.storage_class):
        return False
    if not site.text("custom_domain"):
        return True
    keys = ("cloudfront_key", "cloudfront_signer")
    of_class = any(getattr(site.storage_class, key, None) for key in keys)
    of_settings = any(conf.project_settings(["AWS_CLOUDFRONT_KEY"]).values())
    return of_class or of_settings or any(site.written.get(key) for key in keys)


def _has_known_url(storage_class: type) -> bool:
    """Whether nobody but django-storages and Django says what its URLs are; others may sign, or not, as they like."""
    written = (cls for cls in storage_class.__mro__ if "url" in vars(cls))
    return all(cls.__module__.startswith(("storages.", "django.")) for cls in written)


def _is_manifest(storage_class: type) -> bool:
    # By name: a project without static files need not import Django's module.
    return any(cls.__qualname__ == "HashedFilesMixin" for cls in storage_class.__mro__)
