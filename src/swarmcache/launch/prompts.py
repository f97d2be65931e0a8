"""Which variables a start script asks its user for, and thereby overwrites.

RL-Swarm's `read -p "…" MODEL_NAME` leaves an exported MODEL_NAME exported and empty when the user
presses Enter, and the trainer then asks the Hub for a model with no name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_BYTES = 256_000
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_READ = re.compile(r"^[^#\n]*?\bread\b(?P<words>[^#\n;|&<>]*)", re.MULTILINE)
_NAME = re.compile(r"(?<![\w-])[A-Za-z_]\w*")


def prompted_variables(arguments: Sequence[str], folder: str) -> frozenset[str]:
    """Return the variables that the script in a command line reads from its user.

    The script is the command itself or, as in `bash start.sh`, its first argument. What is not
    a readable shell script asks for nothing.
    """
    found: set[str] = set()
    for word in arguments[:2]:
        for match in _READ.finditer(_QUOTED.sub(" ", _script(os.path.join(folder, word)))):
            found.update(_NAME.findall(match["words"]))
    return frozenset(found)


def _script(path: str) -> str:
    """Return the text of a shell script, or nothing for any other file."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES)
    except OSError:
        return ""
    first = content[:128].partition(b"\n")[0]
    is_shell = path.endswith((".sh", ".bash")) or (first.startswith(b"#!") and b"sh" in first)
    return content.decode(errors="replace") if is_shell else ""
