"""Which statements of a script stand in which others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from swarmcache.project.readers.shell.syntax import (
    Arm,
    Branch,
    Command,
    Function,
    Loop,
    Subshell,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.shell.syntax import Statement
    from swarmcache.project.sources import Span

Around: TypeAlias = "tuple[Statement | Arm, ...]"
"""The statements around one, the outermost first; of a branch also the arm."""


def statements(
    body: Iterable[Statement], around: Around = ()
) -> Iterator[tuple[Statement, Around]]:
    """Yield every statement, what stands in it behind it."""
    for one in body:
        yield one, around
        inside = (*around, one)
        if isinstance(one, Branch):
            for arm in one.arms:
                yield from statements(arm.condition, inside)
                yield from statements(arm.body, (*inside, arm))
        elif isinstance(one, Loop):
            yield from statements(one.condition, inside)
            yield from statements(one.body, inside)
        elif isinstance(one, Function | Subshell):
            yield from statements(one.body, inside)


def is_guarded(body: Iterable[Statement], span: Span) -> bool:
    """Tell whether the command at a span is run only if something holds."""
    return any(
        isinstance(outer, Branch) and not outer.goes_on
        for one, around in statements(body)
        if one.span == span and isinstance(one, Command)
        for outer in around
    )
