"""Findings on a terminal: grouped lines, the place with its line of code and a caret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.engine import counted
from swarmcache.locale import listed, t, tn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.finding import Finding
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project
    from swarmcache.report.terminal import Terminal

_WIDEST = 160
"""Characters of a line of code that are shown."""


def finding_lines(terminal: Terminal, finding: Finding, project: Project) -> Iterator[str]:
    """Yield one finding, an empty line behind it."""
    mark = terminal.warn if finding.severity == "info" else terminal.bad
    yield f"{mark} {finding.rule} {finding.title}"
    yield f"  {finding.message}"
    if finding.span is not None:
        yield from _place(finding.span, project, "")
    for evidence in finding.evidence:
        yield from _place(evidence.span, project, evidence.note)
    if finding.fix is not None:
        yield t("  Fix: {what}", what=finding.fix.description)
    yield ""


def _place(span: Span, project: Project, note: str) -> Iterator[str]:
    yield f"  --> {span.file}:{span.line}:{span.column}" + (f"  {note}" if note else "")
    source = project.source(span.file)
    if source is None:
        return
    lines = source.data.split(b"\n")
    text = lines[span.line - 1].decode("utf-8", "replace").rstrip("\r").expandtabs(1)
    if len(text) <= _WIDEST:
        yield f"   {span.line:>5} | {text}"
        length = max(1, min(span.end - span.start, len(text) - span.column + 1))
        yield f"         | {' ' * (span.column - 1)}{'^' * length}"


def summary_line(terminal: Terminal, findings: Sequence[Finding]) -> str:
    """Return how many there are of each severity."""
    if not findings:
        nothing = t("Nothing found.")
        return f"{terminal.ok} {nothing}"
    words = {
        "error": tn("{n} error", "{n} errors", _count(findings, "error")),
        "warning": tn("{n} warning", "{n} warnings", _count(findings, "warning")),
        "info": tn("{n} remark", "{n} remarks", _count(findings, "info")),
    }
    return listed(words[severity] for severity, count in counted(findings) if count)


def _count(findings: Sequence[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)
