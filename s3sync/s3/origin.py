"""Where connections go, and how, in plain facts that another process can be told."""

from __future__ import annotations

from typing import Any, NamedTuple


class Tls(NamedTuple):
    """What an `ssl.SSLContext` is made from: numbers and texts only."""

    cafile: str | None
    """The authorities that are trusted; None: certificates are not verified."""
    options: int
    minimum_version: int
    maximum_version: int
    verify_flags: int
    ciphers: str
    """Those of TLS 1.2 and earlier, in OpenSSL's form; those of TLS 1.3 are OpenSSL's own."""
    post_handshake_auth: bool
    keylog: str | None
    """SSLKEYLOGFILE"""
    alpn: tuple[str, ...] = ("http/1.1",)


class Origin(NamedTuple):
    """One server's address."""

    host: str
    port: int
    tls: Tls | None
    connect_timeout: float
    """Seconds; for the name, all its addresses and the TLS handshake."""
    read_timeout: float
    """Seconds without a byte in either direction."""

    @property
    def plain(self) -> tuple[Any, ...]:
        """The same in tuples that `marshal` can write; `of_plain` reads it."""
        return tuple(self._replace(tls=self.tls and tuple(self.tls)))  # type: ignore[arg-type]

    @classmethod
    def of_plain(cls, plain: tuple[Any, ...]) -> Origin:
        """What `plain` was made of."""
        origin = cls(*plain)
        return origin._replace(tls=Tls(*origin.tls)) if origin.tls else origin
