"""Checks of the way to S3: whether somebody in between could read along, or pretend to be it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.core import checks

from s3sync.checks import ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3sync.checks.sites import Site

#: Names that lead nowhere on the internet (RFC 6761, 6762, 8375; ICANN's `internal`), and those of containers.
_PRIVATE: Final = (".localhost", ".local", ".test", ".internal", ".home.arpa", ".lan", ".svc", ".cluster.local")
_THIS_MACHINE: Final = ("localhost", "host.docker.internal", "host.containers.internal")


def is_this_machine(url: str) -> bool:
    """Whether this endpoint is for development: loopback, or a container beside this one, which has a name of one word.

    A word that is all of a host name is looked up among the neighbours only: `http://minio:9000`.
    """
    host = _host(url)
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return bool(host) and ("." not in host or host in _THIS_MACHINE or host.endswith(".localhost"))


def is_private(url: str) -> bool:
    """Whether the way to this endpoint keeps off the internet."""
    host = _host(url)
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_loopback or address.is_link_local
    return is_this_machine(url) or host.endswith(_PRIVATE)


def check_transport(sites: list[Site]) -> list[checks.CheckMessage]:
    """What is wrong with the connections of these aliases."""
    messages: list[checks.CheckMessage] = []
    for site in sites:
        if not is_private(site.text("endpoint_url")):
            messages += [*_unverified(site), *_unencrypted(site)]
    return messages


def _unverified(site: Site) -> Iterator[checks.CheckMessage]:
    if site.reading.options.get("verify") is False:
        yield checks.Warning(
            f"STORAGES[{site.alias!r}]: verify is False, so nobody looks at the server's certificate: whoever is in "
            "between can read and replace what you store.",
            hint=f'{site.assign("verify", "None")}  # or the file of your own authority: "/etc/ssl/ca.pem"',
            id=ids.UNVERIFIED,
        )


def _unencrypted(site: Site) -> Iterator[checks.CheckMessage]:
    """Where there is an endpoint_url its scheme decides, and botocore doesn't look at use_ssl."""
    endpoint = site.text("endpoint_url")
    if endpoint:
        is_open = endpoint.lower().startswith("http://") and bool(_host(endpoint))
        what, hint = "endpoint_url begins with http://", site.assign("endpoint_url", f'"https{_shown(endpoint)[4:]}"')
    else:
        is_open = site.reading.options.get("use_ssl", True) in (False, 0)
        what, hint = "use_ssl is False", site.assign("use_ssl", "True")
    if is_open:
        yield checks.Warning(
            f"STORAGES[{site.alias!r}]: {what}, so files and signed addresses travel the internet for everybody on the "
            "way to read.",
            hint=hint,
            id=ids.UNENCRYPTED,
        )


def _shown(url: str) -> str:
    """The address without a name and a password, which may stand in it."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "//" in url else f"//{url}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
