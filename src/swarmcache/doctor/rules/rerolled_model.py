"""SC302: one expression that draws is read at several load sites, and each reading draws anew.

OmegaConf calls a resolver at each access unless it was registered with `use_cache=True`. So the
trainer may get one model, the rewards the tokenizer of another, and the proposer a third.

What it cannot know: code that overwrites the config before it is read, and the GPU of a machine
other than this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.rules.random_model import draws_here, pin, pools_told
from swarmcache.locale import t
from swarmcache.project.loads.drawings import drawings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.project.loads.drawings import Drawing


def check(case: Case) -> Iterator[Finding]:
    """Find the second site that draws again."""
    for drawing in drawings(case.project):
        anew = len(drawing.loads) > 1 and drawing.most > 1 and not drawing.remembered
        if anew and not drawing.pinned:
            yield _found(drawing, case)


def _found(drawing: Drawing, case: Case) -> Finding:
    first, second, *others = drawing.loads
    here = draws_here(drawing.draw, case)
    severity: Severity = "error" if here else "info"
    message = t(
        "{count} load sites evaluate one expression, and each evaluation draws {pools}: model and"
        " tokenizer may belong to different models.",
        count=len(drawing.loads),
        pools=pools_told(drawing.draw),
    )
    if not here:
        message += " " + t(
            "On this machine the pool has one model: {why}", why=case.node.pools.reason
        )
    sites = [Evidence(load.span, t("draws as well")) for load in (first, *others)]
    title = t("one draw read several times")
    return RULE.finding(
        title, message, second.span, evidence=sites, fix=pin(drawing.draw, case), severity=severity
    )


RULE = Rule("SC302", "rerolled-model", "error", "high", check)
