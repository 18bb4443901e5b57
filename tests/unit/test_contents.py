"""What contents and hosts tell, by table."""

from __future__ import annotations

import pytest

from s3sync.core.contents import is_active, secret_in
from s3sync.core.hosts import is_same_site

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", None),
        ("SQLite format 3\0\x10\0", "an SQLite database"),
        ("about SQLite format 3\0", None),
        (f"-----BEGIN PRIVATE KEY-----\n{BODY}", "a private key"),
        (f"-----BEGIN RSA PRIVATE KEY-----\r\n{BODY}", "a private key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "a private key"),
        (f"-----BEGIN EC PRIVATE KEY-----\n{BODY}", "a private key"),
        (f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{BODY}", "a private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAA\n", "a private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGPvZ4sBCADVZ8zYq1Yb3xJ0aaaa\n", "a private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYB", "a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "a private key"),
        ('{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
         "a private key"),
        (f"some text before\n-----BEGIN PRIVATE KEY-----\n{BODY}", "a private key"),
        ('var head = "-----BEGIN PRIVATE KEY-----\\r\\n" + body + "-----END PRIVATE KEY-----";', None),
        ('throw "expected -----BEGIN RSA PRIVATE KEY----- at the start of the file"', None),
        (f"-----BEGIN CERTIFICATE-----\n{BODY}", None),
        (f"-----BEGIN PUBLIC KEY-----\n{BODY}", None),
        ("\x89PNG\r\n\x1a\n", None),
    ],
)  # fmt: skip
def test_secrets_by_content(head: str, expected: str | None) -> None:
    assert expected == secret_in(head.encode("latin-1"))


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html", True), ("text/html; charset=utf-8", True), ("IMAGE/SVG+XML", True), ("application/xml", True),
        ("text/javascript", True), ("image/png", False), ("application/pdf", False), ("text/plain", False), ("", False),
    ],
)  # fmt: skip
def test_what_browsers_run(content_type: str, expected: bool) -> None:
    assert expected is is_active(content_type)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("www.example.com", "www.example.com", True),
        ("media.example.com", "example.com", True),
        ("media.example.com", "www.example.com", True),
        ("Media.Example.com.", "www.example.com", True),
        ("media.example.co.uk", "www.example.co.uk", True),
        ("shop.co.uk", "other.co.uk", False),
        ("shop.com.br", "other.com.br", False),
        ("example.com", "example.org", False),
        ("a.com", "b.com", False),
        ("notexample.com", "example.com", False),
        ("b.s3.amazonaws.com", "www.example.com", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("", "example.com", False),
        ("localhost", "otherhost", False),
    ],
)
def test_hosts_of_one_site(one: str, other: str, expected: bool) -> None:
    assert expected is is_same_site(one, other)
    assert expected is is_same_site(other, one)
