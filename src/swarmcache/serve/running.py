"""The Hub in a thread of this process, for the demo and for tests."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from swarmcache.errors import ServeError
from swarmcache.serve.app import create_app
from swarmcache.serve.listening import Access, Address, listening, run_on_plain_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from swarmcache.environment import Environment


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A Hub that listens now."""

    address: Address
    requests: list[Access] = field(default_factory=list)
    """Every request answered so far, oldest first; clear it to count anew."""

    @property
    def url(self) -> str:
        """What HF_ENDPOINT names."""
        return self.address.url


@contextmanager
def running(
    caches: Sequence[str],
    *,
    token: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    environment: Environment | None = None,
) -> Iterator[RunningHub]:
    """Serve cache folders until the block ends; raises ServeError when it cannot listen."""
    requests: list[Access] = []
    started: Future[tuple[Address, Callable[[], object]]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        app = create_app(caches, token=token, environment=environment)
        try:
            async with listening(app, host, port, requests.append) as address:
                started.set_result((address, partial(loop.call_soon_threadsafe, stop.set)))
                await stop.wait()
        except ServeError as error:
            started.set_exception(error)

    thread = threading.Thread(target=lambda: run_on_plain_loop(serve()), daemon=True)
    thread.start()
    address, stop = started.result()
    try:
        yield RunningHub(address, requests)
    finally:
        stop()
        thread.join()
