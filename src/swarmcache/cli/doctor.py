"""`swarmcache doctor`: why a project downloads again, wastes disk, starts slowly, with evidence."""

from __future__ import annotations

import os

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.errors import ProjectError
from swarmcache.locale import t
from swarmcache.project.study import Project
from swarmcache.report.doctor_json import doctor_document
from swarmcache.report.doctor_text import finding_lines, summary_line


@click.command(
    help=t("Tell why a project downloads again, wastes disk or starts slowly, with evidence."),
    epilog=t("Example: {command}", command="swarmcache doctor ~/rl-swarm"),
)
@click.argument("project", required=False, type=click.Path(), metavar="[PROJECT]")
@click.option("--rule", "rules", multiple=True, metavar="CODE", help=t("Only these rules."))
@click.option("--ignore", "ignored", multiple=True, metavar="CODE", help=t("Not these rules."))
@common_options
def command(
    invocation: Invocation, project: str | None, rules: tuple[str, ...], ignored: tuple[str, ...]
) -> int:
    """Examine a project's folder; exit code 1 where there are findings."""
    folder = invocation.environment.absolute(project or ".")
    if not os.path.isdir(folder):
        raise ProjectError(t("{path} is not a folder.", path=folder))
    study = Project(os.path.realpath(folder), invocation.environment)
    case = Case(study, Node(invocation.environment, invocation.python))
    findings = examined(case, Wanted(rules, ignored))
    terminal = invocation.terminal
    if invocation.json:
        terminal.out(doctor_document(case, findings))
    else:
        for finding in findings:
            terminal.lines(finding_lines(terminal, finding, study))
        terminal.out(summary_line(terminal, findings))
    return int(bool(findings))
