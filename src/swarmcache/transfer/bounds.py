"""How long anything on the network may take; every wait of this room has one of these bounds."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment

LIST_SECONDS = 20.0
"""How long an endpoint may take to say what a repo holds."""
_LONGEST_PAUSE = 300.0
_BACKOFF = 0.5
_BACKOFF_LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds in seconds."""

    connect: float = 10.0
    """For one address of a host."""
    answer: float = 20.0
    """Until the first byte of an answer."""
    stall: float = 20.0
    """Between two bytes of content, and until 4 KiB more of it are there: a trickle is none."""
    listing: float = LIST_SECONDS
    """For all that one endpoint says of one repo."""
    attempts: int = 6
    """Failures in a row, without any progress between them, after which a source is given up; half
    as many where another source can be asked instead."""
    others: float = 60.0
    """How long another process's download may stand still while we wait for it."""

    @classmethod
    def of(cls, environment: Environment, *, listing: float = LIST_SECONDS) -> Bounds:
        """Return the usual bounds, lengthened by the Hub's own variables where those are longer.

        `SWARMCACHE_PATIENCE` is how many seconds another process's download may stand still.
        """
        usual = cls(listing=listing)
        answer = max(usual.answer, _seconds(environment.get("HF_HUB_ETAG_TIMEOUT")))
        stall = max(usual.stall, _seconds(environment.get("HF_HUB_DOWNLOAD_TIMEOUT")))
        others = _seconds(environment.get("SWARMCACHE_PATIENCE")) or usual.others
        return replace(usual, answer=answer, stall=stall, others=others)


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: doubling, with jitter."""
    longest = min(_BACKOFF_LIMIT, _BACKOFF * 2.0 ** min(max(0, failures - 1), 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks its client to wait, at most five minutes, or None.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), or the Hub's
    `ratelimit: "api";r=0;t=55` (huggingface_hub 2.4.0, `utils/_http.py`).
    """
    after = headers.get("Retry-After", "").strip()
    if after.isdecimal():
        return min(float(after), _LONGEST_PAUSE)
    if (moment := _moment(after)) is not None:
        return min(max(0.0, moment - time.time()), _LONGEST_PAUSE)
    pairs = (part.strip().partition("=") for part in headers.get("ratelimit", "").split(";"))
    fields = {name: value for name, _, value in pairs}
    left, until = fields.get("r", ""), fields.get("t", "")
    if left == "0" and until.isdecimal():
        return min(float(until), _LONGEST_PAUSE)
    return None


def _moment(text: str) -> float | None:
    """Return a date's seconds since the epoch, or None for what is no date."""
    parsed = parsedate_tz(text)
    try:
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 0.0
