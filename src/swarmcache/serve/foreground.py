"""The Hub as a program of its own: it serves until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import TYPE_CHECKING

from swarmcache.serve.listening import Access, Address, listening, run_on_plain_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

_INTERRUPTED = 130
_ENDINGS = {signal.SIGINT: _INTERRUPTED, signal.SIGTERM: 0, signal.SIGHUP: 0}
"""Signal -> exit code: a service manager's TERM is the ordinary end."""


def serve_until_signalled(
    app: web.Application,
    host: str,
    port: int,
    announce: Callable[[Address], None],
    hear: Callable[[Access], None],
) -> int:
    """Serve, call `announce` once listening, and return the exit code for the ending signal.

    Raises ServeError when the address cannot be used.
    """

    async def serve() -> int:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        for number, code in _ENDINGS.items():
            loop.add_signal_handler(number, partial(_end, ended, code))
        async with listening(app, host, port, hear) as address:
            announce(address)
            return await ended

    return run_on_plain_loop(serve())


def _end(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)
