"""A server of bytes in front of a Hub, which does to them what its kind of network does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Relay:
    """Hands bytes through to a Hub and back, each piece as `passes` lets it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def passes(self, data: bytes, *, answers: bool) -> bool:
        """Tell whether a piece goes on, at once or after a while; `answers` come from the Hub."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):  # Closed: it is over.
            while True:
                client, _ = self._listener.accept()
                hub = socket.create_connection(self._upstream)
                self._open += [client, hub]
                for pair in ((client, hub, False), (hub, client, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.passes(data, answers=answers):
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
