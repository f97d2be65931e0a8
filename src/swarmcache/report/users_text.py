"""Who uses a cache now, for people."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from swarmcache.locale import t, tn
from swarmcache.units import human_age

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.use.users import User, Users
    from swarmcache.report.terminal import Terminal


def users_lines(terminal: Terminal, found: Users, cache: str) -> Iterator[str]:
    """Yield a table with a row for each process and repo, and what could not be known."""
    yield ""
    if found.users:
        now = time.time()
        columns = (t("MODEL"), t("PID"), t("USER"), t("LEASED"), t("FILES"), t("COMMAND"))
        yield from terminal.table(
            columns, [row for user in found.users for row in _rows(user, now)]
        )
    else:
        yield t("As far as can be seen, nobody uses this cache now.")
    if found.uninspected:
        yield f"{terminal.warn} " + tn(
            "{n} process could not be looked into; what it has open is not known.",
            "{n} processes could not be looked into; what they have open is not known.",
            found.uninspected,
        )
        if not _is_root():
            # Root's own settings may mean another cache.
            command = shlex.join(["sudo", "swarmcache", "status", "--users", cache])
            yield terminal.next_step(command)
    if not found.visible:
        yield f"{terminal.warn} " + t("This system does not tell which files are open.")


def _rows(user: User, now: float) -> Iterator[tuple[str, ...]]:
    """Yield a row for each repo; a repo that is only leased has no files to count."""
    since = human_age(now - user.since) if user.since is not None else "–"
    for repo, files in user.repos.items():
        yield (
            repo.spelled,
            str(user.pid),
            user.account or "–",
            since,
            str(len(files)) if files else "–",
            _short(user.command) if user.near else _far(user),
        )


def _short(words: Sequence[str]) -> str:
    """Return a command as one types it: no folder before it, no Python before a script."""
    first, *rest = words
    if rest and not rest[0].startswith("-") and os.path.basename(first).startswith("python"):
        first, *rest = rest
    return " ".join([os.path.basename(first) or first, *rest])


def _far(user: User) -> str:
    if not user.host:
        return t("in another container or machine")
    return t(
        "{command}, in another container or machine ({host})",
        command=user.command[0],
        host=user.host,
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
