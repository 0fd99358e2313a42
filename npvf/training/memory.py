"""Freed memory is kept: training steps take and free the same large blocks, and new pages cost CPU time."""

from __future__ import annotations

import ctypes
import platform

# Numbers of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
GIB = 1024**3
LARGEST_INT = 2**31 - 1  # mallopt takes a C int
OLD_LARGEST_THRESHOLD = 32 * 1024**2  # of M_MMAP_THRESHOLD, before glibc 2.35


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed memory instead of returning it to the system.

    By default it maps each block above a threshold (at most 32 MB) anew, and returns it as soon as it is freed; in
    every training step the kernel then has to clear the same pages again (docs/results.md has what that costs). The
    process keeps up to 2 GB that it no longer uses. Forked children, such as the workers of a loader, inherit the
    setting; ranks that a launcher starts run the command, and so this function, themselves.

    Returns:
        Whether the allocator accepted both settings. False, and nothing changed, where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mapped = mallopt(M_MMAP_THRESHOLD, GIB) or mallopt(M_MMAP_THRESHOLD, OLD_LARGEST_THRESHOLD)
    return bool(mapped and mallopt(M_TRIM_THRESHOLD, min(2 * GIB, LARGEST_INT)))
