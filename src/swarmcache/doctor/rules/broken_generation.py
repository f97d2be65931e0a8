"""SC602: a log tells that wrong tokens are generated.

`Caching is incompatible with gradient checkpointing … Setting past_key_values=None` is said when
generate() runs in train mode: each new token sees only the one before it, at full speed. GenRL's
`Error occurred during training, continuing...` tells that the model was left in train mode.

What it cannot know: the version, where neither the log nor the trainer's interpreter names it; and
whether anything was learned from these rollouts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.logs import is_broken, meaning, sightings
from swarmcache.doctor.rule import Rule
from swarmcache.generation.known_lines import CACHE_DROPPED, REMEDIES
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.generation.known_lines import Sighting
    from swarmcache.project.readers.logs import LogLine


def check(case: Case) -> Iterator[Finding]:
    """Find them in the project's logs, each kind once in a log."""
    for lines in case.project.logs.values():
        yield from of_lines(lines, case.node.libraries.transformers)


def of_lines(lines: Sequence[LogLine], transformers: str | None) -> Iterator[Finding]:
    """Find them among the known lines of one log."""
    found = list(sightings(lines, transformers))
    proven = any(one.key == CACHE_DROPPED for one, _ in found)
    for one, line in found:
        if is_broken(one):
            yield _found(one, line, proven=proven)


def _found(one: Sighting, line: LogLine, *, proven: bool) -> Finding:
    sure = proven and one.harm == "wrong"
    return RULE.finding(
        t("wrong tokens are generated") if sure else t("wrong tokens may be generated"),
        meaning(one),
        line.span,
        fix=Fix("display", REMEDIES.get(one.harm) or REMEDIES["wrong"]),
        severity="error" if sure else "warning",
        confidence="high" if sure else "medium",
    )


RULE = Rule("SC602", "broken-generation", "error", "high", check)
