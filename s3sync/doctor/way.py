"""Checks of the way to the bucket: credentials, address, rights, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.events import Diagnosis
from .facts import Examined

OF_THE_WAY: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = ()
