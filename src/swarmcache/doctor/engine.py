"""All rules over one case; what a file's own comments or the settings ignore is left out."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.finding import SEVERITIES
from swarmcache.project.files import kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.doctor.rule import Rule

_ON_TRIAL = frozenset({"conf", "cron", "csh", "fish", "batch", "powershell"})
"""Kinds of files in which no finding of a real project has been judged yet (docs/doctor.md)."""
_IGNORE = re.compile(rb"swarmcache:\s*ignore(?:\[([A-Z0-9, ]+)\])?")


class Wanted(NamedTuple):
    """Which rules and findings count; codes may be a prefix: `SC1`."""

    only: Collection[str] = ()
    ignored: Collection[str] = ()
    least: Severity = "info"
    preview: bool = False

    def has(self, code: str, *, preview: bool = False) -> bool:
        """Tell whether a rule counts; `preview` tells whether it is still on trial."""
        if self.only:
            return code.startswith(tuple(self.only))
        return (self.preview or not preview) and not code.startswith(tuple(self.ignored) or ("-",))

    @property
    def tries(self) -> bool:
        """Whether what is still on trial counts too."""
        return self.preview or bool(self.only)

    def shows(self, finding: Finding) -> bool:
        """Tell whether a finding is bad enough."""
        return SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.least)


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, by its code."""
    from swarmcache.doctor import rules  # noqa: PLC0415 - forty modules

    names = [f"{rules.__name__}.{one.name}" for one in pkgutil.iter_modules(rules.__path__)]
    found = (import_module(name).RULE for name in names)
    return tuple(sorted(found, key=lambda rule: rule.code))


def examined(case: Case, wanted: Wanted = Wanted()) -> tuple[Finding, ...]:  # noqa: B008 - frozen
    """Return what the rules find, the worst first, then by place."""
    found = [
        finding
        for rule in all_rules()
        if wanted.has(rule.code, preview=rule.preview)
        for finding in rule.check(case)
        if not _is_ignored(finding, case) and (wanted.tries or not _is_on_trial(finding))
    ]
    return chosen(found, wanted)


def chosen(findings: Iterable[Finding], wanted: Wanted) -> tuple[Finding, ...]:
    """Return findings that are wanted, each once, the worst first, then by place."""
    kept = (one for one in findings if wanted.has(one.rule) and wanted.shows(one))
    return tuple(sorted(dict.fromkeys(kept), key=_order))


def _order(finding: Finding) -> tuple[object, ...]:
    span = finding.span
    place = ("", 0) if span is None else (span.file, span.start)
    return SEVERITIES.index(finding.severity), finding.rule, *place


def _is_on_trial(finding: Finding) -> bool:
    return finding.span is not None and kind_of(finding.span.file) in _ON_TRIAL


def _is_ignored(finding: Finding, case: Case) -> bool:
    """Tell whether the line of a finding, or a comment line above it, says to ignore it."""
    span = finding.span
    source = None if span is None else case.project.source(span.file)
    if span is None or source is None:
        return False
    lines = source.data.split(b"\n")
    here = [lines[span.line - 1]]
    if span.line > 1 and lines[span.line - 2].lstrip().startswith((b"#", b"//")):
        here.append(lines[span.line - 2])
    return any(_names(finding.rule, match[1]) for line in here for match in _IGNORE.finditer(line))


def _names(rule: str, codes: bytes | None) -> bool:
    if codes is None:
        return True
    return any(rule.startswith(code.strip()) for code in codes.decode().split(",") if code.strip())


def counted(findings: Iterable[Finding]) -> Iterator[tuple[Severity, int]]:
    """Yield how many findings there are of each severity."""
    rows = list(findings)
    yield from ((one, sum(finding.severity == one for finding in rows)) for one in SEVERITIES)
