"""Backups of the project's files that swarmcache has changed, and taking its changes back.

    $XDG_STATE_HOME/swarmcache/fixes/<number>/      one for each time that files were written
        plan.json       {"by", "project", "made": [folder],
                         "changes": [{"path", "before", "after"}]}: two sha256
        <sha256>        what a file held before
        undone.json     plan.json, once it was taken back

`before` is empty for a file that was made. A file is taken back only while it holds what was
written, and a folder that was made goes only while it is empty.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.errors import os_reason
from swarmcache.hubcache.drafts import sweep_drafts
from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import users_state
from swarmcache.locale import t
from swarmcache.project.changes import digest, replace_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.project.changes import Change

Author: TypeAlias = Literal["doctor", "init"]
"""The verb that changes files; each takes back what is its own."""

_PLAN = "plan.json"
_MAX_BYTES = 10_000_000
_FIELDS = ("path", "before", "after")


class Undone(NamedTuple):
    """What became of one file."""

    path: str
    reason: str
    """Why it stays as it is; empty where it is as before."""


def keep_backup(
    project: str,
    changes: Iterable[Change],
    environment: Environment,
    *,
    by: Author,
    made: Sequence[str] = (),
) -> None:
    """Keep what every file of a plan holds, before any is written; raises OSError.

    `made` are the folders that are made with them, outer ones first.
    """
    top = f"{users_state(environment)}/fixes"
    os.makedirs(top, mode=0o700, exist_ok=True)
    number = max((int(e.name) for e in entries_of(top) if e.name.isdecimal()), default=0) + 1
    sweep_drafts(f"{top}/{number - 1}")  # Of a process that was killed over its plan.
    folder = f"{top}/{number}"
    os.mkdir(folder, 0o700)
    rows = [_kept(folder, change) for change in changes]
    document = {"by": by, "project": project, "made": list(made), "changes": rows}
    write_whole(f"{folder}/{_PLAN}", json.dumps(document), mode=0o600, durable=True)


def _kept(folder: str, change: Change) -> dict[str, str]:
    before = ""
    if change.before is not None:
        before = digest(change.before)
        with open(os.open(f"{folder}/{before}", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(change.before)
            file.flush()
            os.fsync(file.fileno())
    return {"path": change.path, "before": before, "after": digest(change.after)}


def undo_last(project: str, environment: Environment, *, by: Author) -> Iterator[Undone]:
    """Give each file of a project's last changes back what it held; yield what became of it.

    A file that was changed since stays. Yields nothing where no change is kept.
    """
    folder = _last(project, environment, by)
    if folder is None:
        return
    done = True
    for row in _rows(folder):
        reason = _restored(folder, row)
        done = done and not reason
        yield Undone(row["path"], reason)
    sweep_after(project, environment, by=by)
    if done:
        _remove_folders(folder)
        os.replace(f"{folder}/{_PLAN}", f"{folder}/undone.json")


def written_by(project: str, environment: Environment, *, by: Author) -> set[tuple[str, str]]:
    """Return what a verb wrote into a project and has not taken back: (path, sha256)."""
    rows = (row for folder in _kept_of(project, environment, by) for row in _rows(folder))
    return {(row["path"], row["after"]) for row in rows}


def sweep_after(project: str, environment: Environment, *, by: Author) -> None:
    """Remove what a killed write has left beside the files of a project's last changes."""
    folder = _last(project, environment, by)
    rows = _rows(folder) if folder is not None else ()
    for place in {os.path.dirname(row["path"]) for row in rows}:
        sweep_drafts(place)


def _last(project: str, environment: Environment, by: Author) -> str | None:
    """Return the folder of the newest changes of a project that are not undone."""
    return next(_kept_of(project, environment, by), None)


def _kept_of(project: str, environment: Environment, by: Author) -> Iterator[str]:
    """Yield the folders of all changes of a project that are not undone, the newest first."""
    top = f"{users_state(environment)}/fixes"
    numbers = sorted((int(e.name) for e in entries_of(top) if e.name.isdecimal()), reverse=True)
    for folder in (f"{top}/{number}" for number in numbers):
        document = _document(folder)
        if document.get("project") == project and document.get("by", "doctor") == by:
            yield folder


def _document(folder: str) -> dict[str, object]:
    try:
        with open(f"{folder}/{_PLAN}", encoding="utf-8") as file:
            found = parse(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _rows(folder: str) -> Iterator[dict[str, str]]:
    rows = _document(folder).get("changes")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and all(isinstance(row.get(k), str) for k in _FIELDS):
            yield row


def _remove_folders(folder: str) -> None:
    made = _document(folder).get("made")
    for path in reversed(made) if isinstance(made, list) else ():
        if isinstance(path, str):
            with suppress(OSError):  # Somebody has put something there.
                os.rmdir(path)


def _restored(folder: str, row: dict[str, str]) -> str:
    """Give one file back what it held; return why not."""
    try:
        now = _now(row["path"])
        if now == row["before"]:
            return ""
        if now != row["after"]:
            return t("it was changed since")
        if not row["before"]:
            os.unlink(row["path"])
            return ""
        with open(f"{folder}/{row['before']}", "rb") as file:
            before = file.read()
        replace_content(row["path"], before)
    except OSError as error:
        return os_reason(error)
    return ""


def _now(path: str) -> str:
    """Return what names a file's content; empty where there is no file."""
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except FileNotFoundError:
        return ""
