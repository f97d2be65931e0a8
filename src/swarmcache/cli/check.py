"""`swarmcache check`: here and complete? Exit code 0 only when every model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.project_targets import project_targets
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.integrity import Missing, check
from swarmcache.hubcache.layout import Target, parse_target
from swarmcache.locale import t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.integrity import Outcome
    from swarmcache.report.terminal import Terminal

_SHOWN = 5
"""Paths named per model on the terminal; JSON names all."""

_KINDS = {
    "model": lambda: t("Model"),
    "dataset": lambda: t("Dataset"),
    "space": lambda: t("Space"),
    "kernel": lambda: t("Kernel"),
}


@click.command(
    help=t("Tell whether models are here and complete: structural, milliseconds, no network."),
    epilog="Example: swarmcache check Gensyn/Qwen2.5-0.5B-Instruct || swarmcache pull",
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--full", is_flag=True, help=t("Ask for every file of the revision."))
@common_options
def command(invocation: Invocation, models: tuple[str, ...], full: bool) -> int:
    """Check `models`, or without any what the project in the working directory loads."""
    targets = [parse_target(model) for model in models] or project_targets(invocation)
    cache = invocation.location.path
    here = cache_exists(cache, named=invocation.cache_dir is not None)
    pairs = [(target, _check(target, cache, here=here, full=full)) for target in targets]
    ok = all(outcome.state == "complete" for _, outcome in pairs)
    if invocation.json:
        from swarmcache.report.json import document  # noqa: PLC0415

        found = [_entry(target, outcome) for target, outcome in pairs]
        invocation.terminal.out(document("check", ok=ok, cache=cache, models=found))
    else:
        _show(invocation.terminal, pairs)
    return 0 if ok else 1


def _check(target: Target, cache: str, *, here: bool, full: bool) -> Outcome:
    if not here:
        return Missing(reason=t("The cache folder {path} does not exist yet.", path=cache))
    return check(target, cache, full=full)


def _entry(target: Target, outcome: Outcome) -> dict[str, object]:
    return {
        "id": target.id,
        "type": target.type,
        "revision": target.revision,
        "commit": outcome.commit,
        "state": outcome.state,
        "missing": list(outcome.missing),
        "damaged": list(outcome.damaged),
        "reason": outcome.reason,
        "size_bytes": outcome.size,
        "snapshot": outcome.snapshot,
    }


def _show(terminal: Terminal, pairs: Sequence[tuple[Target, Outcome]]) -> None:
    for target, outcome in pairs:
        terminal.out(describe(terminal, target, outcome))
        paths = outcome.damaged + outcome.missing
        for path in paths[:_SHOWN]:
            terminal.out(f"    {path}")
        if len(paths) > _SHOWN:
            terminal.out("    " + t("… and {n} more", n=len(paths) - _SHOWN))


def describe(terminal: Terminal, target: Target, outcome: Outcome) -> str:
    """Return the line for one model that the original report asked for, ✓ or ⚠."""
    kind = _KINDS[target.type]()
    name = target.id if target.revision == "main" else f"{target.id}@{target.revision}"
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
