"""Checks of who reads and writes, against who should."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.events import Diagnosis
from .facts import Examined

OF_READERS: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = ()
