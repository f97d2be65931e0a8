"""`lock` for people: what is pinned, what moves and by how much, what has gone stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t, tn
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.plans.lock import LockPlan, PlannedPin
    from swarmcache.plans.stale import Stale
    from swarmcache.report.terminal import Terminal

_SHOWN = 5
"""Paths named per model; JSON names all."""


def plan_lines(terminal: Terminal, plan: LockPlan) -> Iterator[str]:
    """Yield one line for each model of the plan, and below it the files that change."""
    for pin in plan.pins:
        yield _pin_line(terminal, pin)
        if pin.change == "moved":
            yield from _changes(pin)


def stale_lines(terminal: Terminal, stale: Sequence[Stale]) -> Iterator[str]:
    """Yield one line for each point in which lock, project and cache disagree."""
    for one in stale:
        mark = terminal.warn + " " if one.matters else ""
        yield mark + _stale_line(one)


def _pin_line(terminal: Terminal, pin: PlannedPin) -> str:
    name = pin.target.spelled
    if pin.new is None:
        reason = pin.error.message if pin.error is not None else ""
        return f"{terminal.bad} " + t("{name}: {reason}", name=name, reason=reason)
    commit = pin.new.commit[:12]
    if pin.old is None:
        return f"{terminal.ok} " + tn(
            "{name} is pinned to {commit}: {n} file, {size}.",
            "{name} is pinned to {commit}: {n} files, {size}.",
            len(pin.new.files),
            name=name,
            commit=commit,
            size=human_bytes(pin.size),
        )
    if pin.change == "kept":
        return f"{terminal.ok} " + t("{name} stays at {commit}.", name=name, commit=commit)
    return f"{terminal.warn} " + t(
        "{name} moves from {old} to {new}: {size} of new content.",
        name=name,
        old=pin.old.commit[:12],
        new=commit,
        size=human_bytes(pin.new_bytes),
    )


def _changes(pin: PlannedPin) -> Iterator[str]:
    marked = [("~", path) for path in pin.modified]
    marked += [("+", path) for path in pin.added]
    marked += [("-", path) for path in pin.removed]
    yield from (f"    {mark} {path}" for mark, path in marked[:_SHOWN])
    if len(marked) > _SHOWN:
        yield "    " + t("… and {n} more", n=len(marked) - _SHOWN)


def _stale_line(stale: Stale) -> str:
    name = stale.target.spelled
    if stale.kind == "not-locked":
        return t("{name} is needed and not locked: swarmcache lock {name}", name=name)
    if stale.kind == "not-needed":
        return t("{name} is locked, and nothing here loads it any more.", name=name)
    return t(
        "{name} leads to {held} in the cache and is locked to {commit}: swarmcache pull {name}",
        name=name,
        held=(stale.cached or "")[:12],
        commit=(stale.locked or "")[:12],
    )
