"""File descriptors of our own, kept away from 0, 1 and 2.

Where a standard stream is closed, the next descriptor that a process opens takes its number, and
a library that writes to "standard error" then writes into whatever that is.
"""

from __future__ import annotations

import fcntl
import os


def above_standard_streams(descriptor: int) -> int:
    """Return a copy that is none of 0, 1 and 2 and no child inherits; the original is closed."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return copy


def pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe, both above the standard streams."""
    reading, writing = os.pipe()
    return above_standard_streams(reading), above_standard_streams(writing)
