"""The quick look at what nobody has touched since it was found equal: at hundreds of names at a time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import repeat

from ..core.plan import Batch
from ..core.scope import may_be_secret
from ..local.state import State
from ..s3.target import Target


def unsettled(batch: Batch, target: Target, state: State) -> Sequence[int]:
    """The places of those that have to be looked at one by one; all of them where that can't be told of many.

    The others are as an earlier run has left them on both sides, and nobody has to be told of their names. Used by the
    run's thread.
    """
    every = range(len(batch.files))
    if not _are_plain(batch.files.names):
        return every
    encodings: Iterable[str] = repeat("")
    if not target.sends_as_is:
        try:
            encodings = [target.rendering_of(key).encoding for key in batch.objects.keys]
        except Exception:  # noqa: BLE001  a storage's own methods may raise anything
            return every
    return state.unsettled(batch.files, batch.objects, encodings)


def _are_plain(names: Sequence[str]) -> bool:
    """Whether no name tells of a secret, and all have Unicode's composed form."""
    text = "\n".join(names)
    return (text.isascii() or unicodedata.is_normalized("NFC", text)) and not may_be_secret(names)
