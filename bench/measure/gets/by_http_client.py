"""http.client of the standard library: four ways to empty a socket into a file."""

from __future__ import annotations

import fcntl
import http.client
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink

STALL = 30
"""Seconds."""


def connect(url: str, ca: str) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection, and the path to ask it for."""
    parts = urlsplit(url)
    assert parts.hostname
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=STALL), parts.path
    context = ssl.create_default_context(cafile=ca)
    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=STALL, context=context
    ), parts.path


def ask(url: str, ca: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Return the connection and the headers of the answer."""
    connection, path = connect(url, ca)
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    return connection, connection.getresponse()


def read(url: str, ca: str, sink: Sink) -> None:
    """Let each read make new bytes."""
    _connection, answer = ask(url, ca)
    while data := answer.read(CHUNK):
        sink.add(data)


def readinto(url: str, ca: str, sink: Sink) -> None:
    """Use one buffer."""
    _connection, answer = ask(url, ca)
    view = memoryview(bytearray(CHUNK))
    while count := answer.readinto(view):
        sink.add(view[:count])


def readinto1(url: str, ca: str, sink: Sink) -> None:
    """Use one buffer, and take what has come: no call waits for more than one packet."""
    _connection, answer = ask(url, ca)
    view, left, filled = memoryview(bytearray(CHUNK)), answer.length, 0
    assert left
    while left or filled:
        while left and filled < CHUNK:
            count = came(answer.fp.readinto1(view[filled : filled + left]))
            left, filled = left - count, filled + count
        sink.add(view[:filled])
        filled = 0


def recv_into(url: str, ca: str, sink: Sink) -> None:
    """Use one buffer, and past the headers the socket itself."""
    connection, answer = ask(url, ca)
    left, filled = started(answer, view := memoryview(bytearray(CHUNK)))
    while left or filled:
        while left and filled < CHUNK:
            count = connection.sock.recv_into(view[filled:])
            left, filled = left - came(count), filled + count
        sink.add(view[:filled])
        filled = 0


def recv_all(url: str, ca: str, sink: Sink) -> None:
    """Let the kernel fill the buffer in one call; it also counts the seconds of a stall."""
    connection, answer = ask(url, ca)
    left, filled = started(answer, view := memoryview(bytearray(CHUNK)))
    connection.sock.settimeout(None)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", STALL, 0))
    sink.add(view[:filled])
    while left:
        count = connection.sock.recv_into(view, min(CHUNK, left), socket.MSG_WAITALL)
        left -= came(count)
        sink.add(view[:count])


def splice(url: str, ca: str, sink: Sink) -> None:
    """Let the kernel move the bytes through a pipe; they never come here."""
    connection, answer = ask(url, ca)
    left, filled = started(answer, view := memoryview(bytearray(CHUNK)))
    sink.add(view[:filled])
    connection.sock.settimeout(None)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", STALL, 0))
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, CHUNK)
    while left:
        moved = came(os.splice(connection.sock.fileno(), into, min(CHUNK, left)))
        left -= moved
        while moved:
            count = os.splice(out, sink.handle, moved)
            moved -= count
            sink.claim(count)


def started(answer: http.client.HTTPResponse, view: memoryview) -> tuple[int, int]:
    """Take what came with the headers; return how many bytes are to come and how many are here."""
    assert answer.length is not None
    buffered = answer.fp.peek()
    view[: len(buffered)] = buffered
    return answer.length - len(buffered), len(buffered)


def came(count: int) -> int:
    """Return the count, unless the other side is gone."""
    if not count:
        raise EOFError
    return count


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    connection, path = connect(url, ca)
    for _ in range(count):
        connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        assert connection.getresponse().read()


FILE = {
    "read": read,
    "readinto": readinto,
    "readinto1": readinto1,
    "recv_into": recv_into,
    "recv_into WAITALL": recv_all,
    "splice": splice,
}
"""The last two need a socket without TLS."""
