"""A running server: its socket, its address and the record of what it answered."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http import HttpProcessingError

from swarmcache.errors import ServeError, os_reason
from swarmcache.locale import t
from swarmcache.serve.sending import FileReply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

_T = TypeVar("_T")

_LAST_WORDS = 0.1
"""Seconds that answers under way get when the server stops."""


_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


class Access(NamedTuple):
    """A request that was answered. No header and no query is kept: they may hold tokens."""

    method: str
    path: str
    """Still quoted, so that it is one printable word."""
    status: int
    bytes: int
    """Bytes of the body that went out."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as it was bound."""
        return _url(self.host, self.port)

    @property
    def reachable_url(self) -> str:
        """What HF_ENDPOINT names on another machine, also when all addresses were bound."""
        return _url(_own_address() if self.host in _EVERYWHERE else self.host, self.port)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_address() -> str:
    """Return the address that this machine's own connections to others come from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A datagram socket only looks up the route; 192.0.2.1 is reserved, nothing is sent.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def run_on_plain_loop(work: Coroutine[object, object, _T]) -> _T:
    """Run `work` to its end on an event loop with sendfile, which uvloop lacks."""
    loop = asyncio.SelectorEventLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_wind_up(asyncio.all_tasks(loop)))
        loop.close()


async def _wind_up(tasks: Iterable[asyncio.Task[object]]) -> None:
    """End what still runs, as asyncio.run does, which takes no loop of ours before 3.12."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, hear: Callable[[Access], None]
) -> AsyncIterator[Address]:
    """Serve `app` until the block ends; yields the address with the port that was bound.

    `hear` is called in the loop's thread after each answer. Raises ServeError when the address
    cannot be used. Port 0 takes any free one.
    """
    logger = logging.getLogger("swarmcache.serve")
    logger.addFilter(_is_our_fault)
    runner = web.AppRunner(
        app,
        access_log_class=_recorder(hear),
        access_log=logger,
        logger=logger,
        shutdown_timeout=_LAST_WORDS,
    )
    await runner.setup()
    try:
        await _bind(runner, host, port)
        yield Address(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Keep the traceback of a request that is no HTTP out of the terminal; it was answered 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


async def _bind(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = t("Port {port} of {host} is already in use.", port=port, host=host)
            raise ServeError(message, hint="swarmcache serve --port 0") from None
        reason = _reason(error)
        raise ServeError(
            t(
                "Cannot listen on {host}, port {port}: {reason}.",
                host=host,
                port=port,
                reason=reason,
            )
        ) from None


def _reason(error: OSError) -> str:
    # asyncio wraps the system's words in its own; a name that is not found has a negative number.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else os_reason(error)


def _recorder(hear: Callable[[Access], None]) -> type[AbstractAccessLogger]:
    class Recorder(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            del time
            path = request.rel_url.raw_path
            hear(Access(request.method, path, response.status, _sent(request, response)))

    return Recorder


def _sent(request: web.BaseRequest, response: web.StreamResponse) -> int:
    if isinstance(response, FileReply):
        return response.sent
    return 0 if request.method == "HEAD" else response.content_length or 0
