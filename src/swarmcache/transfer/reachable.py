"""Which endpoint answers at all, found within seconds."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from swarmcache.transfer.bounds import Bounds
from swarmcache.transfer.http import Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.environment import Environment


def first_reachable(
    endpoints: Sequence[str], environment: Environment, *, seconds: float
) -> str | None:
    """Return the first of these endpoints that answers within `seconds`; None where none does.

    All are asked at once, without a token, and what they answer does not matter but for an error
    of the server. The first is waited for as long as there is time, the others only after it.
    """
    deadline = time.monotonic() + seconds
    bounds = Bounds(connect=seconds, answer=seconds, stall=seconds, listing=seconds, attempts=1)
    answers: list[queue.SimpleQueue[bool]] = []
    for endpoint in endpoints:
        answers.append(queue.SimpleQueue())
        task = (endpoint, environment, bounds, answers[-1])
        # A name that cannot be looked up ends when it wants to, so nobody waits for the thread.
        threading.Thread(target=_ask, args=task, daemon=True).start()
    for endpoint, answer in zip(endpoints, answers, strict=True):
        with suppress(queue.Empty):
            if answer.get(timeout=max(0.0, deadline - time.monotonic())):
                return endpoint
    return None


def _ask(
    endpoint: str, environment: Environment, bounds: Bounds, answers: queue.SimpleQueue[bool]
) -> None:
    try:
        connections = Connections(environment, bounds)
        with connections.get(f"{endpoint}/api/models?limit=1", {}) as answer:
            answers.put(answer.status < HTTPStatus.INTERNAL_SERVER_ERROR)
    except Exception:  # noqa: BLE001 - whatever it is, this one does not answer
        answers.put(False)
