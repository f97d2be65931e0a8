"""Carrying a setup out: backups first, then folders, then file by file, each by one rename."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.drafts import sweep_drafts
from swarmcache.launch.group_cache import open_to_group
from swarmcache.project.changes import digest, write_change
from swarmcache.project.undo import keep_backup, sweep_after, undo_last, written_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.launch.init.following import Following
    from swarmcache.launch.init.values import SetupPlan, Write
    from swarmcache.project.undo import Undone


def apply_setup(plan: SetupPlan, environment: Environment) -> Iterator[Write]:
    """Carry a plan out, yielding each file once it is written; a rerun goes on where it stopped.

    Raises ProjectError for a file that has changed meanwhile, OSError.
    """
    changes = [write.change for write in plan.writes]
    sweep_after(plan.project, environment, by="init")
    if changes or plan.made:
        keep_backup(plan.project, changes, environment, by="init", made=plan.made)
    if plan.sharing is not None:
        open_to_group(plan.sharing)
    else:
        for folder in plan.made:
            os.makedirs(folder, exist_ok=True)
    for write in plan.writes:
        write_change(write.change)
        yield write


def apply_following(plan: Following, project: str, environment: Environment) -> None:
    """Let a project follow its cache; a rerun goes on where it stopped.

    What init wrote can be taken back as before: of those files, as they were, a backup is kept.
    Raises ProjectError for a file that has changed meanwhile, OSError.
    """
    folder = os.path.realpath(project)
    sweep_after(folder, environment, by="init")
    written = written_by(folder, environment, by="init")
    changes = [write.change for write in plan.writes]
    own = [one for one in changes if (one.path, digest(one.before or b"")) in written]
    if own:
        keep_backup(folder, own, environment, by="init")
    for change in changes:
        write_change(change)
        sweep_drafts(os.path.dirname(change.path))


def undo_setup(project: str, environment: Environment) -> Iterator[Undone]:
    """Take back all that `init` wrote into a project, the last first, until a file is left.

    What `init` did in a cache stays: models that were adopted, and whom the folder is open to.
    """
    while True:
        outcomes = list(undo_last(project, environment, by="init"))
        yield from outcomes
        if not outcomes or any(one.reason for one in outcomes):
            return
