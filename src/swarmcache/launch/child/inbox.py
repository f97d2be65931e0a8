"""Signals as messages: whatever arrives is read in order from a pipe, by one reader."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swarmcache.launch.child import descriptors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from types import FrameType


class SignalInbox:
    """The signals that arrived and were not read yet."""

    __slots__ = ("_reading", "_unread")

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self._unread = b""

    def wait(self) -> bytes:
        """Return the numbers of the signals that arrived, at least one, each as one byte."""
        arrived, self._unread = self._unread or os.read(self._reading, 512), b""
        return arrived

    def arrived(self, *, within: float) -> bytes:
        """Return the numbers of the signals that arrived; none after `within` seconds without."""
        if not self._unread and not select.select([self._reading], [], [], within)[0]:
            return b""
        return self.wait()

    def holds(self, number: int, *, within: float) -> bool:
        """Tell whether this signal is still to be read, waiting at most `within` seconds for it."""
        deadline = time.monotonic() + within
        while number not in self._unread:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._reading], [], [], left)[0]:
                return False
            self._unread += os.read(self._reading, 512)
        return True

    def left(self) -> set[int]:
        """Return the numbers of the signals that arrived and that nobody read."""
        left, self._unread = set(self._unread), b""
        while select.select([self._reading], [], [], 0)[0]:
            left.update(os.read(self._reading, 512))
        return left


@contextmanager
def receiving(
    numbers: Iterable[int], *, handed_on: Collection[int] = frozenset()
) -> Iterator[SignalInbox]:
    """Receive these signals instead of acting on them; main thread only.

    Those of `handed_on` that arrived and that nobody read are sent to us once more afterwards, for
    whoever heard them before: what comes between the last look and the end would be lost.

    A pipe and not `sigwait`: threads that a download left behind have the signals unblocked, and
    the system may hand a signal to any of them. A signal that was ignored when we were started
    (`nohup`) stays ignored, for us and for the child; only SIGCHLD is always heard.
    """
    reading, writing = descriptors.pipe()
    os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, _received) for number in numbers if _heard(number)}
    inbox = SignalInbox(reading)
    try:
        yield inbox
    finally:
        for number, action in before.items():
            signal.signal(number, signal.SIG_DFL if action is None else action)
        signal.set_wakeup_fd(previous)
        left = inbox.left()
        os.close(reading)
        os.close(writing)
        for number in left.intersection(handed_on):
            signal.raise_signal(number)


def _heard(number: int) -> bool:
    return number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN


def _received(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number is in the pipe already, written before Python calls this."""
