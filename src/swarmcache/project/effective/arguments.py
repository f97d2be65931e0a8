"""Arguments of a command as pairs: `--name value`, `--name=value`, and Hydra's `name=value`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.executions import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution

_OVERRIDE = re.compile(r"[+~]{0,2}(?P<key>[A-Za-z_][\w./@-]*)=(?P<value>.*)", re.DOTALL)


def option(execution: Execution, *names: str) -> Given | None:
    """Return the value of the first of these options that a command has; None without any."""
    words = execution.words()
    for at, word in enumerate(words):
        if word.values in {(name,) for name in names}:
            return words[at + 1] if at + 1 < len(words) else None
        for name in names:
            rest = tuple(v if v is None else _behind(v, f"{name}=") for v in word.values)
            if rest and None not in rest:
                return Given(rest, word.span)
    return None


def has_flag(execution: Execution, *names: str) -> Given | None:
    """Return the word that is one of these switches."""
    return next((w for w in execution.words() if len(w.values) == 1 and w.values[0] in names), None)


def overrides(execution: Execution) -> Iterator[tuple[str, Given]]:
    """Yield what a command sets as Hydra's overrides do, `a.b=c` and `+a.b=c`."""
    for word in execution.words():
        found = [_OVERRIDE.fullmatch(value) for value in word.known]
        keys = {match["key"] for match in found if match}
        if len(keys) == 1 and len(found) == len(word.values):
            values = tuple(match["value"].strip("'\"") if match else None for match in found)
            yield keys.pop(), Given(values, word.span)


def plain_words(execution: Execution) -> Iterator[Given]:
    """Yield the words that are no options; what stands behind an option may be its value."""
    for word in execution.words()[1:]:
        if not (word.values and (word.values[0] or "").startswith("-")):
            yield word


def _behind(text: str, start: str) -> str | None:
    return text[len(start) :] if text.startswith(start) else None
