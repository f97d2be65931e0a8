"""`adopt` for people: what comes from where, what stays there, and what it costs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from swarmcache.locale import t, tn
from swarmcache.report.check_text import wrong_paths
from swarmcache.report.clean_text import kept_line
from swarmcache.report.pull_text import unsafe_tier_lines
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.plans.adopt import Adopted, AdoptPlan
    from swarmcache.plans.pull import PlannedPull
    from swarmcache.report.terminal import Terminal


def plan_lines(terminal: Terminal, plan: AdoptPlan) -> Iterator[str]:
    """Yield a line for each revision, what cannot come, and what the whole takes."""
    yield t("From {source} into {path}:", source=plan.told, path=plan.pull.cache)
    for model in plan.pull.models:
        name, size = _name(model), human_bytes(model.fetch_bytes)
        if model.is_idle:
            yield t("{name}: is here already.", name=name)
        else:
            count = len(model.fetch) + len(model.link)
            words = {"name": name, "size": size}
            yield tn("{name}: {n} file, {size}.", "{name}: {n} files, {size}.", count, **words)
        if not (model.is_idle or _commit(model)):
            yield t("{name}: only blobs, since nothing tells their commit.", name=name)
        plain = [file for file in model.fetch if file.path in model.plain]
        if plain:
            yield tn(
                "{name}: {n} plain file comes as it is: nothing names its hash.",
                "{name}: {n} plain files come as they are: nothing names their hashes.",
                len(plain),
                name=name,
            )
    if plan.partials:
        yield from _unfinished(terminal, plan)
    yield from (kept_line(terminal, one.what, one.reason) for one in plan.kept)
    if plan.archive is not None:  # Its bytes lie in the cache already, and only get their names.
        return
    needed, free = human_bytes(plan.pull.needed_bytes), human_bytes(plan.pull.free_bytes)
    yield t("It takes {needed} more of the disk, which has {free} free.", needed=needed, free=free)
    yield from unsafe_tier_lines(terminal, plan.pull)


def _unfinished(terminal: Terminal, plan: AdoptPlan) -> Iterator[str]:
    """Yield what becomes of unfinished downloads of the Hub's clients."""
    coming = [one.size for one in plan.unfinished if one.goes_on]
    if coming:
        yield tn(
            "{n} unfinished download comes too, {size}.",
            "{n} unfinished downloads come too, {size}.",
            len(coming),
            size=human_bytes(sum(coming)),
        )
    others = [one.size for one in plan.unfinished if not one.goes_on]
    if others:
        told = tn(
            "{n} unfinished download does not come, {size}: no client goes on with it.",
            "{n} unfinished downloads do not come, {size}: no client goes on with them.",
            len(others),
            size=human_bytes(sum(others)),
        )
        yield f"{terminal.warn} {told}"


def result_lines(terminal: Terminal, one: Adopted) -> Iterator[str]:
    """Yield the line that tells how one revision came out, and below it what is wrong with it."""
    if one.error is not None:
        reason = t("{name}: {reason}", name=_name(one.model), reason=one.error.message)
        yield f"{terminal.bad} {reason}"
        if one.error.hint:
            yield terminal.next_step(one.error.hint)
        return
    name = _name(one.model)
    if not _commit(one.model):
        command = terminal.command(f"swarmcache pull {shlex.quote(one.model.target.spelled)}")
        told = t(
            "{name}: {command} links its blobs without downloading.", name=name, command=command
        )
        yield f"{terminal.ok} {told}"
        return
    if one.found is None or one.found.state in {"complete", "unknown"}:
        yield f"{terminal.ok} " + t("{name} is in place.", name=name)
        return
    yield f"{terminal.warn} " + t(
        "{name} is in place as it was, and not complete: {reason}",
        name=name,
        reason=one.found.reason,
    )
    yield from wrong_paths(one.found)


def cost_lines(terminal: Terminal, plan: AdoptPlan, adopted: Sequence[Adopted]) -> Iterator[str]:
    """Yield what takes no room, and the warning where some had to be copied."""
    linked = sum(one.linked_bytes for one in adopted)
    if linked and plan.archive is None:
        size = human_bytes(linked)
        yield t("{size} took no room: they were linked, or in place before.", size=size)
    copied = sum(one.copied_bytes for one in adopted)
    if copied and plan.archive is None:  # The unpacked bytes go again.
        size = human_bytes(copied)
        yield f"{terminal.warn} " + t(
            "{size} had to be copied, since the two places cannot share them.", size=size
        )


def _commit(model: PlannedPull) -> str:
    return model.listing.commit if model.listing is not None else ""


def _name(model: PlannedPull) -> str:
    target = model.target
    return target.name.at(target.revision) if target.revision != "main" else target.spelled
