"""What a shell is given that ends at once: an `export` alone, which nobody sees."""

from __future__ import annotations

import re

_EXPORT = re.compile(r"\s*export\s+(?P<name>[A-Za-z_]\w*)=[^;&|\n]*;?\s*")


def exported_alone(text: str) -> str | None:
    """Return the variable that is all that a text exports, and does; None for any other text."""
    match = _EXPORT.fullmatch(text)
    return match["name"] if match is not None else None
