"""Checks of addresses: signed or not, where they lead, what browsers make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.events import Diagnosis
from .facts import Examined

OF_ADDRESSES: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = ()
