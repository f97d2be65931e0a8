"""One output stream: what it can carry, and how lines are written to it.

Lines carry the marks `✓ ⚠ ✗` as they are; the stream they go to decides their looks, so
the same line may go to a colour terminal, into a pipe, or to an ASCII console.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from swarmcache.report.width import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

OK: Final = "✓"
WARN: Final = "⚠"
BAD: Final = "✗"

_ASCII: Final = {
    OK: "[ok]",
    WARN: "[!]",
    BAD: "[x]",
    "…": "...",
    "→": "->",
    "–": "-",
    "·": "-",
    "≤": "<=",
}
_COLOURS: Final = {OK: "\x1b[32m✓\x1b[0m", WARN: "\x1b[33m⚠\x1b[0m", BAD: "\x1b[31m✗\x1b[0m"}
_DEFAULT_WIDTH: Final = 80


class Stream:
    """A text stream with its abilities, found once."""

    __slots__ = ("ascii", "colour", "file", "redraws", "terminal", "width")

    def __init__(self, file: TextIO, variables: Mapping[str, str]) -> None:
        self.file = file
        self.terminal: bool = file.isatty()
        self.ascii: bool = not _carries_marks(file, variables)
        self.colour: bool = _is_coloured(self.terminal, variables)
        self.redraws: bool = self.terminal and not self.ascii and variables.get("TERM") != "dumb"
        """Whether bars can be drawn here, again and again in their place."""
        self.width: int = _columns(file, variables) if self.terminal else 0
        """Columns of the terminal; 0 where there is none, and nothing is to be cut."""

    def plain(self, text: str) -> str:
        """Return `text` with signs that this stream cannot carry replaced: `✓` by `[ok]`."""
        if self.ascii and not text.isascii():
            for sign, spelled in _ASCII.items():
                text = text.replace(sign, spelled)
        return text

    def dressed(self, line: str) -> str:
        """Return `line` as it is to be written: hidden characters spelled out, marks in colour."""
        line = self.plain(visible(line))
        if self.colour and not self.ascii and not line.isascii():
            for sign, coloured in _COLOURS.items():
                line = line.replace(sign, coloured)
        return line

    def write(self, text: str) -> None:
        """Write `text` unchanged and flush it, so that it keeps its place among a child's output.

        A character that the stream's encoding lacks is written as an escape, never an error.
        """
        try:
            self.file.write(text)
        except UnicodeEncodeError:
            encoding = self.file.encoding or "ascii"
            self.file.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.file.flush()


def started_with(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return `variables` without the LC_CTYPE that Python itself adds under a C locale.

    PEP 538 coerces an unset or C locale to C.UTF-8 and writes that into the environment, so
    the process no longer sees what its user chose; procfs still tells, where there is one.
    """
    if variables.get("LC_CTYPE") not in {"C.UTF-8", "C.utf8", "UTF-8"}:
        return variables
    try:
        with open("/proc/self/environ", "rb") as file:
            chosen = b"\0LC_CTYPE=" in b"\0" + file.read()
    except OSError:
        return variables
    if chosen:
        return variables
    return {name: value for name, value in variables.items() if name != "LC_CTYPE"}


def _carries_marks(file: TextIO, variables: Mapping[str, str]) -> bool:
    locale = next((v for n in ("LC_ALL", "LC_CTYPE", "LANG") if (v := variables.get(n))), "C")
    if os.name == "posix" and locale in {"C", "POSIX"}:
        return False
    try:
        (OK + WARN + BAD).encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_coloured(terminal: bool, variables: Mapping[str, str]) -> bool:
    if variables.get("NO_COLOR"):
        return False
    if variables.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return terminal and variables.get("TERM") != "dumb"


def _columns(file: TextIO, variables: Mapping[str, str]) -> int:
    named = variables.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    try:
        return os.get_terminal_size(file.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return _DEFAULT_WIDTH
