"""httpx2, which huggingface_hub 2.x brings, else httpx."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

try:
    import httpx2 as httpx
except ImportError:
    import httpx

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink


def session(ca: str) -> httpx.Client:
    """Return a client that trusts `ca`."""
    return httpx.Client(verify=ssl.create_default_context(cafile=ca) if ca else True, timeout=30)


def raw(url: str, ca: str, sink: Sink) -> None:
    """Take new bytes each time."""
    with session(ca).stream("GET", url) as answer:
        for data in answer.iter_raw(CHUNK):
            sink.add(data)


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    client = session(ca)
    for _ in range(count):
        assert client.get(url).content


FILE = {"iter_raw": raw}
