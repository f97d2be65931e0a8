"""A proxy as HTTP_PROXY and HTTPS_PROXY name it: it forwards requests, and tunnels connections."""

from __future__ import annotations

import http.client
import http.server
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


class Proxy:
    """A forwarding proxy on loopback, within a `with` block."""

    def __init__(self) -> None:
        self.targets: list[tuple[str, str]] = []
        """Method and target of every request: `CONNECT 127.0.0.1:443`, `GET http://…`."""
        self.headers: list[dict[str, str]] = []
        """Their headers, with names in lower case."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.seen = self.seen  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        """What HTTP_PROXY and HTTPS_PROXY name."""

    def seen(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Write a request down."""
        self.targets.append((method, target))
        self.headers.append(headers)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        self._seen()
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as upstream:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join(20)
        self.close_connection = True

    def do_GET(self) -> None:
        self._seen()
        parts = urlsplit(self.path)
        upstream = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=20)
        kept = {name: v for name, v in self.headers.items() if name.lower() not in HOP_BY_HOP}
        target = parts._replace(scheme="", netloc="").geturl()
        upstream.request(self.command, target, headers=kept)
        answer = upstream.getresponse()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        while piece := answer.read(65536):
            self.wfile.write(piece)
        upstream.close()

    do_HEAD = do_GET  # noqa: N815 - a name that http.server looks for

    def _seen(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen(self.command, self.path, headers)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
