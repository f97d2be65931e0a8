"""How fast and how politely bytes are read, on machines that have other work to do."""

from __future__ import annotations

import os
import platform
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273}
"""The number of the Linux system call `ioprio_set`, which the C library does not wrap."""
_IDLE_CLASS = 3 << 13
"""`IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)`: the disk only when nobody else wants it."""
_SLACK_SECONDS = 0.25
"""What may be caught up: without any, each late wake-up on a busy machine would lower the rate."""


class Throttle:
    """Keeps several threads together at or below a rate in bytes a second."""

    def __init__(
        self,
        rate: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    def spend(self, count: int) -> None:
        """Return once `count` more bytes are within the rate."""
        with self._lock:
            now = self._clock()
            # Hardly anything is saved up: a pause ends without a burst.
            self._free_at = max(self._free_at, now - _SLACK_SECONDS) + count / self._rate
            wait = self._free_at - now
        if wait > 0:
            self._sleep(wait)


def step_back() -> None:
    """Let all other work go before this thread, on CPU and disk, as far as the system allows."""
    with suppress(OSError, AttributeError):
        os.nice(19)  # On Linux of the calling thread alone.
    with suppress(OSError, AttributeError, KeyError):
        import ctypes  # noqa: PLC0415 - costs milliseconds

        number = _IOPRIO_SET[platform.machine()]
        ctypes.CDLL(None).syscall(number, 1, 0, _IDLE_CLASS)
