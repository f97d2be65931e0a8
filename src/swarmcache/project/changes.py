"""Changes of a project's files as values: shown as a diff, then each written by one rename."""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.drafts import draft_of
from swarmcache.hubcache.folder import stays_inside
from swarmcache.locale import t
from swarmcache.project.edits import Unfit, edited, refuse_broken
from swarmcache.project.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.project.edits import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is changed or made."""

    path: str
    """Absolute, links followed."""
    file: str
    """As it is told."""
    before: bytes | None
    """None where there is no such file yet."""
    after: bytes

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff; no token is shown."""
        old, new = (_lines(data) for data in (self.before or b"", self.after))
        name = "/dev/null" if self.before is None else f"a/{self.file}"
        lines = difflib.unified_diff(old, new, name, f"b/{self.file}", lineterm="", n=2)
        yield from map(redacted, lines)


def edited_file(project: str, file: str, edits: Sequence[Edit]) -> Change:
    """Return what those of `combined` edits that are a file's own make of it.

    Raises Unfit where it lies outside of the project or could no longer be read, OSError.
    """
    path = path_inside(project, file)
    if not os.path.isfile(path):
        raise Unfit(t("it is no plain file"))
    with open(path, "rb") as stream:
        before = stream.read()
    after = edited(before, [edit for edit in edits if edit.file == file])
    refuse_broken(path, before, after)
    return Change(path, file, before, after)


def path_inside(project: str, file: str) -> str:
    """Return a project's file by its real path; raises Unfit where that lies outside."""
    path = os.path.realpath(os.path.join(project, file))
    if not stays_inside(path, os.path.realpath(project), ()):
        raise Unfit(t("the file lies outside of the project"))
    return path


def write_change(change: Change) -> None:
    """Let a file hold what a change makes of it, by one rename; its mode stays.

    Raises ProjectError where it is no longer what the plan was made from, OSError.
    """
    if change.before is None:
        make_file(change.path, change.after)
        return
    with open(change.path, "rb") as file:
        if file.read() != change.before:
            raise ProjectError(t("{path} has changed meanwhile.", path=change.path))
    replace_content(change.path, change.after)


def make_file(path: str, content: bytes) -> None:
    """Make a file, whole or not at all; ProjectError where one has appeared meanwhile, OSError."""
    try:
        with draft_of(path) as draft:
            _write(draft, content)
            _publish(draft, path)
    except OSError as error:
        error.filename = path  # What was asked for, not our way to it.
        raise


def _publish(draft: str, path: str) -> None:
    """Give the finished file its name; a link, unlike a rename, never replaces another file."""
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise ProjectError(t("{path} has changed meanwhile.", path=path)) from error
    except OSError:  # No hard links here: FAT, some network shares.
        if os.path.lexists(path):
            raise ProjectError(t("{path} has changed meanwhile.", path=path)) from None
        os.rename(draft, path)
    else:
        os.unlink(draft)


def replace_content(path: str, content: bytes) -> None:
    """Replace what a file holds and keep its mode and owner, as far as that is allowed."""
    found = os.stat(path)
    with draft_of(path) as draft:
        _write(draft, content)
        os.chmod(draft, found.st_mode & 0o7777)
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(draft, found.st_uid, found.st_gid)
        os.replace(draft, path)


def _write(path: str, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def digest(content: bytes) -> str:
    """Return what names a content among the backups."""
    return hashlib.sha256(content).hexdigest()


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()
