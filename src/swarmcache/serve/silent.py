"""A Hub that accepts every connection and never answers, as one behind a broken proxy does."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class SilentHub:
    """A loopback port, within a `with` block; nobody ever reads what a client sends there."""

    def __init__(self) -> None:
        # The kernel completes connections by itself, so that no thread need accept them.
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self._held: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        """What HF_ENDPOINT names."""

    @property
    def connections(self) -> int:
        """How many clients have connected so far, to wait in vain."""
        with suppress(BlockingIOError):
            while True:
                self._held.append(self._listener.accept()[0])
        return len(self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection, still without a word."""
        for connection in (self._listener, *self._held):
            connection.close()
