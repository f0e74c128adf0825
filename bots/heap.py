"""Keeps the C library's heap small in a process that runs for months.

By default glibc gives each thread a heap of its own, and takes larger and larger blocks from it once one was freed.
What is freed lies in between of what stays then, so that the process grows for hours though it uses no more.
https://man7.org/linux/man-pages/man3/mallopt.3.html
"""

from __future__ import annotations

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of `malloc.h`. The values are glibc's own at the start of a process; setting them keeps them."""
_LARGE = 128 * 1024
"""Bytes from which a block has pages of its own, and of free memory at the end that go back to the system."""


def keep_heap_small() -> None:
    """Call it before there are threads. Other C libraries than glibc are left as they are."""
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, _LARGE)
