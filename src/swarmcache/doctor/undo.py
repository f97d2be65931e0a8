"""Backups of what fixes have changed, and taking the last ones back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.fixing import digest, replace_content
from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import users_state
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.fixing import FixPlan
    from swarmcache.environment import Environment

_PLAN = "plan.json"
_MAX_BYTES = 10_000_000


class Undone(NamedTuple):
    """What became of one file."""

    path: str
    reason: str
    """Why it stays as it is; empty where it is as before."""


def keep_backup(plan: FixPlan, environment: Environment) -> None:
    """Keep what every file of a plan holds, before any is written; raises OSError."""
    top = f"{users_state(environment)}/fixes"
    os.makedirs(top, mode=0o700, exist_ok=True)
    number = max((int(e.name) for e in entries_of(top) if e.name.isdecimal()), default=0) + 1
    folder = f"{top}/{number}"
    os.mkdir(folder, 0o700)
    rows = []
    for change in plan.changes:
        before = digest(change.before)
        with open(os.open(f"{folder}/{before}", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(change.before)
            file.flush()
            os.fsync(file.fileno())
        rows.append({"path": change.path, "before": before, "after": digest(change.after)})
    document = {"project": plan.project, "changes": rows}
    write_whole(f"{folder}/{_PLAN}", json.dumps(document), mode=0o600, durable=True)


def undo_last(project: str, environment: Environment) -> Iterator[Undone]:
    """Give each file of a project's last fixes back what it held; yield what became of it.

    A file that was changed since stays. Yields nothing where no fix is kept.
    """
    folder = _last(project, environment)
    if folder is None:
        return
    done = True
    for row in _rows(folder):
        reason = _restored(folder, row)
        done = done and not reason
        yield Undone(row["path"], reason)
    if done:
        os.replace(f"{folder}/{_PLAN}", f"{folder}/undone.json")


def _last(project: str, environment: Environment) -> str | None:
    """Return the folder of the newest fixes of a project that are not undone."""
    top = f"{users_state(environment)}/fixes"
    numbers = sorted((int(e.name) for e in entries_of(top) if e.name.isdecimal()), reverse=True)
    folders = (f"{top}/{number}" for number in numbers)
    return next((f for f in folders if _document(f).get("project") == project), None)


def _document(folder: str) -> dict[str, object]:
    try:
        with open(f"{folder}/{_PLAN}", encoding="utf-8") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _rows(folder: str) -> Iterator[dict[str, str]]:
    rows = _document(folder).get("changes")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and all(isinstance(row.get(k), str) for k in _FIELDS):
            yield row


_FIELDS = ("path", "before", "after")


def _restored(folder: str, row: dict[str, str]) -> str:
    """Give one file back what it held; return why not."""
    try:
        with open(row["path"], "rb") as file:
            now = digest(file.read())
        if now == row["before"]:
            return ""
        if now != row["after"]:
            return t("it was changed since")
        with open(f"{folder}/{row['before']}", "rb") as file:
            before = file.read()
        replace_content(row["path"], before)
    except OSError as error:
        return error.strerror or str(error)
    return ""
