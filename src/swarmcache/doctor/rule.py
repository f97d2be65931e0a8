"""A rule: what it is called, how bad what it finds is, and the function that finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Confidence, Evidence, Fix, Severity
    from swarmcache.project.sources import Span


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its module's docstring says what it finds and what it cannot know."""

    code: str
    name: str
    severity: Severity
    """Unless a finding says otherwise."""
    confidence: Confidence
    check: Callable[[Case], Iterator[Finding]]
    preview: bool = False
    """Off unless it is asked for, until a real project has shown it right."""

    def finding(  # noqa: PLR0913 - what a finding has, and no more
        self,
        title: str,
        message: str,
        span: Span | None = None,
        *,
        evidence: Iterable[Evidence] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
        confidence: Confidence | None = None,
    ) -> Finding:
        """Return a finding of this rule."""
        return Finding(
            self.code,
            self.name,
            severity or self.severity,
            confidence or self.confidence,
            title,
            message,
            span,
            tuple(evidence),
            fix,
        )
