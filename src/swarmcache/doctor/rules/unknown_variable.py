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
from swarmcache.project.assignments import assigned, renamed
from swarmcache.project.mentions import is_read, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Applicability, Finding
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find unknown names in the environment of programs that load models."""
    seen: set[Span] = set()
    for name, span in _set(case):
        meant = nearest(name)
        if span in seen or meant is None or is_read(case.project, name):
            continue
        seen.add(span)
        yield _found(name, span, *meant, case)


def _set(case: Case) -> Iterator[tuple[str, Span]]:
    for loader in case.project.loaders:
        for name, settings in loader.execution.environment().items():
            if is_unknown(name):
                yield from ((name, one.span) for one in settings if one and one.span)


def _fix(name: str, span: Span, meant: str, case: Case) -> Fix:
    """Return the fix: safe where the name stands once, and nothing sets the one that is meant."""
    place = assigned(case.project.source(span.file), span, name)
    description = t("If so, write {meant}.", meant=meant)
    if place is None:
        return Fix("display", description)
    alone = len(list(mentions(case.project, name))) == 1
    taken = next(mentions(case.project, meant), None) is not None
    kind: Applicability = "safe" if alone and not taken else "unsafe"
    return Fix(kind, description, (renamed(place, meant),))


def _found(name: str, span: Span, meant: str, close: bool, case: Case) -> Finding:
    message = t(
        "No library of the Hub reads {name}, and nothing in this project does: {meant} may be"
        " meant.",
        name=name,
        meant=meant,
    )
    description = t("If so, write {meant}.", meant=meant)
    fix = _fix(name, span, meant, case) if close else Fix("display", description)
    confidence = "high" if close else "medium"
    title = t("a variable that nothing reads")
    return RULE.finding(title, message, span, fix=fix, confidence=confidence)  # type: ignore[arg-type]


RULE = Rule("SC107", "unknown-variable", "warning", "high", check)
