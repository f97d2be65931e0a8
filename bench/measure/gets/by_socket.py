"""A bare socket and a minimal reader of headers: what no client can undercut."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink


def connect(url: str, ca: str) -> tuple[socket.socket, bytes]:
    """Return a connection, and the request to send over it."""
    parts = urlsplit(url)
    assert parts.hostname
    wire = socket.create_connection((parts.hostname, parts.port or 80), 30)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    if parts.scheme == "http":
        return wire, request
    context = ssl.create_default_context(cafile=ca)
    return context.wrap_socket(wire, server_hostname=parts.hostname), request


def answer(wire: socket.socket, view: memoryview) -> tuple[int, memoryview]:
    """Return how many bytes are to come, and those that came with the headers."""
    filled = 0
    while True:
        filled += wire.recv_into(view[filled : filled + 65536])
        head, end, _ = bytes(view[:filled]).partition(b"\r\n\r\n")
        if end:
            break
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    body = view[len(head) + len(end) : filled]
    return int(fields[b"content-length"]) - len(body), body


def recv_into(url: str, ca: str, sink: Sink) -> None:
    """Use one buffer."""
    wire, request = connect(url, ca)
    wire.sendall(request)
    left, body = answer(wire, view := memoryview(bytearray(CHUNK)))
    sink.add(body)
    while left:
        filled = 0
        while left and filled < CHUNK:
            count = wire.recv_into(view[filled:])
            left, filled = left - count, filled + count
        sink.add(view[:filled])


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    wire, request = connect(url, ca)
    view = memoryview(bytearray(CHUNK))
    for _ in range(count):
        wire.sendall(request)
        left, _ = answer(wire, view)
        while left:
            left -= wire.recv_into(view, left)


FILE = {"recv_into": recv_into}
