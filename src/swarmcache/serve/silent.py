"""A Hub that accepts every connection and never answers, as one behind a broken proxy does."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class SilentHub:
    """A loopback port where the kernel completes every connection and nobody reads from it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._held: list[socket.socket] = []

    @property
    def url(self) -> str:
        """What HF_ENDPOINT names."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def connections(self) -> int:
        """Return how many clients have connected so far, to wait in vain."""
        with suppress(BlockingIOError):
            while True:
                self._held.append(self._listener.accept()[0])
        return len(self._held)

    def close(self) -> None:
        """Close every connection, still without a word."""
        for connection in (self._listener, *self._held):
            connection.close()


@contextmanager
def silent_hub() -> Iterator[SilentHub]:
    """Listen until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    hub = SilentHub(listener)
    try:
        yield hub
    finally:
        hub.close()
