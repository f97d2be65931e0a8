"""A file read as cheaply as can be, and without a trace: looking at a model is not using it.

A check reads the start of some files for each model at each launch; and `clean` goes by the last
use, which the access time tells.
"""

from __future__ import annotations

import os

_NO_TRACE = getattr(os, "O_NOATIME", 0)
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # A pipe in place of a file must not stop the run.
    | getattr(os, "O_BINARY", 0)
)
_USUAL = 2**16
"""Bytes that hold nearly every such file: asking for many more costs as much as reading them."""


def read_start(path: str, count: int) -> bytes:
    """Return the first `count` bytes of a file, without the cost of a buffered file object.

    A pipe in place of the file is not waited for: it holds nothing.
    """
    handle = open_quietly(path)
    try:
        start = os.read(handle, min(count, _USUAL))
        if len(start) < _USUAL or count <= _USUAL:
            return start
        return start + os.read(handle, count - _USUAL)
    finally:
        os.close(handle)


def open_quietly(path: str, flags: int = 0) -> int:
    """Return a handle to read from, without a trace in the file's access time where allowed.

    Linux allows it to the file's owner and to root (open(2), O_NOATIME); nobody else could put the
    access time back either. Fit to be an `opener`; `flags` are added.
    """
    try:
        return os.open(path, _FLAGS | _NO_TRACE | flags)
    except PermissionError:
        return os.open(path, _FLAGS | flags)
