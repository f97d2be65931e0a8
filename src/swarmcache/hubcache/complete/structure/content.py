"""A file's bytes, read here and there: every read is bounded, and none depends on another."""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.hashing import NotAFile
from swarmcache.hubcache.reading import open_quietly

if TYPE_CHECKING:
    from types import TracebackType


class Content:
    """A regular file open for reading; a context manager that closes it.

    Raises OSError when it cannot be opened, NotAFile when it is no regular file.
    """

    __slots__ = ("_handle", "size")

    def __init__(self, location: str) -> None:
        self._handle = open_quietly(location)
        found = os.fstat(self._handle)
        self.size = found.st_size
        """Bytes, when it was opened."""
        if not S_ISREG(found.st_mode):
            os.close(self._handle)
            raise NotAFile(None, "not a regular file", location)

    def at(self, offset: int, count: int) -> bytes:
        """Return the `count` bytes from `offset` on; fewer where the file ends before."""
        if offset >= self.size:
            return b""
        os.lseek(self._handle, offset, os.SEEK_SET)
        pieces = []
        while count > 0 and (piece := os.read(self._handle, count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def __enter__(self) -> Content:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)
