"""Findings on a terminal: the place with its line of code and a caret, and the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.engine import counted
from swarmcache.locale import listed, t, tn
from swarmcache.project.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project
    from swarmcache.report.terminal import Terminal

_WIDEST = 160
"""Characters of a line of code that are shown."""


def finding_lines(terminal: Terminal, finding: Finding, project: Project) -> Iterator[str]:
    """Yield one finding, an empty line behind it."""
    marks = {"error": terminal.bad, "warning": terminal.warn, "info": "·"}
    yield f"{marks[finding.severity]} {finding.rule} {finding.title}"
    yield f"  {finding.message}"
    if finding.span is not None:
        yield from _place(finding.span, project, "")
    for evidence in finding.evidence:
        yield from _place(evidence.span, project, evidence.note)
    if finding.fix is not None:
        first, *more = finding.fix.description.split("\n")
        fix = t("Fix: {what}", what=first)
        yield f"  {fix}"
        yield from (f"    {line}" for line in more)
    yield ""


def line_of(span: Span, project: Project) -> str | None:
    """Return the line that a span begins on, without secrets; None where it cannot be shown."""
    source = project.source(span.file)
    if source is None:
        return None
    line = source.data.split(b"\n")[span.line - 1].decode("utf-8", "replace")
    return redacted(line.rstrip("\r").expandtabs(1))


def summary_line(terminal: Terminal, findings: Sequence[Finding]) -> str:
    """Return how many there are of each severity."""
    if not findings:
        nothing = t("Nothing found.")
        return f"{terminal.ok} {nothing}"
    return listed(counted_words(severity, n) for severity, n in counted(findings) if n)


def counted_words(severity: Severity, count: int) -> str:
    """Return a number of findings of one severity in words."""
    if severity == "error":
        return tn("{n} error", "{n} errors", count)
    if severity == "warning":
        return tn("{n} warning", "{n} warnings", count)
    return tn("{n} remark", "{n} remarks", count)


def _place(span: Span, project: Project, note: str) -> Iterator[str]:
    yield f"  --> {span.file}:{span.line}:{span.column}" + (f"  {note}" if note else "")
    text = line_of(span, project)
    if text is not None and len(text) <= _WIDEST:
        yield f"   {span.line:>5} | {text}"
        length = max(1, min(span.end - span.start, len(text) - span.column + 1))
        yield f"         | {' ' * (span.column - 1)}{'^' * length}"
