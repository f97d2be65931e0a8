"""`init` for people: the folder with its reasons, the plan as a diff, and what is left."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from swarmcache.locale import t
from swarmcache.report.group_text import flaw_sentence, left_lines
from swarmcache.report.group_text import plan_lines as group_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init import Left, SetupPlan
    from swarmcache.report.terminal import Terminal

_INSIDE = frozenset({"folders", "files", "locks"})
"""What keeps a container from models that are there; the folders above are not in it."""


def plan_lines(terminal: Terminal, plan: SetupPlan) -> Iterator[str]:
    """Yield the proposal, then every change as a unified diff."""
    yield t("The one cache: {path}", path=plan.folder.path)
    for reason in plan.folder.reasons:
        mark = terminal.ok if reason.good else terminal.warn
        yield f"  {mark} {reason.message}"
    for path in plan.folder.better:
        yield "  " + t("Better: swarmcache init --layout {path}", path=shlex.quote(path))
    for write in plan.writes:
        yield ""
        yield t("{file}: {why}", file=write.change.file, why=write.why)
        yield from write.change.diff()
    if plan.writes:
        yield ""
    if plan.sharing is not None and plan.sharing.steps:
        if not plan.group_asked:
            yield t("The users of the containers are to write into the folder as well:")
        yield from group_lines(plan.sharing)
        if not plan.group_asked:
            inside = [flaw for flaw in plan.sharing.left if flaw.kind in _INSIDE]
            for flaw in inside:
                yield f"{terminal.warn} {flaw_sentence(flaw)}"
                yield f"    {flaw.fix}"
    for left in plan.left:
        yield from left_to_people(terminal, left)


def outcome_lines(terminal: Terminal, plan: SetupPlan, *, dry_run: bool) -> Iterator[str]:
    """Yield what is told at the end."""
    if plan.sharing is not None and plan.group_asked:
        yield from _shared(terminal, plan.sharing, dry_run=dry_run)
    if dry_run:
        yield t("Nothing was changed.")
        return
    if not plan.writes:
        yield f"{terminal.ok} " + t("Every file of the project is as init would write it.")
    else:
        yield t("swarmcache init --undo takes it back.")
    yield t("Start with: {line}", line=plan.lines[1])


def left_to_people(terminal: Terminal, left: Left) -> Iterator[str]:
    """Yield what init does not do, and the command or lines by which a person may."""
    told = t("{file}: {why}", file=left.file, why=left.reason) if left.file else left.reason
    yield f"{terminal.warn} {told}"
    yield from (f"    {line}" for line in left.fix.splitlines())


def _shared(terminal: Terminal, plan: GroupPlan, *, dry_run: bool) -> Iterator[str]:
    if not dry_run:
        done = t("{path} is open to {group}.", path=plan.path, group=plan.group)
        yield f"{terminal.ok} {done}"
    for sentence, fix in left_lines(plan):
        yield f"{terminal.warn} {sentence}"
        if fix:
            yield f"    {fix}"
    yield t("Share this folder only: with HF_HOME, the members would share one token as well.")
