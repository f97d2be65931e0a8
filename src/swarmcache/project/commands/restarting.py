"""Loops that start a program again and again, and what keeps them from doing it too often."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.shell.syntax import Arm, Command, Variable
from swarmcache.project.readers.shell.within import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.project.readers.shell.syntax import Loop, Statement, Word

_FOR_EVER = frozenset({"true", ":", "1", "[ 1 ]", "[ true ]", "[[ true ]]", "((1))", "(( 1 ))"})
_SLEEP = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_COUNTS = re.compile(r"-(?:ge|gt|eq|le|lt)\b|\(\(|[<>]=?\s*\d")
_LEAVES = frozenset({"break", "exit", "return"})


def runs_for_ever(loop: Loop) -> bool:
    """Tell whether a loop's condition always holds."""
    return loop.kind == "while" and loop.text.strip() in _FOR_EVER


def waits(body: Iterable[Statement]) -> float | None:
    """Return the longest time that is slept, in seconds; None where it depends on a variable."""
    longest = 0.0
    for one, _ in statements(body):
        if isinstance(one, Command) and one.name == "sleep" and len(one.words) > 1:
            seconds = _seconds(one.words[1])
            if seconds is None:
                return None
            longest = max(longest, seconds)
    return longest


def _seconds(word: Word) -> float | None:
    match = _SLEEP.fullmatch(word.literal or "")
    return float(match[1]) * _UNITS[match[2]] if match else None


def gives_up(body: Iterable[Statement]) -> bool:
    """Tell whether a loop is left behind a count, or where the program ended well."""
    for one, around in statements(body):
        if isinstance(one, Command) and one.name in _LEAVES:
            tests = [outer.text for outer in around if isinstance(outer, Arm)]
            if any(_COUNTS.search(text) for text in tests):
                return True
    return False


def is_own_script(words: Iterable[Word]) -> bool:
    """Tell whether a command's words end in the script that it stands in: `exec bash "$0"`."""
    return any(word.parts in {(Variable("0"),), (Variable("BASH_SOURCE"),)} for word in words)
