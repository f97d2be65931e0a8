"""`doctor --fix` and `--undo`: shown as a diff, asked, written, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.cli.asking import agreed, refuse_unasked
from swarmcache.doctor.fixing import plan_fixes
from swarmcache.locale import t, tn
from swarmcache.project.changes import write_change
from swarmcache.project.undo import keep_backup, undo_last

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.doctor.finding import Applicability, Finding
    from swarmcache.doctor.fixing import FixPlan
    from swarmcache.project.study import Project


class FixOptions(NamedTuple):
    """How careful to be."""

    unsafe: bool
    """Whether fixes that want a look are written too."""
    yes: bool
    """Whether nobody is asked."""
    dry_run: bool


def fix_findings(
    invocation: Invocation, project: Project, findings: Sequence[Finding], how: FixOptions
) -> int:
    """Show what the fixes change, ask, and write them; 1 where findings are left."""
    kinds: tuple[Applicability, ...] = ("safe", "unsafe") if how.unsafe else ("safe",)
    plan = plan_fixes(project.folder, findings, frozenset(kinds))
    terminal = invocation.terminal
    for change in plan.changes:
        terminal.lines(change.diff())
    for finding, reason in plan.left:
        terminal.say(f"{terminal.warn} {finding.rule}: {reason}")
    if not plan.changes:
        terminal.say(t("Nothing can be mended by itself."))
        return int(bool(findings))
    if how.dry_run:
        return int(bool(findings))
    if not how.yes:
        refuse_unasked()
        many = tn("Change {n} file?", "Change {n} files?", len(plan.changes))
        if not agreed(f"{many} [y/N]"):
            terminal.say(t("Nothing was changed."))
            return 1
    _write(plan, invocation)
    mended = {finding for change in plan.changes for finding in change.findings}
    return int(any(finding not in mended for finding in findings))


def undo_fixes(invocation: Invocation, project: str) -> int:
    """Take the last fixes back; 1 where a file stays as it is."""
    terminal = invocation.terminal
    kept = 0
    outcomes = list(undo_last(project, invocation.environment, by="doctor"))
    for one in outcomes:
        kept += bool(one.reason)
        mark = terminal.warn if one.reason else terminal.ok
        said = one.reason or t("as it was before the fix")
        terminal.out(f"{mark} {one.path}: {said}")
    if not outcomes:
        terminal.say(t("No fix of this project is kept."))
    return int(bool(kept) or not outcomes)


def _write(plan: FixPlan, invocation: Invocation) -> None:
    keep_backup(plan.project, plan.changes, invocation.environment, by="doctor")
    terminal = invocation.terminal
    for change in plan.changes:
        write_change(change)
        codes = ", ".join(dict.fromkeys(finding.rule for finding in change.findings))
        terminal.out(f"{terminal.ok} {change.file}: {codes}")
    terminal.say(t("swarmcache doctor --undo takes it back."))
