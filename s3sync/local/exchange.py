"""Swaps two names in one step (Linux, renameat2), so that what was replaced can be looked at, and put back."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

_EXCHANGE = 2
"""RENAME_EXCHANGE (linux/fs.h)."""
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP)
"""How systems and file systems say that they don't know it."""


def exchange(one_folder: int, one: str, other_folder: int, other: str) -> bool:
    """Swaps two names, in folders given by descriptors; False where the system can't. Raises OSError."""
    call = _renameat2()
    if call is None:
        return False
    if call(one_folder, os.fsencode(one), other_folder, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), other)


@cache
def _renameat2() -> Any:
    """The C library's function, None where it has none."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call
