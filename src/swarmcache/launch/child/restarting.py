"""When a command that ended is started again, and after which pause.

The pause doubles from FIRST_PAUSE up to LONGEST_PAUSE seconds, with jitter, so that eight instances
do not start in step; a run of LONG_RUN seconds begins anew. Where the starts of the last hour reach
the limit, the pause lasts until the oldest of them is an hour ago: an outage of a day costs no
operator's visit, and no limit of anybody's service.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from swarmcache.launch.child.inbox import receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.launch.child.inbox import SignalInbox
    from swarmcache.launch.child.supervise import Ending

When = Literal["no", "on-failure", "always"]
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
LONG_RUN = 600.0
_HOUR = 3600.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Restarts:
    """Counts the starts of one command, and says how long to wait before the next."""

    def __init__(
        self, when: When, most: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._when = when
        self._most = most
        """Starts in an hour."""
        self._clock = clock
        self._starts: deque[float] = deque(maxlen=most)
        self._short_runs = 0

    def begin(self) -> None:
        """Note a start."""
        self._starts.append(self._clock())

    def pause_after(self, ending: Ending) -> float | None:
        """Return the seconds until the next start; None where there is to be none."""
        if ending.told or self._when == "no" or (self._when == "on-failure" and not ending.code):
            return None
        now = self._clock()
        if now - self._starts[-1] >= LONG_RUN:
            self._short_runs = 0
        self._short_runs += 1
        doubled = FIRST_PAUSE * 2.0 ** min(self._short_runs - 1, 10)
        pause = min(LONGEST_PAUSE, doubled) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load
        if len(self._starts) == self._most:
            pause = max(pause, self._starts[0] + _HOUR - now)
        return pause


class Pause:
    """A wait that whoever tells us to end also ends; signals are heard from its making on.

    As process 1 of a container, orphans that end meanwhile are reaped.
    """

    def __init__(self, inbox: SignalInbox) -> None:
        self._inbox = inbox

    def told_within(self, seconds: float) -> int | None:
        """Return the signal that told us to end, None when the time is over."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for number in self._inbox.arrived(within=left):
                if number in _ENDING:
                    return number
                _reap()
        return None


@contextmanager
def pausing() -> Iterator[Pause]:
    """Hear signals inside the block instead of dying of them; main thread only."""
    numbers = {*_ENDING, *((signal.SIGCHLD,) if os.getpid() == 1 else ())}
    with receiving(numbers, handed_on=_ENDING) as inbox:
        yield Pause(inbox)


def _reap() -> None:
    with suppress(ChildProcessError):  # There is none left.
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
