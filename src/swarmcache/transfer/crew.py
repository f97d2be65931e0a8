"""Downloads of several contents at a time, over a few connections, each wait bounded.

All network and disk work is done in threads; the caller's own thread hears of it, keeps the
owner records alive, and ends what has not got on for too long. So Ctrl-C ends it at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from swarmcache.errors import EndpointUnreachable
from swarmcache.hubcache.use.owners import BEAT_SECONDS
from swarmcache.locale import t
from swarmcache.transfer.claims import Busy, Claim, claim, sweep
from swarmcache.transfer.contents import (
    SMALL_BYTES,
    Advanced,
    Awaited,
    Failed,
    Fetched,
    Present,
    is_there,
)
from swarmcache.transfer.download import PIECE_BYTES, Download
from swarmcache.transfer.others import Waiting
from swarmcache.transfer.partial import DATA, Partial
from swarmcache.transfer.putting import put
from swarmcache.transfer.refusals import refusal
from swarmcache.transfer.sources import Retry, siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Self

    from swarmcache.transfer.bounds import Bounds
    from swarmcache.transfer.contents import Content, Event
    from swarmcache.transfer.http import Connections
    from swarmcache.transfer.piece import Piece
    from swarmcache.transfer.sources import Source

CONNECTIONS = 8
"""At once, for all contents together."""
FIRST = 2
"""Threads to begin with."""
_FAR = 0.02
"""Seconds until an answer begins, from which on waiting is what takes the time."""
_LONG = 0.5
"""Seconds after which a download is long enough for others beside it."""
_SELDOM = 4
"""Beats of the active claims for each beat of the kept ones."""
_TICK = 0.2
_LAST_WORDS = 0.5
"""Seconds that threads have to end in; they are daemons, and no kill can hurt what they do."""


class Crew:
    """One run of downloads into one cache; a context manager that ends what is left."""

    def __init__(  # noqa: PLR0913 - one keyword for each thing that a caller provides
        self,
        cache: str,
        partials: str,
        sources: Callable[[Content], Sequence[Source]],
        bounds: Bounds,
        network: Connections,
        *,
        spend: Callable[[int], object],
        lock: bool = True,
    ) -> None:
        self._cache = cache
        self._partials = partials
        self._sources = sources
        self._bounds = bounds
        self._spend = spend
        self._take_lock = lock
        self._network = network
        self._turn = threading.Condition()
        self._events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        self._new: deque[Content] = deque()
        self._waiting: list[Waiting] = []
        self._active: list[Download] = []
        self._claims: dict[str, Claim] = {}
        """By location: what is published, and kept until the caller needs it no more."""
        self._ended = threading.Event()
        self._urgent = threading.Event()
        """The caller's thread is to look at the events now."""
        self._open = 0
        self._wakes = 0
        self._idle = 0
        """Threads that wait for something to do."""
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._ticked = 0.0

    def __enter__(self) -> Self:
        """Return the crew itself."""
        threading.Thread(target=self._keep_alive, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        """End all threads, and leave what is under way to whoever comes next."""
        self._stop()
        for kept in self._claims.values():
            kept.give_back()
        self._claims.clear()

    def run(self, contents: Iterable[Content]) -> Iterator[Event]:
        """Bring some contents, and yield what happens; each ends in Fetched, Present or Failed.

        What is fetched is published at its location. Its partial, a hard link to the same bytes,
        is kept until `forget`.
        """
        self._new.extend(contents)
        left = self._open = len(self._new)
        for _ in range(min(FIRST, left)):
            self._add_thread()
        while left:
            # Not woken by each event: this thread would take its turn from those that work.
            self._urgent.wait(_TICK)
            self._urgent.clear()
            for event in self._told():
                left -= isinstance(event, (Fetched, Present, Failed))
                yield event
            if time.monotonic() - self._ticked > _TICK:
                yield from self._tick()

    def _told(self) -> Iterator[Event]:
        """Yield what has happened since the last look; raise what broke a thread."""
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, BaseException):
                    raise event
                yield event

    def put_back(self, location: str) -> bool:
        """Publish once more what somebody has taken away from a location; False if we have it not.

        Raises OSError from the disk.
        """
        kept = self._claims.get(location)
        if kept is None or not os.path.exists(f"{kept.folder}/{DATA}"):
            return False
        try:
            put(kept.folder, location)
        except FileNotFoundError:
            return False  # Another repo wanted it too, and was done with it just now.
        return True

    def forget(self, content: Content) -> None:
        """Remove the partial of a published content, left by this process or by a dead one."""
        kept = self._claims.pop(content.location, None)
        if (kept is None or content.size > SMALL_BYTES) and os.path.isdir(
            f"{self._partials}/{content.key}"
        ):
            found = claim(self._cache, self._partials, content, lock=self._take_lock)
            kept = found if isinstance(found, Claim) else None
        if kept is not None:
            kept.remove()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        try:
            while (job := self._next_job()) is not None:
                job()
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            self._events.put(error)
            self._urgent.set()

    def _next_job(self) -> Callable[[], None] | None:
        while True:
            with self._turn:
                if self._stopped or not self._open:
                    return None
                active, wakes = list(self._active), self._wakes
            # Not under our lock: a download holds its own when it tells us how it came out.
            for download in active:
                piece = download.next_piece()
                if piece is not None:
                    return partial(download.fetch, piece)
            with self._turn:
                if self._new and len(self._active) < CONNECTIONS:
                    return partial(self._begin, self._new.popleft())
                if self._open and not self._stopped and wakes == self._wakes:
                    self._idle += 1
                    self._turn.wait(_TICK)
                    self._idle -= 1

    def _begin(self, content: Content, waiting: Waiting | None = None) -> None:
        """Start a content's download, or note who has it."""
        try:
            self._claimed(content, waiting)
        except Exception as error:  # noqa: BLE001 - a thread of its own: nobody else would hear
            self._tell(Failed(content, refusal(error, "", content.target)))

    def _claimed(self, content: Content, waiting: Waiting | None) -> None:
        if is_there(content):
            self._tell(Present(content))
            return
        found = claim(self._cache, self._partials, content, lock=self._take_lock)
        if isinstance(found, Busy):
            self._wait_for(content, found, waiting)
            return
        if is_there(content):  # It came between the two looks.
            found.remove()
            self._tell(Present(content))
            return
        copies = () if content.again else siblings(self._cache, content)
        content = replace(content, copies=(*copies, *content.copies))
        try:
            download = Download(
                content,
                found,
                Partial(found.folder, content.size),
                self._sources(content),
                self._bounds,
                tell=self._tell,
                lose=self._lose,
                spend=self._spend,
            )
        except BaseException:
            found.give_back()
            raise
        with self._turn:
            self._active.append(download)
        download.begin()
        if self._stopped:
            download.stop()
        if content.size > PIECE_BYTES:
            self._wake()  # There is work in it for others too.

    def _wait_for(self, content: Content, busy: Busy, waiting: Waiting | None) -> None:
        if waiting is None:
            waiting = Waiting(content, busy.who, self._partials)
            self._tell(Awaited(content, busy.who))
        waiting.look(busy, self._bounds.others)
        with self._turn:
            self._waiting.append(waiting)

    def _tell(self, event: Event) -> None:
        """Hand an event to the caller's thread; an outcome frees its place for the next."""
        last = False
        if isinstance(event, (Fetched, Present, Failed)):
            with self._turn:
                location = event.content.location
                for download in [one for one in self._active if one.content.location == location]:
                    self._active.remove(download)
                    if isinstance(event, Fetched):
                        self._keep(download)
                self._open -= 1
                last = not self._open
                if last:
                    self._turn.notify_all()
        self._events.put(event)
        if last:
            self._urgent.set()

    def _keep(self, download: Download) -> None:
        """Keep the partial of what is published; one with a journal is free for other repos."""
        self._claims[download.content.location] = download.claim
        if download.content.size > SMALL_BYTES:
            download.claim.give_back()

    def _lose(self, download: Download) -> None:
        """Let go of what another process has taken over, and wait for that one."""
        with self._turn:
            if download not in self._active:
                return
            self._active.remove(download)
        download.stop()
        with self._turn:
            self._new.append(download.content)
            self._turn.notify_all()

    def _keep_alive(self) -> None:
        """Let the others see that this process lives, whatever its other threads wait for."""
        for number in count(1):
            if self._ended.wait(BEAT_SECONDS):
                return
            with self._turn:
                # What is published already may wait longer for a sign of life: it is thousands.
                kept = [] if number % _SELDOM else list(self._claims.values())
                active = list(self._active)
            for download in active:
                if not download.claim.beat():
                    self._lose(download)
            for one in kept:
                one.beat()

    def _wake(self) -> None:
        with self._turn:
            self._wakes += 1
            self._turn.notify_all()

    def _tick(self) -> Iterator[Advanced]:
        """Look at what others have, end what hangs, tell how far it is."""
        now = self._ticked = time.monotonic()
        with self._turn:
            active = list(self._active)
            due = [one for one in self._waiting if one.due <= now]
            self._waiting = [one for one in self._waiting if one.due > now]
        for one in due:
            self._begin(one.content, one)
        for download in active:
            if more := download.news():
                yield Advanced(download.content, more)
            for piece in download.stalled(now):
                self._give_up(download, piece)
        if self._is_held_up(now, active):
            self._add_thread()
            self._add_thread()
        self._wake()

    def _is_held_up(self, now: float, active: Sequence[Download]) -> bool:
        """Tell whether more threads would help: all wait for the network, and there is more to do.

        On a near network they would only be in each other's way: Python runs one at a time.
        """
        if self._idle or len(self._threads) >= CONNECTIONS:
            return False
        return self._network.latency > _FAR or any(one.began < now - _LONG for one in active)

    def _give_up(self, download: Download, piece: Piece) -> None:
        """Take a piece from a thread that hangs on it, and put another thread in its place."""
        piece.abort()
        error = EndpointUnreachable(t("{endpoint} does not get on.", endpoint=piece.source.name))
        download.returned(piece, Retry(error))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < 4 * CONNECTIONS:
            self._add_thread()

    def _stop(self) -> None:
        self._ended.set()
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
            active = list(self._active)
        for download in active:
            download.stop()
        self._network.interrupt()
        deadline = time.monotonic() + _LAST_WORDS
        for thread in self._threads:
            if thread.is_alive():  # Not one that Ctrl-C met while it was made.
                thread.join(max(0.0, deadline - time.monotonic()))
        sweep(self._partials)
