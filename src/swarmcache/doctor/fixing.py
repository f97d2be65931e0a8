"""Fixes of findings: planned as a value that is shown as a diff, then written, and undone.

    $XDG_STATE_HOME/swarmcache/fixes/<number>/      one for each time that fixes were written
        plan.json       {"project", "changes": [{"path", "before", "after"}]}: two sha256
        <sha256>        what a file held before

A file is undone only while it holds what the fix has written.
"""

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
from swarmcache.project.edits import Unfit, combined, edited, refuse_broken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.finding import Applicability, Finding
    from swarmcache.project.edits import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """One file that fixes change."""

    path: str
    """Absolute, links followed."""
    file: str
    """As it is told."""
    before: bytes
    after: bytes
    findings: tuple[Finding, ...]
    """What this mends."""

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff."""
        old, new = (_lines(data) for data in (self.before, self.after))
        names = (f"a/{self.file}", f"b/{self.file}")
        yield from difflib.unified_diff(old, new, *names, lineterm="", n=2)


@dataclass(frozen=True, slots=True)
class FixPlan:
    """What a `--fix` will write."""

    project: str
    changes: tuple[Change, ...]
    left: tuple[tuple[Finding, str], ...]
    """Findings whose fix is not applied now, and why."""


def plan_fixes(
    project: str, findings: Sequence[Finding], applicable: frozenset[Applicability]
) -> FixPlan:
    """Return what fixes of these kinds change together; changes nothing.

    Of two that touch the same bytes the first counts; another run takes the second.
    """
    chosen: list[Finding] = []
    edits: tuple[Edit, ...] = ()
    left: list[tuple[Finding, str]] = []
    for finding in findings:
        fix = finding.fix
        if fix is None or not fix.edits or fix.applicability not in applicable:
            continue
        try:
            together = combined((*edits, *fix.edits))
            for file in {edit.file for edit in fix.edits}:
                _change(project, file, together, ())
        except (Unfit, OSError) as error:
            left.append((finding, str(error)))
            continue
        edits = together
        chosen.append(finding)
    files = dict.fromkeys(edit.file for edit in edits)
    changes = tuple(_change(project, file, edits, chosen) for file in files)
    return FixPlan(project, tuple(c for c in changes if c.before != c.after), tuple(left))


def _change(project: str, file: str, edits: Sequence[Edit], findings: Sequence[Finding]) -> Change:
    """Return what edits make of one file; raises Unfit, OSError."""
    path = os.path.realpath(os.path.join(project, file))
    if not stays_inside(path, os.path.realpath(project), ()):
        raise Unfit(t("the file lies outside of the project"))
    with open(path, "rb") as stream:
        before = stream.read()
    own = [edit for edit in edits if edit.file == file]
    after = edited(before, own)
    refuse_broken(path, before, after)
    mended = [f for f in findings if f.fix is not None and any(e in own for e in f.fix.edits)]
    return Change(path, file, before, after, tuple(mended))


def write_change(change: Change) -> None:
    """Let a file hold what a change makes of it, by one rename; its mode stays.

    Raises ProjectError where it is no longer what the plan was made from, OSError.
    """
    with open(change.path, "rb") as file:
        if file.read() != change.before:
            raise ProjectError(t("{path} has changed meanwhile.", path=change.path))
    replace_content(change.path, change.after)


def replace_content(path: str, content: bytes) -> None:
    """Replace what a file holds and keep its mode and owner, as far as that is allowed."""
    found = os.stat(path)
    with draft_of(path) as draft:
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, found.st_mode & 0o7777)
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(draft, found.st_uid, found.st_gid)
        os.replace(draft, path)


def digest(content: bytes) -> str:
    """Return what names a content among the backups."""
    return hashlib.sha256(content).hexdigest()


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()
