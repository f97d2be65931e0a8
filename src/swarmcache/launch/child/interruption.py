"""A termination signal while we still prepare: unwind, so that what runs for us ends with us."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit with 128 + n inside the block; main thread only.

    Otherwise a download's worker process would have to notice by itself; and process 1 of a
    container, for which the system discards them, would pull on until it is killed. A signal that
    was ignored when we were started (`nohup`) stays ignored.
    """
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _leave) for number in heard}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, signal.SIG_DFL if action is None else action)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
