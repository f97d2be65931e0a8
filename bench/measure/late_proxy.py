"""A Hub that is far away: each request arrives there late."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class LateProxy:
    """Hands bytes through to a Hub, what a client sends only after some seconds."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
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
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # Closed: the measurement is over.
            while True:
                client = self._listener.accept()[0]
                hub = socket.create_connection(self._upstream)
                for pair in ((client, hub, self._seconds), (hub, client, 0.0)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, late: float) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            time.sleep(late)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
