"""Hashing in order what arrives in any order, while the data is still in the page cache."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.hashing import new_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.transfer.partial import Partial

_CHUNK = 2**20
_PATIENCE = 0.25
UNKNOWN = "unknown"
"""The hash of bytes that nothing names by a hash."""


class Follower:
    """Follows one partial from its first byte to its last, and once only."""

    def __init__(self, partial: Partial, algorithm: Algorithm | None) -> None:
        self._partial = partial
        self._generation = partial.generation
        self._algorithm = algorithm
        self._digest = new_digest(algorithm or "sha256", partial.size)
        self._lock = threading.Lock()
        self._at = 0

    def offer(self, at: int, content: memoryview, generation: int) -> None:
        """Hash bytes that were just written, if it is their turn: they need not be read again."""
        ours = self._algorithm is not None and generation == self._generation
        if not ours or at != self._at or not self._lock.acquire(blocking=False):
            return
        try:
            if at == self._at:
                self._digest.update(content)
                self._at += len(content)
                self._partial.awaited = min(self._at + _CHUNK, self._partial.size) - 1
        finally:
            self._lock.release()

    def follow(self, is_wanted: Callable[[], bool]) -> str | None:
        """Return the hash once all bytes are there; None when it is not wanted any more.

        A prefix that an earlier process left is read once more. Raises OSError.
        """
        size = self._partial.size
        buffer = memoryview(bytearray(min(_CHUNK, size)))
        while self._at < size:
            if not self._is_wanted(is_wanted):
                return None
            at = self._at
            prefix = self._partial.await_prefix(min(at + _CHUNK, size) - 1, _PATIENCE)
            with self._lock:
                ahead = min(_CHUNK, prefix - self._at)
                if ahead <= 0 or (ahead < _CHUNK and prefix < size):
                    continue
                count = os.preadv(self._partial.handle, [buffer[:ahead]], self._at)
                if count <= 0:
                    return ""  # Cut off under us: no hash, so nothing is right.
                if self._algorithm is not None:
                    self._digest.update(buffer[:count])
                self._at += count
            self._partial.get_on()
        if not self._is_wanted(is_wanted):
            return None
        return self._digest.hexdigest() if self._algorithm is not None else UNKNOWN

    def _is_wanted(self, is_wanted: Callable[[], bool]) -> bool:
        return is_wanted() and self._partial.generation == self._generation
