"""libcurl through pycurl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pycurl

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink

STALL = 30
"""Seconds."""


def handle(url: str, ca: str) -> pycurl.Curl:
    """Return a handle with a large receive buffer, that trusts `ca`."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.CONNECTTIMEOUT, STALL)
    curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
    curl.setopt(pycurl.LOW_SPEED_TIME, STALL)
    curl.setopt(pycurl.BUFFERSIZE, 512 * 1024)
    curl.setopt(pycurl.FAILONERROR, 1)
    if ca:
        curl.setopt(pycurl.CAINFO, ca)
    return curl


def callback(url: str, ca: str, sink: Sink) -> None:
    """Gather the pieces of its callback in one buffer."""
    view, filled = memoryview(bytearray(CHUNK)), 0

    def take(data: bytes) -> None:
        nonlocal filled
        if filled + len(data) > CHUNK:
            sink.add(view[:filled])
            filled = 0
        view[filled : filled + len(data)] = data
        filled += len(data)

    curl = handle(url, ca)
    curl.setopt(pycurl.WRITEFUNCTION, take)
    curl.perform()
    sink.add(view[:filled])


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    curl = handle(url, ca)
    for _ in range(count):
        assert curl.perform_rb()


FILE = {"callback": callback}
