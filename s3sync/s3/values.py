"""The key behind a name that the database holds. Anybody may have written it there: the storage's own rule decides."""

from __future__ import annotations

import re

from django.core.exceptions import SuspiciousOperation
from storages.utils import clean_name

from ..core.values import no_key
from .target import Target

_PLAIN = re.compile(r"(?!/)(?!\./)(?!\.\./)(?:(?!//|/\./|/\.\./)[^\\\x00])+(?<!/)(?<!/\.)(?<!/\.\.)\Z")
"""A name that no normalization changes."""


class NoKey(ValueError):
    """No object can have this name; the message says why."""


def key_of_value(target: Target, name: str) -> str:
    """The key under which `storage.open(name)` and `storage.url(name)` look. Raises NoKey.

    A slash before it, dots and backslashes are treated as the storage treats them: some lead to another key, some out
    of the location.
    """
    try:
        if target.has_plain_keys and name not in (".", "..") and _PLAIN.match(name):
            key = target.prefix + name
        else:
            key = str(target.storage._normalize_name(clean_name(name)))
    except SuspiciousOperation as error:
        raise NoKey("it leads out of the storage's location") from error
    except Exception as error:
        raise NoKey(f"the storage has no key for it ({type(error).__name__}: {error})") from error
    why = no_key(key) or ("it is the location itself" if key == target.prefix else None)
    if why is not None:
        raise NoKey(why)
    return key
