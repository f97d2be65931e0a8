"""What a word of a script may become when the shell expands it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.values import combined, of
from swarmcache.project.readers.shell.syntax import ScriptFolder, Variable

if TYPE_CHECKING:
    from swarmcache.project.effective.values import Variables
    from swarmcache.project.readers.shell.syntax import Part, Word

_MAX_DEPTH = 20


def expanded(
    word: Word, variables: Variables, folder: str, depth: int = 0
) -> tuple[str | None, ...]:
    """Return what a word may be, None for what is not known.

    `folder` is the script's own; a variable that is unset is empty, as without `set -u`.
    """
    if depth > _MAX_DEPTH:
        return (None,)
    return combined([_part(part, variables, folder, depth) for part in word.parts])


def _part(part: Part, variables: Variables, folder: str, depth: int) -> tuple[str | None, ...]:
    if isinstance(part, str):
        return (part,)
    if isinstance(part, ScriptFolder):
        return (folder,)
    if isinstance(part, Variable):
        return _variable(part, variables, folder, depth)
    return (None,)


def _variable(
    part: Variable, variables: Variables, folder: str, depth: int
) -> tuple[str | None, ...]:
    """Return the values of `${NAME…}`; what `:-` gives where it is unset or empty."""
    if part.operator == "other" or (not part.name.isidentifier() and not part.name.isdecimal()):
        return (None,)
    other = (None,) if part.word is None else expanded(part.word, variables, folder, depth + 1)
    found: list[str | None] = []
    for setting in of(variables, part.name):
        value = None if setting is None else setting.value
        is_set = setting is not None and (value != "" or ":" not in part.operator)
        if part.operator in {"", ":?", "?"}:
            found.append("" if setting is None else value)
        elif part.operator in {":+", "+"}:
            found += other if is_set else ("",)
        elif setting is not None and value is None and ":" in part.operator:
            found += (None, *other)  # What is not known may be empty.
        else:
            found += (value,) if is_set else other
    return tuple(dict.fromkeys(found))
