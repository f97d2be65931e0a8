"""`check` for people: the ✓ and ⚠ lines that the original report asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.report.terminal import Terminal

_SHOWN = 5
"""Paths named per model on the terminal; JSON names all."""

_KINDS = {
    "model": lambda: t("Model"),
    "dataset": lambda: t("Dataset"),
    "space": lambda: t("Space"),
    "kernel": lambda: t("Kernel"),
}


def check_lines(terminal: Terminal, pairs: Sequence[tuple[Target, Outcome]]) -> Iterator[str]:
    """Yield one line for each model, and below it what is wrong with it."""
    for target, outcome in pairs:
        yield describe(terminal, target, outcome)
        yield from wrong_paths(outcome)


def wrong_paths(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each path that is damaged or missing, and one for all beyond the first."""
    paths = outcome.damaged + outcome.missing
    yield from (f"    {path}" for path in paths[:_SHOWN])
    if len(paths) > _SHOWN:
        yield "    " + t("… and {n} more", n=len(paths) - _SHOWN)


def describe(terminal: Terminal, target: Target, outcome: Outcome) -> str:
    """Return the line for one model that the original report asked for, ✓ or ⚠."""
    kind = _KINDS[target.type]()
    name = target.spelled
    if outcome.state == "complete":
        size = human_bytes(outcome.size)
        return f"{terminal.ok} " + t(
            "{kind} {name} is cached ({size}).", kind=kind, name=name, size=size
        )
    return f"{terminal.warn} " + _shortcoming(kind, name, outcome)


def _shortcoming(kind: str, name: str, outcome: Outcome) -> str:
    reason = outcome.reason
    if outcome.state == "damaged":
        return t("{kind} {name} is damaged: {reason}", kind=kind, name=name, reason=reason)
    if outcome.state == "incomplete":
        return t("{kind} {name} is cached in part: {reason}", kind=kind, name=name, reason=reason)
    if outcome.state == "missing":
        return t("{kind} {name} is not cached: {reason}", kind=kind, name=name, reason=reason)
    return t(
        "{kind} {name} is cached, perhaps not completely: {reason}",
        kind=kind,
        name=name,
        reason=reason,
    )
