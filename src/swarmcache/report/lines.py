"""Progress where nothing can be redrawn: a line at the start, now and then, at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from swarmcache.locale import t
from swarmcache.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE, _SHARE = 5.0, 0.1
"""Between two lines of one task: seconds at least, and the share of its time until then. A log, or
the mail that cron makes of it, must stay readable after a night."""


@dataclass(slots=True)
class _Task:
    total: int
    began: float
    done: int = 0
    said: float = 0.0


class Lines:
    """Writes progress as plain lines; its methods may be called from several threads."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._tasks: dict[str, _Task] = {}
        self._lock = Lock()

    def start(self, task: str, total: int) -> None:
        """Say that the work begins, and how many bytes it is."""
        with self._lock:
            now = self._clock()
            self._tasks[task] = _Task(total, now, said=now)
            size = human_bytes(total)
            self._say(t("{task}: {state}", task=task, state=size) if total else task)

    def advance(self, task: str, count: int) -> None:
        """Count `count` more bytes, and say so when the last line is old."""
        with self._lock:
            known = self._tasks.get(task)
            if known is None:
                return
            known.done += count
            now = self._clock()
            if now - known.said >= max(_PAUSE, _SHARE * (now - known.began)):
                known.said = now
                self._say(t("{task}: {state}", task=task, state=_state(known, now)))

    def finish(self, task: str) -> None:
        """Say what was done and how long it took."""
        with self._lock:
            known = self._tasks.pop(task, None)
            if known is not None:
                seconds = human_seconds(self._clock() - known.began)
                done = human_bytes(known.done)
                self._say(t("{task}: {done} in {seconds}", task=task, done=done, seconds=seconds))


def _state(task: _Task, now: float) -> str:
    rate = task.done / max(now - task.began, 1e-9)
    done, total = human_bytes(task.done), human_bytes(task.total)
    if not task.total:
        return f"{done}, {human_bytes(int(rate))}/s"
    left = human_seconds((task.total - task.done) / rate) if rate else "?"
    per_second = f"{human_bytes(int(rate))}/s"
    return t(
        "{done} of {total}, {rate}, {left} left", done=done, total=total, rate=per_second, left=left
    )
