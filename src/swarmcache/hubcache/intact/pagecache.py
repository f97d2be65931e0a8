"""Reading a file without pushing others out of memory: the page cache is left as it was found.

Hashing 100 GB would otherwise evict what the trainer on the same machine is about to read. Parts
of a file that were in memory before stay there; the others are given up once they are hashed.
"""

from __future__ import annotations

import functools
import mmap
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STRIDE = 8 * 2**20
"""Bytes that are given up at once."""
_WINDOW = 128 * STRIDE
"""Bytes that are asked about at once: one byte of answer for each page."""


def absent_parts(handle: int, size: int) -> frozenset[int]:
    """Return the numbers of the strides of an open file of which nothing is in memory.

    None anywhere but on Linux, and of a file that another user owns: the kernel (5.2 and later)
    tells strangers that everything is in memory. Reads nothing of the file.
    """
    if size < STRIDE // 8 or not sys.platform.startswith("linux"):
        return frozenset()
    try:
        return frozenset(_absent(_c_library(), handle, size))
    except (OSError, AttributeError):
        return frozenset()


def give_up(handle: int, stride: int) -> None:
    """Let the kernel forget one stride of an open file."""
    os.posix_fadvise(handle, stride * STRIDE, STRIDE, os.POSIX_FADV_DONTNEED)


def _absent(library: Any, handle: int, size: int) -> Iterator[int]:
    import ctypes  # noqa: PLC0415

    for start in range(0, size, _WINDOW):
        length = min(_WINDOW, size - start)
        pages = -(-length // mmap.PAGESIZE)
        answer = ctypes.create_string_buffer(pages)
        # Mapped and never touched: a file that shrinks meanwhile cannot raise SIGBUS.
        address = library.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, handle, start)
        if address in {None, ctypes.c_void_p(-1).value}:
            return
        try:
            if library.mincore(address, length, answer):
                return
        finally:
            library.munmap(address, length)
        in_memory = answer.raw.translate(_LOWEST_BIT)
        step = STRIDE // mmap.PAGESIZE
        for at in range(0, pages, step):
            if 1 not in in_memory[at : at + step]:
                yield start // STRIDE + at // step


_LOWEST_BIT = bytes(value & 1 for value in range(256))
"""Only the lowest bit of each answer is defined (mincore(2))."""


@functools.lru_cache(maxsize=1)
def _c_library() -> Any:
    import ctypes  # noqa: PLC0415 - costs milliseconds

    library = ctypes.CDLL(None, use_errno=True)
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.mmap.restype = address
    library.mmap.argtypes = [address, size, number, number, number, ctypes.c_int64]
    library.munmap.argtypes = [address, size]
    library.mincore.argtypes = [address, size, ctypes.c_char_p]
    return library
