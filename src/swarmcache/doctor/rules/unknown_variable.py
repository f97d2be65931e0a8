"""SC107: a variable that looks like one of the Hub's, and that none of its libraries reads.

What it cannot know: programs in other languages, and tools of somebody's own that read it outside
of the project; so nothing is said where nothing tells what was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.variables import is_unknown, nearest
from swarmcache.locale import t
from swarmcache.project.mentions import is_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find unknown names in the environment of programs that load models."""
    seen: set[Span] = set()
    for name, span in _set(case):
        meant = nearest(name)
        if span in seen or meant is None or is_read(case.project, name):
            continue
        seen.add(span)
        yield _found(name, span, *meant)


def _set(case: Case) -> Iterator[tuple[str, Span]]:
    for loader in case.project.loaders:
        for name, settings in loader.execution.environment().items():
            if is_unknown(name):
                yield from ((name, one.span) for one in settings if one and one.span)


def _found(name: str, span: Span, meant: str, close: bool) -> Finding:
    message = t(
        "No library of the Hub reads {name}, and nothing in this project does: {meant} may be"
        " meant.",
        name=name,
        meant=meant,
    )
    fix = Fix("display", t("If so, write {meant}.", meant=meant))
    confidence = "high" if close else "medium"
    title = t("a variable that nothing reads")
    return RULE.finding(title, message, span, fix=fix, confidence=confidence)  # type: ignore[arg-type]


RULE = Rule("SC107", "unknown-variable", "warning", "high", check)
