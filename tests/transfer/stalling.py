"""A connection to a Hub that dies without a word, in the middle of a file."""

from __future__ import annotations

import glob
import os
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class StallingProxy:
    """Hands bytes through to a Hub, until `after` bytes came back; from then on nothing moves."""

    def __init__(self, url: str, after: int) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)
        self._left = after
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

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
        try:
            while True:
                client, _ = self._listener.accept()
                hub = socket.create_connection(self._upstream)
                self._open += [client, hub]
                threading.Thread(target=self._pump, args=(client, hub, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(hub, client, True), daemon=True).start()
        except OSError:
            return

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if counted and not self._may_pass(len(data)):
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _may_pass(self, count: int) -> bool:
        with self._lock:
            self._left -= count
            return self._left > 0


def partials(cache: str) -> list[str]:
    """Return the partial downloads in a cache."""
    return glob.glob(os.path.join(cache, ".locks", ".swarmcache", "partial", "*", "data"))
