"""A connection to a Hub that dies without a word, in the middle of a file."""

from __future__ import annotations

import glob
import os
import threading

from transfer.relay import Relay


class StallingProxy(Relay):
    """Hands bytes through to a Hub, until `after` bytes came back; from then on nothing moves."""

    def __init__(self, url: str, after: int) -> None:
        super().__init__(url)
        self._left = after
        self._lock = threading.Lock()

    def passes(self, data: bytes, *, answers: bool) -> bool:
        """Count what comes back."""
        if not answers:
            return True
        with self._lock:
            self._left -= len(data)
            return self._left > 0


def partials(cache: str) -> list[str]:
    """Return the partial downloads in a cache."""
    return glob.glob(os.path.join(cache, ".locks", ".swarmcache", "partial", "*", "data"))
