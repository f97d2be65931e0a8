"""`swarmcache doctor`: why a project downloads again, wastes disk, starts slowly, with evidence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

import click

from swarmcache.cli.doctor_log import read_log
from swarmcache.cli.doctor_report import FORMATS, Report
from swarmcache.cli.options import Invocation, common_options
from swarmcache.doctor import baseline as baselines
from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, all_rules, examined
from swarmcache.doctor.explanation import explanation
from swarmcache.doctor.finding import Severity
from swarmcache.doctor.node import Node
from swarmcache.errors import ProjectError
from swarmcache.locale import t
from swarmcache.project.study import Project
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from swarmcache.cli.doctor_report import Format

EXPLAIN = "explain"


@click.command(
    help="\n\n".join(
        [
            t("Tell why a project downloads again, wastes disk or starts slowly, with evidence."),
            t("doctor explain CODE tells what a rule finds, and what it cannot know."),
            t("Exit code 1 where there are errors or warnings."),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache doctor ~/rl-swarm --fix"),
)
@click.argument("words", nargs=-1, type=click.Path(), metavar="[PROJECT] | explain CODE")
@click.option("--rule", "rules", multiple=True, metavar="CODE", help=t("Only these rules."))
@click.option("--ignore", "ignored", multiple=True, metavar="CODE", help=t("Not these rules."))
@click.option("--preview", is_flag=True, help=t("Also rules that are still on trial."))
@click.option(
    "--min-severity",
    "least",
    type=click.Choice(get_args(Severity)),
    default="info",
    help=t("Leave out what is less bad."),
)
@click.option("--baseline", type=click.Path(), help=t("Leave out what this file has."))
@click.option("--write-baseline", type=click.Path(), help=t("Write what is found to this file."))
@click.option("--fix", is_flag=True, help=t("Mend what is safe to mend; shows it first and asks."))
@click.option("--unsafe-fixes", is_flag=True, help=t("With --fix: also what wants a look."))
@click.option("--yes", "-y", is_flag=True, help=t("With --fix: do not ask."))
@click.option("--dry-run", is_flag=True, help=t("With --fix: show it, and change nothing."))
@click.option("--undo", is_flag=True, help=t("Take the last fixes of this project back."))
@click.option("--log", type=click.Path(), help=t("Read a log alone; - is standard input."))
@click.option(
    "--format", "shape", type=click.Choice(FORMATS), default="text", help=t("How to tell it.")
)
@click.option("--output", "-o", type=click.Path(), help=t("Write the report to this file."))
@common_options
def command(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    rules: tuple[str, ...],
    ignored: tuple[str, ...],
    baseline: str | None,
    write_baseline: str | None,
    log: str | None,
    shape: Format,
    output: str | None,
    least: Severity,
    preview: bool,
    fix: bool,
    unsafe_fixes: bool,
    yes: bool,
    dry_run: bool,
    undo: bool,
) -> int:
    """Examine a project's folder, and tell or mend what is found."""
    _refuse_unknown((*rules, *ignored))
    if words[:1] == (EXPLAIN,) and len(words) > 1:
        for code in words[1:]:
            invocation.terminal.lines(explanation(code))
        return 0
    project = _project(invocation, words)
    if undo:
        from swarmcache.cli.doctor_fixes import undo_fixes  # noqa: PLC0415

        return undo_fixes(invocation, project.folder)
    settings = load_settings(project.folder, invocation.environment)
    wanted = Wanted(rules, (*ignored, *settings.doctor_ignore), least, preview)
    node = Node(invocation.environment, invocation.python, lambda: project.pins, settings)
    case = Case(project, node, settings.tiers)
    report = Report(invocation, case, "json" if invocation.json else shape, output)
    findings = examined(case, wanted) if log is None else read_log(log, case, wanted)
    if baseline is not None:
        findings = baselines.without_known(findings, baseline, project)
    if write_baseline is not None:
        baselines.write_baseline(findings, write_baseline, project)
    if fix or unsafe_fixes:
        from swarmcache.cli.doctor_fixes import FixOptions, fix_findings  # noqa: PLC0415

        how = FixOptions(unsafe=unsafe_fixes, yes=yes, dry_run=dry_run)
        return fix_findings(invocation, project, findings, how)
    return report.show(findings)


def _refuse_unknown(codes: tuple[str, ...]) -> None:
    """Raise UsageError for a code that no rule begins with."""
    known = [rule.code for rule in all_rules()] if codes else []
    for code in codes:
        if not any(one.startswith(code) for one in known):
            raise click.UsageError(t("{code} is none of doctor's rules.", code=code))


def _project(invocation: Invocation, words: tuple[str, ...]) -> Project:
    """Return the project that is named, else the working directory's."""
    if len(words) > 1:
        raise click.UsageError(t("One project at a time."))
    folder = invocation.environment.absolute(words[0] if words else ".")
    if not os.path.isdir(folder):
        raise ProjectError(t("{path} is not a folder.", path=folder))
    return Project(os.path.realpath(folder), invocation.environment)
