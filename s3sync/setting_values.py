"""What a value of `S3SYNC` has to be. Each raises ConfigurationError for another one, which says what to write."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from s3sync.exceptions import ConfigurationError

INTENTS: Final = ("public", "private", "cdn")
Rules = list[tuple[str, str]]
"""Prefixes of storage names with their intent, in the order written; "" is every name."""
# Anything else, such as a quote or a parenthesis, would have a meaning in the stylesheets that it ends up in.
is_origin = re.compile(
    r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII
).fullmatch


def wrong(key: str, value: object, write: str, example: str) -> ConfigurationError:
    """The error that names the key, the value, and what to write instead; its hint is a line to paste."""
    where = "S3SYNC" + "".join(f"[{part!r}]" for part in key.split(".", 1) if part)
    hint = f'"{key.rpartition(".")[2]}": {example},' if key else f"S3SYNC = {example}"
    return ConfigurationError(f"{where} is {value!r}; write {write}.", hint=hint)


def mapping(key: str, value: object, *, example: str) -> Mapping[str, Any]:
    """A dictionary."""
    if not isinstance(value, Mapping):
        raise wrong(key, value, "a dictionary", example)
    return value


def alias(key: str, value: object) -> str:
    """An alias of STORAGES."""
    if not isinstance(value, str) or not value:
        raise wrong(key, value, "an alias of STORAGES as a string", '"default"')
    return value


def directory(key: str, value: object) -> Path:
    """A directory, made absolute; it need not exist."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise wrong(key, value, "a folder as a string or Path, or None", 'BASE_DIR / "media"')
    # Not resolve(): a linked directory keeps the name its author gave it. And a missing home directory is no error.
    return Path(os.path.abspath(os.path.expanduser(path)))


def one_of(key: str, value: object, choices: Sequence[str]) -> str:
    """One of these words."""
    if not isinstance(value, str) or value not in choices:
        likely = resembling(value, choices) or choices[0]
        raise wrong(key, value, f"one of {', '.join(map(repr, choices))}", f'"{likely}"')
    return value


def count(key: str, value: object, *, least: int, example: int) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise wrong(key, value, f"a whole number, {least} or more", str(example))
    return value


def origin(key: str, value: object) -> str:
    """Scheme and host, in lower case."""
    if not isinstance(value, str) or not is_origin(value):
        write = "the site's scheme and host and nothing else, a host of other letters in its xn-- form"
        raise wrong(key, value, write, '"https://www.example.com"')
    return value.lower()


def rules(alias: str, written: object) -> Rules:
    """The pairs of prefix and intent, in the order written."""
    key = f"INTENT.{alias}"
    if isinstance(written, str):
        return [("", one_of(key, written, INTENTS))]
    example = '[("public/", "public"), ("", "private")]'
    if not isinstance(written, (list, tuple)) or not written:
        raise wrong(key, written, "'public', 'private', 'cdn' or a list of (prefix, intent) pairs", example)
    rules: Rules = []
    for pair in written:
        match pair:
            case (str(), _):
                rules.append(_rule(key, written, pair, rules))
            case _:
                raise wrong(key, written, "a list of (prefix, intent) pairs", example)
    return rules


def _rule(key: str, written: object, pair: Sequence[Any], earlier: Rules) -> tuple[str, str]:
    """The pair, unless it could never decide: what it is there to protect would be left unprotected in silence."""
    prefix, intent = pair[0], one_of(key, pair[1], INTENTS)
    if prefix.startswith("/"):
        name = prefix.lstrip("/")
        raise wrong(key, written, f"{name!r}: no storage name begins with a slash", f'[("{name}", "{intent}")]')
    for covering, decided in earlier:
        if prefix.startswith(covering) and decided != intent:
            write = f"the pair of {prefix!r} before that of {covering!r}: the first match decides"
            raise wrong(key, written, write, f'[("{prefix}", "{intent}"), ("{covering}", "{decided}")]')
    return prefix, intent


def resembling(word: object, known: Iterable[str]) -> str | None:
    """The known word that this one is most like."""
    spelled = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else None
