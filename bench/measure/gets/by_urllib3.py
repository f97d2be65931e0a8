"""urllib3 2.x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import urllib3

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink

TIMEOUT = urllib3.Timeout(connect=30, read=30)
"""Seconds."""


def pool(ca: str) -> urllib3.PoolManager:
    """Return an empty pool that trusts `ca`."""
    return urllib3.PoolManager(ca_certs=ca or None, timeout=TIMEOUT, retries=False)


def stream(url: str, ca: str, sink: Sink) -> None:
    """Take new bytes each time."""
    answer = pool(ca).request("GET", url, preload_content=False)
    for data in answer.stream(CHUNK, decode_content=False):
        sink.add(data)


def readinto(url: str, ca: str, sink: Sink) -> None:
    """Use one buffer, into which urllib3 copies."""
    answer = pool(ca).request("GET", url, preload_content=False, decode_content=False)
    view = memoryview(bytearray(CHUNK))
    while count := answer.readinto(view):
        sink.add(view[:count])


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    connections = pool(ca)
    for _ in range(count):
        assert connections.request("GET", url).data


FILE = {"stream": stream, "readinto": readinto}
