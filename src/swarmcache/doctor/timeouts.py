"""How huggingface_hub reads its two timeouts: whole seconds, and nothing but whole seconds.

`int(value) or 10`, from 0.17 to 2.4 (`constants.py`): what is no whole number, the empty string
too, raises ValueError when the library is imported; 0 is the default.
"""

from __future__ import annotations

import math
import re

_TIME = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|sec|seconds?|m|min|minutes?)?")
DEFAULT_SECONDS = 10


def seconds(value: str) -> int | None:
    """Return the seconds that a value means; None for what fails at import."""
    try:
        return int(value) or DEFAULT_SECONDS
    except ValueError:
        return None


def meant_seconds(value: str) -> int | None:
    """Return the whole seconds that `2m`, `30s` or `2.5` are meant to be; None for other texts."""
    match = _TIME.fullmatch(value.strip().lower())
    if match is None:
        return None
    return math.ceil(float(match[1]) * (60 if (match[2] or "").startswith("m") else 1)) or None
