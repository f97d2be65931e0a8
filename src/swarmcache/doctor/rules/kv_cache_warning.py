"""SC601: a log's line about `use_cache` and gradient checkpointing, and what it means here.

Mostly it comes from the training forward, which needs no cache, and says nothing about rollouts; it
has nothing to do with the models that are cached on disk. By the version of transformers and by the
lines beside it, it may also tell of slow rollouts.

What it cannot know: the version, where neither the log nor the trainer's interpreter names it; then
the finding says what would decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.logs import is_broken, meaning, sightings
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.generation.known_lines import Sighting
    from swarmcache.project.readers.logs import LogLine

_SEVERITIES: dict[str, Severity] = {"slow": "warning", "wrong": "info"}
"""By the harm; what is wrong is SC602's to tell by the line that proves it."""


def check(case: Case) -> Iterator[Finding]:
    """Find them in the project's logs, each kind once in a log."""
    for lines in case.project.logs.values():
        yield from of_lines(lines, case.node.libraries.transformers)


def of_lines(lines: Sequence[LogLine], transformers: str | None) -> Iterator[Finding]:
    """Find them among the known lines of one log."""
    for one, line in sightings(lines, transformers):
        if not is_broken(one):
            yield _found(one, line)


def _found(one: Sighting, line: LogLine) -> Finding:
    from swarmcache.generation.known_lines import REMEDIES  # noqa: PLC0415 - with the log alone

    remedy = REMEDIES.get(one.harm)
    harmless = one.harm == "harmless"
    return RULE.finding(
        t("a harmless line about use_cache") if harmless else t("a line about use_cache"),
        meaning(one),
        line.span,
        fix=Fix("display", remedy) if remedy is not None else None,
        severity=_SEVERITIES.get(one.harm, "info"),
        confidence="high" if harmless or one.harm == "slow" else "medium",
    )


RULE = Rule("SC601", "kv-cache-warning", "info", "high", check)
