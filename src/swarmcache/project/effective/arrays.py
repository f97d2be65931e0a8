"""Arrays of a shell: what their items are, as words that are not expanded yet."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.project.readers.shell.syntax import Array, Items, Opaque

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.project.readers.shell.syntax import Assignment, Word

Arrays: TypeAlias = "dict[str, tuple[Word, ...]]"
"""By name."""
_MOST_ITEMS = 200


def assigned_arrays(assignments: Sequence[Assignment], arrays: Arrays) -> Arrays:
    """Return the arrays behind assignments."""
    found = arrays
    for one in assignments:
        array = one.value.parts[0] if one.value.parts else None
        if isinstance(array, Array):
            items = items_of(array.items, arrays)
            before = found.get(one.name, ()) if array.more else ()
            found = {**found, one.name: (*before, *items)[:_MOST_ITEMS]}
    return found


def items_of(words: Sequence[Word], arrays: Arrays) -> tuple[Word, ...]:
    """Return words with those of arrays in place of `"${NAME[@]}"`."""
    if not arrays:
        return tuple(words)
    found: list[Word] = []
    for word in words:
        name = word.parts[0].name if [type(p) for p in word.parts] == [Items] else ""  # type: ignore[union-attr]
        found += arrays.get(name, (word,)) if name else (word,)
    return tuple(found)


def joined_arrays(ways: Sequence[Arrays]) -> Arrays:
    """Return the arrays behind several ways; where they part, a word that is not known."""
    first, *others = ways
    if all(other is first for other in others):
        return first
    found: Arrays = {}
    for name in dict.fromkeys(name for way in ways for name in way):
        rows = [way.get(name, ()) for way in ways]
        same = tuple(takewhile(lambda row: len(set(row)) == 1, zip(*rows, strict=False)))
        common = tuple(row[0] for row in same)
        rest = max(rows, key=len)[len(common) :]
        found[name] = (*common, replace(rest[0], parts=(Opaque(""),))) if rest else common
    return found
