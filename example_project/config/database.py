"""``DATABASE_URL`` to Django's ``DATABASES`` entry, by the standard library alone."""

from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

EXAMPLE = "postgresql://user:password@host:5432/name"


def parse_database_url(url: str) -> dict[str, object]:
    """The ``DATABASES`` entry for a PostgreSQL URL.

    The words of libpq's connection URIs hold: every part but the name may be missing, user and password are
    percent-encoded, and ``?sslmode=require`` or ``?host=/run/postgresql`` (a socket) are passed on as they are.

    Raises ImproperlyConfigured for anything else. The message never repeats the URL, because it holds a password and
    start-up errors end up in logs.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
        # urlsplit's own message ("Invalid IPv6 URL", "Port could not be cast") may quote a piece of the password.
    except ValueError:
        raise _malformed(
            "its user, password, host or port cannot be told apart; percent-encode what is special in the password"
        ) from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise _malformed("it must begin with postgresql://")
    if parts.fragment or "#" in url:
        raise _malformed("it contains a '#'; in a password that is %23")
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in parts.path.removeprefix("/"):
        raise _malformed("it must end with one database name; a '/' in a password is %2F")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host or ""),
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _malformed(why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"DATABASE_URL is malformed: {why}. It looks like {EXAMPLE}.")
