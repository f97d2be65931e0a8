"""Bytes and durations as people read them."""

from __future__ import annotations

from swarmcache.locale import t, tn

_STEPS = ("B", "kB", "MB", "GB", "TB", "PB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
"""Seconds."""


def human_bytes(count: int) -> str:
    """Return a count of bytes in decimal units, three digits at most: `954 MB`, `1.3 GB`.

    Decimal, as the Hub's pages and `hf cache ls` print them.
    """
    size = float(count)
    for unit in _STEPS:
        if size < 999.5 or unit == _STEPS[-1]:  # noqa: PLR2004 - rounds to 1000
            break
        size /= 1000
    digits = 0 if unit == "B" or size >= 99.95 else 1  # noqa: PLR2004 - three digits at most
    return f"{size:.{digits}f} {unit}"


def parse_bytes(text: str) -> int:
    """Return the bytes that `200GB`, `1.5 TiB` or `4096` name; ValueError for anything else."""
    cleaned = text.strip().upper()
    number = cleaned.rstrip("BIKMGTP ")
    unit = cleaned[len(number) :].strip()
    binary = unit.endswith("IB")
    letter = unit.removesuffix("B").removesuffix("I")
    count = float(number)
    if len(letter) > 1 or unit == "IB" or not 0 <= count < float("inf"):
        msg = f"not a size: {text!r}"
        raise ValueError(msg)
    power = " KMGTP".index(letter) if letter else 0
    return int(count * (1024 if binary else 1000) ** power)


def human_seconds(seconds: float) -> str:
    """Return a duration in its two largest units: `0.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def human_age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit, in the user's language."""
    if seconds >= _DAY:
        return tn("{n} day ago", "{n} days ago", int(seconds // _DAY))
    if seconds >= _HOUR:
        return tn("{n} hour ago", "{n} hours ago", int(seconds // _HOUR))
    if seconds >= _MINUTE:
        return tn("{n} minute ago", "{n} minutes ago", int(seconds // _MINUTE))
    return t("just now")
