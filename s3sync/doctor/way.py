"""Checks of the way to the bucket: credentials, address, rights, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.events import Diagnosis
from .credentials import d01, d22
from .facts import Examined
from .reaching import d02, d03
from .rights import d21
from .servers import d25, d26
from .tls import d18

OF_THE_WAY: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = (d01, d22, d18, d02, d03, d21, d25, d26)
"""In the order in which one meets trouble."""
