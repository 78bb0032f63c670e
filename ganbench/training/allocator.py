"""Memory that a CPU step frees is kept for the next step.

glibc gives large freed blocks back to the system, which hands out zeroed pages again at the next step: a DCGAN step at 16x16 spent a
quarter of its time there. Raising three thresholds of ``mallopt(3)`` ends that; the process then holds its peak.
"""

from __future__ import annotations

import ctypes
import os
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""What glibc allows on 64-bit machines."""
_TOP_PAD_BYTES = 64 * 2**20
_NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed; return whether it will.

    Does nothing outside glibc, or where the user has set ``MALLOC_`` variables: then those hold.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_TRIM_THRESHOLD, _NEVER_TRIM), (_TOP_PAD, _TOP_PAD_BYTES))
    accepted = [mallopt(option, value) == 1 for option, value in wanted]
    return all(accepted)
