"""Fixes of findings: planned together as changes of files; those that do not fit are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.project.changes import Change, edited_file
from swarmcache.project.edits import Unfit, combined
from swarmcache.project.proofs import refuse_wide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.doctor.finding import Applicability, Finding
    from swarmcache.project.edits import Edit


@dataclass(frozen=True, slots=True)
class Mending(Change):
    """One file that fixes change."""

    findings: tuple[Finding, ...]
    """What this mends."""


@dataclass(frozen=True, slots=True)
class FixPlan:
    """What a `--fix` will write."""

    project: str
    changes: tuple[Mending, ...]
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
                edited_file(project, file, together)
        except (Unfit, OSError) as error:
            left.append((finding, str(error)))
            continue
        edits = together
        chosen.append(finding)
    files = dict.fromkeys(edit.file for edit in edits)
    changes = tuple(_mending(project, file, edits, chosen) for file in files)
    return FixPlan(project, tuple(c for c in changes if c.before != c.after), tuple(left))


def _mending(
    project: str, file: str, edits: Sequence[Edit], findings: Sequence[Finding]
) -> Mending:
    """Return what edits make of one file; raises Unfit, OSError."""
    change = edited_file(project, file, edits)
    own = [edit for edit in edits if edit.file == file]
    refuse_wide(change.path, change.before or b"", change.after, len(own))
    mended = [f for f in findings if f.fix is not None and any(e in own for e in f.fix.edits)]
    return Mending(change.path, file, change.before, change.after, tuple(mended))
