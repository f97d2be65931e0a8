"""A Hub that is far away: each request arrives there late."""

from __future__ import annotations

import time

from transfer.relay import Relay


class LateProxy(Relay):
    """Hands bytes through to a Hub, what a client sends only after some seconds."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url)
        self._seconds = seconds

    def passes(self, data: bytes, *, answers: bool) -> bool:
        """Let a client's bytes wait."""
        del data
        if not answers:
            time.sleep(self._seconds)
        return True
