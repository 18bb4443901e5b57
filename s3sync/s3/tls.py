"""TLS on sockets that never wait. Only those who speak TLS import this: `ssl` takes its time to be loaded."""

from __future__ import annotations

import ssl

from .origin import Tls
from .reactor import READ, WRITE
from .wire import Line

JOINED = 256 * 1024
"""Bytes of a body up to which it is joined to its head: a record, or a packet, of its own costs more than the copy."""
AT_ONCE = 256 * 1024
"""Bytes that are sent before other connections get their turn; OpenSSL takes them in records of 16 KiB."""


def context_of(tls: Tls) -> ssl.SSLContext:
    """The context that such facts were taken from, made anew; some ten milliseconds, for the authorities.

    Raises OSError (SSLError too) if they cannot be loaded.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(tls.ciphers)
    context.set_alpn_protocols(list(tls.alpn))
    wanted = {
        "options": ssl.Options(tls.options), "verify_flags": ssl.VerifyFlags(tls.verify_flags),
        "minimum_version": ssl.TLSVersion(tls.minimum_version), "maximum_version": ssl.TLSVersion(tls.maximum_version),
        "post_handshake_auth": tls.post_handshake_auth,
    }  # fmt: skip
    for name, value in wanted.items():
        if getattr(context, name) != value:  # to be set at all is what some old values are warned of
            setattr(context, name, value)
    if tls.keylog:
        context.keylog_filename = tls.keylog
    if tls.cafile is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cafile=tls.cafile)
    return context


def shaken(sock: ssl.SSLSocket) -> int:
    """Goes on with the handshake: 0 when it is over, else the event to wait for. Raises OSError (SSLError too)."""
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        return READ
    except ssl.SSLWantWriteError:
        return WRITE
    return 0


class TlsLine(Line):
    """A connected socket that speaks TLS, its handshake done."""

    __slots__ = ()

    def begin(self, head: bytes, body: bytes) -> int:
        return self.send(memoryview(head + body if len(body) <= JOINED else head))

    def send(self, rest: memoryview) -> int:
        sent = 0
        try:
            while sent < len(rest) and sent < AT_ONCE:
                sent += self._send(rest[sent:])
        except ssl.SSLWantWriteError:
            return sent
        except ssl.SSLWantReadError:
            # In a renegotiation. The rest goes out when something has come in, and not as soon as there is room.
            return sent or -1
        return sent

    def receive(self, buffer: memoryview) -> int:
        try:
            return self._receive(buffer, len(buffer))
        # A read that wants to write has an answer to send to the server's change of keys: the next event sees to that.
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return -1
