"""Telling what doctor has found: on the terminal, as JSON, Markdown, HTML or SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from swarmcache.doctor.assessment import assess
from swarmcache.hubcache.publishing import write_whole
from swarmcache.report.doctor_json import doctor_document
from swarmcache.report.doctor_text import finding_lines, summary_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding

Format: TypeAlias = Literal["text", "json", "markdown", "html", "sarif"]
FORMATS = get_args(Format)


class Report:
    """One report, to standard output or into a file."""

    def __init__(
        self, invocation: Invocation, case: Case, shape: Format, output: str | None
    ) -> None:
        self._invocation = invocation
        self._case = case
        self._shape = shape
        self._output = output

    def show(self, findings: Sequence[Finding]) -> int:
        """Tell the findings; return 1 where there are errors or warnings, for SARIF always 0."""
        if self._shape == "text" and self._output is None:
            self._tell(findings)
        else:
            self._write(_TEXTS[self._shape](self._case, findings, self._invocation))
        bad = any(finding.severity != "info" for finding in findings)
        return int(bad and self._shape != "sarif")

    def _tell(self, findings: Sequence[Finding]) -> None:
        terminal = self._invocation.terminal
        for note in self._case.project.files.skipped:
            terminal.detail(note)
        for finding in findings:
            terminal.lines(finding_lines(terminal, finding, self._case.project))
        terminal.out(summary_line(terminal, findings))

    def _write(self, text: str) -> None:
        if self._output is None:
            self._invocation.terminal.raw(text.rstrip("\n") + "\n")
        else:
            write_whole(self._output, text.rstrip("\n") + "\n")


def _text(case: Case, findings: Sequence[Finding], invocation: Invocation) -> str:
    terminal = invocation.terminal
    lines = [line for one in findings for line in finding_lines(terminal, one, case.project)]
    return "\n".join([*lines, summary_line(terminal, findings)])


def _json(case: Case, findings: Sequence[Finding], invocation: Invocation) -> str:
    del invocation
    return doctor_document(case, findings)


def _markdown(case: Case, findings: Sequence[Finding], invocation: Invocation) -> str:
    from swarmcache.report.doctor_pages import markdown_lines  # noqa: PLC0415

    del invocation
    return "\n".join(markdown_lines(assess(case, findings)))


def _html(case: Case, findings: Sequence[Finding], invocation: Invocation) -> str:
    from swarmcache.report.doctor_html import html_page  # noqa: PLC0415

    del invocation
    return html_page(assess(case, findings), case.project)


def _sarif(case: Case, findings: Sequence[Finding], invocation: Invocation) -> str:
    from swarmcache.report.doctor_sarif import sarif_document  # noqa: PLC0415

    del case, invocation
    return sarif_document(findings)


_TEXTS: dict[Format, Callable[[Case, Sequence[Finding], Invocation], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "sarif": _sarif,
}
