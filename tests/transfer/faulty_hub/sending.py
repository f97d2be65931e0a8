"""How an answer goes over the wire: counted, at a rate, and with whatever shall go wrong there."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import Answer, Request

LARGEST = 2**18
"""Bytes handed to the kernel at once; also what it may hold of one connection."""

CREDIT = 0.05
"""Seconds of sleeping too long, which a machine that is busy does, that are made up for."""


class Pace:
    """A rate that all connections of a server share."""

    def __init__(self, bytes_per_second: float | None = None) -> None:
        self.bytes_per_second = bytes_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self, count: int, ending: threading.Event) -> None:
        """Return when `count` bytes may have gone; at once if the server ends."""
        if not self.bytes_per_second:
            return
        with self._lock:
            earliest = time.monotonic() - CREDIT
            self._free_at = max(self._free_at, earliest) + count / self.bytes_per_second
            until = self._free_at
        ending.wait(max(0.0, until - time.monotonic()))

    @property
    def step(self) -> int:
        """How many bytes go at once, so that there are some 50 steps in a second."""
        if not self.bytes_per_second:
            return LARGEST
        return max(1, min(LARGEST, int(self.bytes_per_second / 50)))


def send_body(
    connection: socket.socket,
    request: Request,
    answer: Answer,
    pace: Pace,
    ending: threading.Event,
) -> bool:
    """Send the body; return whether the connection may carry on."""
    paces = [pace] if answer.bytes_per_second is None else [pace, Pace(answer.bytes_per_second)]
    stops = [answer.length, answer.cut_at, answer.silent_at]
    left = end = min(stop for stop in stops if stop is not None)
    for piece in answer.content.pieces(answer.start, answer.start + end):
        rest = piece
        while rest and not ending.is_set():
            step = min(each.step for each in paces)
            for each in paces:
                each.wait(min(step, len(rest)), ending)
            count = connection.send(rest[:step])
            request.sent += count
            left -= count
            rest = rest[count:]
    if answer.silent_at is not None and end == answer.silent_at:
        ending.wait()
        return False
    if answer.cut_at is not None and answer.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return not (answer.close or left or answer.cut_at is not None)
