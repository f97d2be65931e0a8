"""One port of the faulty Hub: reads requests, asks for answers, sends them."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .answers import Answer, Request
from .sending import LARGEST, Pace, send_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tls import Certificates


class Origin(http.server.ThreadingHTTPServer):
    """A scheme, host and port; a thread for each connection, which is kept open."""

    request_queue_size = 128

    def __init__(
        self,
        answer: Callable[[Request, bytes], Answer],
        pace: Pace,
        tls: Certificates | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer = answer
        self.pace = pace
        self.ending = threading.Event()
        self.context = tls.server_context() if tls else None
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        self.connections = 0
        """How many were made so far."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End, and close every connection, those too where somebody waits."""
        self.ending.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, and hand it to its thread."""
        with self._lock:
            self._open.add(request)
            self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go are what this server is for; anything else is a mistake in it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def setup(self) -> None:
        """Let the kernel hold little, so that what is counted as sent was mostly received."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
        if self.server.context:  # In this thread: a client may take its time with it.
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self) -> None:
        """Answer any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.server.url)
        answer = self.server.answer(request, body)
        if answer.silent_at is not None and answer.silent_at < 0:
            self.server.ending.wait()
            self.close_connection = True
            return
        self._send_head(request, answer)
        if self.command == "HEAD":
            self.close_connection |= answer.close
        elif not send_body(self.connection, request, answer, self.server.pace, self.server.ending):
            self.close_connection = True

    do_HEAD = do_POST = do_GET  # noqa: N815 - names that http.server looks for

    def _send_head(self, request: Request, answer: Answer) -> None:
        try:
            reason = HTTPStatus(answer.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {answer.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.close:
            lines.append("Connection: close")
        request.status = answer.status
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if answer.head_per_second:
            for number in range(len(head)):
                self.wfile.write(head[number : number + 1])
                if self.server.ending.wait(1 / answer.head_per_second):
                    return
        else:
            self.wfile.write(head)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests ask for what they want to know."""
