"""Where the client's own HTTP session would go, and how: what it has weighed and resolved, as an `Origin`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.httpsession import create_urllib3_context, get_cert_path

from .capture import session_of
from .origin import Origin, Tls
from .signing import NotFast


def origin_of(client: Any, url: str) -> Origin:
    """Raises NotFast for what only botocore's session can do: proxies and client certificates."""
    session, parts = session_of(client), urlsplit(url)
    # The session has already weighed the config, HTTP(S)_PROXY and NO_PROXY against each other.
    if session._proxy_config.proxy_url_for(url):
        raise NotFast("a proxy is in the way")
    if session._cert_file:
        raise NotFast("a client certificate is wanted")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotFast(f"an address of another form: {parts.scheme}://{parts.netloc}")
    secure = parts.scheme == "https"
    tls = tls_of(session._verify) if secure else None
    config = client.meta.config
    timeouts = _seconds(config.connect_timeout), _seconds(config.read_timeout)
    return Origin(parts.hostname, parts.port or (443 if secure else 80), tls, *timeouts)


def is_for(origin: Origin, url: str) -> bool:
    """Whether connections made for this origin serve that URL too."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return (origin.host, origin.port, origin.tls is not None) == (parts.hostname, port, secure)


def tls_of(verify: Any) -> Tls:
    """What botocore hands to urllib3, with the same certificates trusted; `verify` is already resolved by botocore."""
    context = create_urllib3_context()
    cafile = str(get_cert_path(verify)) if verify else None
    if cafile is not None:
        _refuse_unreadable(cafile)
    earlier = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    return Tls(
        cafile, int(context.options), int(context.minimum_version), int(context.maximum_version),
        int(context.verify_flags), ":".join(earlier), bool(context.post_handshake_auth), context.keylog_filename,
    )  # fmt: skip


def _refuse_unreadable(cafile: str) -> None:
    """A look at the file; what it holds costs tens of milliseconds to load, and a bad one fails each connection."""
    try:
        with open(cafile, "rb") as file:
            holds_some = b"-----BEGIN " in file.read()
    except OSError as error:
        raise NotFast(f"the CA bundle {cafile} cannot be read: {error}") from error
    if not holds_some:
        raise NotFast(f"the CA bundle {cafile} holds no certificate")


def _seconds(value: float | None) -> float:
    return 86400.0 if value is None else float(value)
