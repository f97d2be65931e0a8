"""The file that a client fills, and the thread that hashes it meanwhile."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 2**20
"""Bytes written at once."""


class Sink:
    """A file that grows, and how far it has grown."""

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.written = 0
        self._ended = False
        self._grown = threading.Condition()

    def add(self, data: bytes | memoryview) -> None:
        """Write all of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.handle, rest) :]
        self.claim(len(data))

    def claim(self, count: int) -> None:
        """Say that the file is `count` bytes longer."""
        with self._grown:
            self.written += count
            self._grown.notify()

    def end(self) -> None:
        """Say that nothing more comes."""
        with self._grown:
            self._ended = True
            self._grown.notify()

    def follow(self, take: Callable[[memoryview], object]) -> None:
        """Read the file as it grows, out of the page cache, until it ends."""
        view, done = memoryview(bytearray(CHUNK)), 0
        while self._has_more_than(done):
            count = os.preadv(self.handle, [view], done)
            take(view[:count])
            done += count

    def _has_more_than(self, done: int) -> bool:
        """Wait for another chunk or the end, and tell whether there is more."""
        with self._grown:
            self._grown.wait_for(lambda: self._ended or self.written - done >= CHUNK)
            return self.written > done
