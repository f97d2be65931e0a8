"""How huggingface_hub reads its two timeouts: whole seconds, and nothing but whole seconds.

`int(value) or 10`, from 0.17 to 2.4 (`constants.py`): what is no whole number, the empty string
too, raises ValueError when the library is imported; 0 is the default.
"""

from __future__ import annotations

DEFAULT_SECONDS = 10


def seconds(value: str) -> int | None:
    """Return the seconds that a value means; None for what fails at import."""
    try:
        return int(value) or DEFAULT_SECONDS
    except ValueError:
        return None
