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
    from collections.abc import Iterable, Iterator, Sequence

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


def is_guarded(body: Sequence[Statement], span: Span) -> bool:
    """Tell whether the command at a span is run only if something holds.

    Behind `if …; then return; fi` it is, as it is in a branch.
    """
    before: list[Statement] = []
    for one in body:
        if isinstance(one, Command) and one.span == span:
            return any(map(_may_leave, before))
        for inner, aside in _inside(one):
            if any(found.span == span for found, _ in statements(inner)):
                return aside or any(map(_may_leave, before)) or is_guarded(inner, span)
        before.append(one)
    return False


def _inside(one: Statement) -> Iterator[tuple[tuple[Statement, ...], bool]]:
    """Yield what stands in a statement, and whether it is run only if something holds."""
    if isinstance(one, Branch):
        for arm in one.arms:
            yield arm.condition, False
            yield arm.body, not one.goes_on
    elif isinstance(one, Loop):
        yield one.condition, False
        yield one.body, False
    elif isinstance(one, Function | Subshell):
        yield one.body, False


def _may_leave(one: Statement) -> bool:
    """Tell whether a statement ends the script or function well if something holds."""
    return isinstance(one, Branch) and any(
        isinstance(inner, Command)
        and inner.name in {"return", "exit"}
        and [word.literal for word in inner.words[1:]] in ([], ["0"])
        for arm in one.arms
        for inner in arm.body
    )
