"""What `swarmcache pull` shows: the plan, each repo's outcome, the JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t, tn
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.layout import Target
    from swarmcache.plans.pull import PlannedPull, Pulled, PullPlan
    from swarmcache.report.terminal import Terminal


def say_plan(terminal: Terminal, plan: PullPlan, *, as_result: bool) -> None:
    """Say per repo what is to be done, and what it takes in all: the result of a dry run."""
    from swarmcache.plans.pull.values import what_is_left_out  # noqa: PLC0415 - after usage errors

    say = terminal.out if as_result else terminal.say
    for model in plan.models:
        if model.error is not None and as_result:
            say(_failure_line(terminal, model.target, model.error))
        elif model.listing is not None or as_result:
            say(_plan_line(model))
        if left_out := what_is_left_out(model):
            say("    " + left_out)
    if plan.fetch_bytes:
        needed, free = human_bytes(plan.fetch_bytes), human_bytes(plan.free_bytes)
        say(
            t(
                "To fetch: {needed} into {path}, which has {free} free.",
                needed=needed,
                path=plan.cache,
                free=free,
            )
        )


def _plan_line(model: PlannedPull) -> str:
    name = _name(model.target)
    size = human_bytes(model.fetch_bytes)
    if model.is_idle:
        return t("{name}: nothing to fetch.", name=name)
    return tn(
        "{name}: {n} file to fetch, {size}.",
        "{name}: {n} files to fetch, {size}.",
        len(model.fetch),
        name=name,
        size=size,
    )


def result_line(terminal: Terminal, result: Pulled) -> str:
    """Return the line that tells how one repo came out."""
    name, size = _name(result.target), human_bytes(result.size)
    if result.error is not None:
        return _failure_line(terminal, result.target, result.error)
    if result.state == "unknown":
        message = t(
            "Model {name} is fetched ({size}); whether it loads cannot be told.",
            name=name,
            size=size,
        )
        return f"{terminal.warn} {message}"
    if result.target.type != "model":
        return f"{terminal.ok} " + t("{name} is cached ({size}).", name=name, size=size)
    return f"{terminal.ok} " + t("Model {name} is cached ({size}).", name=name, size=size)


def _failure_line(terminal: Terminal, target: Target, error: SwarmcacheError) -> str:
    return f"{terminal.bad} " + t("{name}: {reason}", name=_name(target), reason=error.message)


def summarise(terminal: Terminal, results: Sequence[Pulled]) -> None:
    """Say what travelled, and the next step after a failure."""
    fetched = sum(result.downloaded_bytes for result in results)
    if fetched:
        terminal.say(t("Downloaded {size}.", size=human_bytes(fetched)))
    hints = dict.fromkeys(r.error.hint for r in results if r.error is not None and r.error.hint)
    for hint in hints:
        terminal.alert(t("Next: {command}", command=hint))


def _name(target: Target) -> str:
    folder = "" if target.type == "model" else f"{target.type}s/"
    revision = "" if target.revision == "main" else f"@{target.revision}"
    return f"{folder}{target.id}{revision}"


def print_document(
    terminal: Terminal, plan: PullPlan, results: Sequence[Pulled], *, dry_run: bool
) -> None:
    """Print the document that `report/schemas/pull.json` describes."""
    from swarmcache.report.json import document  # noqa: PLC0415

    entries = [_entry(model, result) for model, result in zip(plan.models, results, strict=True)]
    terminal.out(
        document(
            "pull",
            ok=all(result.ok for result in results),
            dry_run=dry_run,
            cache=plan.cache,
            free_bytes=plan.free_bytes,
            fetch_bytes=plan.fetch_bytes,
            models=entries,
        )
    )


def _entry(model: PlannedPull, result: Pulled) -> dict[str, object]:
    error = result.error
    return {
        "id": result.target.id,
        "type": result.target.type,
        "revision": result.target.revision,
        "commit": result.commit,
        "state": result.state,
        "size_bytes": result.size,
        "files": result.files,
        "downloaded_bytes": result.downloaded_bytes,
        "resumed_bytes": result.resumed_bytes,
        "linked_bytes": result.linked_bytes,
        "skipped_bytes": result.skipped_bytes,
        "source": result.source or None,
        "plan": {
            "fetch": [file.path for file in model.fetch],
            "fetch_bytes": model.fetch_bytes,
            "skip": [file.path for file in model.left_out],
        },
        "error": error
        and {"kind": type(error).__name__, "message": error.message, "hint": error.hint},
    }
