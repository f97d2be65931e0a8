"""Edits of the project's files as writes, or why a file stays as it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.launch.init.values import Left, Write
from swarmcache.locale import t
from swarmcache.project.changes import Change, edited_file, path_inside
from swarmcache.project.edits import Unfit, combined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.edits import Edit

Outcome: TypeAlias = "Write | Left"
_WRITABLE = 0o222


def edited_writes(project: str, edits: Iterable[Edit], why: str) -> Iterator[Outcome]:
    """Yield what edits make of each of their files; nothing for one that they do not change."""
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    for file, own in by_file.items():
        outcome = _edited(project, file, own, why)
        if isinstance(outcome, Left) or outcome.change.before != outcome.change.after:
            yield outcome


def _edited(project: str, file: str, edits: list[Edit], why: str) -> Outcome:
    try:
        change = edited_file(project, file, combined(edits))
    except (Unfit, OSError) as error:
        return Left(file, t("It stays as it is: {reason}.", reason=error))
    return allowed(Write(change, why))


def whole_write(project: str, file: str, before: bytes | None, after: str, why: str) -> Outcome:
    """Return the write of a file that is made, or made anew, whole."""
    try:
        path = path_inside(project, file)
    except Unfit as error:
        return Left(file, t("It stays as it is: {reason}.", reason=error))
    return allowed(Write(Change(path, file, before, after.encode()), why))


def allowed(write: Write) -> Outcome:
    """Return a write, unless this user may not replace the file, or somebody has closed it."""
    path, file = write.change.path, write.change.file
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK):
        return Left(file, t("{path} is not writable for this user.", path=folder))
    if write.change.before is None:
        return write
    found = os.stat(path)
    if not found.st_mode & _WRITABLE:
        return Left(file, t("It is read-only."), f"chmod u+w {file}")
    if hasattr(os, "geteuid") and os.geteuid() not in {0, found.st_uid}:
        return Left(file, t("It belongs to another user."))
    return write
