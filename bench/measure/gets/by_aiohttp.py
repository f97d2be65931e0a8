"""aiohttp's client on the plain asyncio loop."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import aiohttp

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_read=30)


def session(ca: str) -> aiohttp.ClientSession:
    """Return a session with one connection, that trusts `ca`."""
    trusted = ssl.create_default_context(cafile=ca) if ca else True
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusted, limit=1), timeout=TIMEOUT, read_bufsize=CHUNK
    )


def chunked(url: str, ca: str, sink: Sink) -> None:
    """Write whatever has come, up to 1 MiB."""

    async def get() -> None:
        async with session(ca) as client, client.get(url) as answer:
            async for data in answer.content.iter_chunked(CHUNK):
                sink.add(data)

    asyncio.run(get())


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""

    async def get() -> None:
        async with session(ca) as client:
            for _ in range(count):
                async with client.get(url) as answer:
                    assert await answer.read()

    asyncio.run(get())


FILE = {"iter_chunked": chunked}
