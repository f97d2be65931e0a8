"""What `swarmcache pull` shows to people: the plan, each repo's outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import listed, t, tn
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.layout import Target
    from swarmcache.plans.pull import PlannedPull, Pulled, PullPlan
    from swarmcache.report.terminal import Terminal
    from swarmcache.transfer.listing import RemoteFile


def say_plan(terminal: Terminal, plan: PullPlan, *, as_result: bool) -> None:
    """Say per repo what is to be done, and what it takes in all: the result of a dry run."""
    from swarmcache.plans.pull.values import what_is_left_out  # noqa: PLC0415 - after usage errors

    say = terminal.out if as_result else terminal.say
    say_next_door(terminal, plan)
    for model in plan.models:
        if model.error is not None and as_result:
            say(_failure_line(terminal, model.target, model.error))
        elif model.listing is not None or as_result:
            say(_plan_line(model))
        for line in _file_lines(model) if as_result or terminal.verbose else ():
            say(line)
        if left_out := what_is_left_out(model):
            say("    " + left_out)
    for line in _forecast(plan):
        say(line)
    say_unsafe_tiers(terminal, plan)


def say_next_door(terminal: Terminal, plan: PullPlan) -> None:
    """Say once why no endpoint was heard, and per repo which cache told its commit instead."""
    told = [model for model in plan.models if model.unanswered is not None]
    if not told:
        return
    message = t(
        "The Hub was not heard, so caches on this machine are taken at their word: {reason}",
        reason=told[0].unanswered.message if told[0].unanswered else "",
    )
    terminal.alert(f"{terminal.warn} {message}")
    for model in told:
        terminal.say(_told_line(model))
        if model.absent:
            terminal.say(
                "    "
                + t(
                    "Without {names}, which no cache here has and loading does not need.",
                    names=_two_of(model.absent),
                )
            )


def say_unsafe_tiers(terminal: Terminal, plan: PullPlan) -> None:
    """Warn of each tier that the settings want links into, and that this user can write."""
    for line in unsafe_tier_lines(terminal, plan):
        terminal.alert(line)


def unsafe_tier_lines(terminal: Terminal, plan: PullPlan) -> Iterator[str]:
    """Yield these warnings, each with what it costs."""
    for tier, taken in plan.unsafe_tiers.items():
        why = t(
            "No link leads into the tier {path}: this user can write there, and clients of the Hub "
            "up to 1.31 would remove its files through links. Mount it read-only.",
            path=tier,
        )
        if taken:
            cost = t("Until then {size} of it takes its room again.", size=human_bytes(taken))
            why = f"{why} {cost}"
        yield f"{terminal.warn} {why}"


def _told_line(model: PlannedPull) -> str:
    where = {
        "name": model.target.spelled,
        "rev": model.target.revision,
        "commit": model.listing.commit[:12] if model.listing else "",
        "cache": model.listing.endpoint if model.listing else "",
    }
    if model.elsewhere:
        return t(
            "{name}: {rev} is commit {commit}, as {cache} has it; it is another one, fetched "
            "earlier or not complete, in {others}.",
            others=listed(model.elsewhere),
            **where,
        )
    return t("{name}: {rev} is commit {commit}, as {cache} has it.", **where)


def _two_of(files: Sequence[RemoteFile]) -> str:
    from swarmcache.plans.pull.values import two_of  # noqa: PLC0415 - after usage errors

    return two_of([file.path for file in files])


def _plan_line(model: PlannedPull) -> str:
    name = model.target.spelled
    size = human_bytes(model.fetch_bytes)
    if model.is_idle:
        return t("{name}: nothing to fetch.", name=name)
    if not model.fetch:
        return t("{name}: nothing to fetch, what is cached is linked.", name=name)
    return tn(
        "{name}: {n} file to fetch, {size}, from {sources}.",
        "{name}: {n} files to fetch, {size}, from {sources}.",
        len(model.fetch),
        name=name,
        size=size,
        sources=listed(_places(model)),
    )


def _places(model: PlannedPull) -> list[str]:
    """Return the caches and the endpoint that a repo's files come from."""
    from swarmcache.transfer.contents import place_of  # noqa: PLC0415 - only for what is fetched

    return list(dict.fromkeys(map(place_of, model.sources)))


def _file_lines(model: PlannedPull) -> Iterator[str]:
    for file in model.fetch:
        size = human_bytes(file.size or 0)
        have = model.resumable.get(file.content, 0)
        if have:
            yield "    " + t(
                "{path}: {size}, {have} of it here already",
                path=file.path,
                size=size,
                have=human_bytes(have),
            )
        else:
            yield "    " + t("{path}: {size}", path=file.path, size=size)


def _forecast(plan: PullPlan) -> Iterator[str]:
    """Yield what the pull takes of the line and of the disk."""
    if not plan.fetch_bytes:
        return
    needed, free = human_bytes(plan.needed_bytes), human_bytes(plan.free_bytes)
    yield t(
        "To fetch: {needed} into {path}, which has {free} free.",
        needed=needed,
        path=plan.cache,
        free=free,
    )
    resumable = sum(model.resumable_bytes for model in plan.models)
    if resumable:
        size = human_bytes(resumable)
        yield t("An earlier download has left {size}, which is not fetched again.", size=size)
    linkable = sum(model.linkable_bytes for model in plan.models)
    if linkable:
        size = human_bytes(linkable)
        yield t("{size} of it is in caches on this machine, and takes no more room.", size=size)
    copied = sum(model.nearby_bytes for model in plan.models) - linkable
    if copied:
        size = human_bytes(copied)
        yield t("{size} of it is copied from caches on this machine.", size=size)
    if plan.reserved_bytes:
        size = human_bytes(plan.reserved_bytes)
        yield t("Downloads of other processes will still take {size}.", size=size)


def result_line(terminal: Terminal, result: Pulled) -> str:
    """Return the line that tells how one repo came out."""
    name, size = result.target.spelled, human_bytes(result.size)
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
    return f"{terminal.bad} " + t("{name}: {reason}", name=target.spelled, reason=error.message)


def summarise(terminal: Terminal, results: Sequence[Pulled]) -> None:
    """Say what travelled, and the next step after a failure."""
    fetched = sum(result.downloaded_bytes for result in results)
    if fetched:
        terminal.say(t("Downloaded {size}.", size=human_bytes(fetched)))
    copied = sum(result.copied_bytes for result in results)
    if copied:
        terminal.alert(f"{terminal.warn} " + _copied(copied))
    hints = dict.fromkeys(r.error.hint for r in results if r.error is not None and r.error.hint)
    for hint in hints:
        terminal.alert(terminal.next_step(hint))


def _copied(count: int) -> str:
    return t(
        "{size} had to be copied and take their room twice: the cache next door lies on another"
        " file system, its files belong to another user, or this file system can neither link nor"
        " share.",
        size=human_bytes(count),
    )
