"""SC301: a model is drawn at random at each start, so that restarts download one after another.

RL-Swarm's resolver `gpu_model_choice` draws from a pool for large GPUs or from one for small ones.

What it cannot know: resolvers of other projects, and choices that code makes in functions of its
own; and the GPU, where the project runs on another machine than `doctor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.loads.drawings import drawings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.project.loads.drawings import Drawing
    from swarmcache.project.loads.in_config import Draw


def check(case: Case) -> Iterator[Finding]:
    """Find the first load site of each draw that nothing pins."""
    for drawing in drawings(case.project):
        if drawing.most > 1 and not drawing.pinned:
            yield _found(drawing, case)


def draws_here(draw: Draw, case: Case) -> bool:
    """Tell whether the pool that this machine's GPU means has more than one model."""
    pools = {"large": draw.large, "small": draw.small}
    return any(len(pools[name]) > 1 for name in case.node.pools.pools)


def pools_told(draw: Draw) -> str:
    """Return the pools with several models as a sentence."""
    large, small = ", ".join(draw.large), ", ".join(draw.small)
    if len(draw.large) > 1 and len(draw.small) > 1:
        return t(
            "one of {large} on a GPU of 40 GiB or more, one of {small} otherwise",
            large=large,
            small=small,
        )
    if len(draw.large) > 1:
        return t("one of {models} on a GPU of 40 GiB or more", models=large)
    return t("one of {models} on a GPU below 40 GiB or without any", models=small)


def pin(draw: Draw, case: Case) -> Fix:
    """Return how to decide for one model: one that this machine's GPU can hold."""
    pools = {"large": draw.large, "small": draw.small}
    here = [model for name in case.node.pools.pools for model in pools[name]]
    model = (here or [*draw.small, *draw.large])[0]
    if not draw.variable:
        return Fix("display", t("Write one model in place of the draw: {model}", model=model))
    text = t(
        "Name one model before the start: export {variable}={model}",
        variable=draw.variable,
        model=model,
    )
    return Fix("display", text)


def _found(drawing: Drawing, case: Case) -> Finding:
    here = draws_here(drawing.draw, case)
    severity: Severity = "warning" if here else "info"
    unless = t("unless {variable} is set", variable=drawing.draw.variable or "?")
    message = t(
        "Each start draws {pools}, {unless}: every model of the pool is downloaded sooner or later,"
        " and restarts do not continue with the same one.",
        pools=pools_told(drawing.draw),
        unless=unless,
    )
    if not here:
        message += " " + t(
            "On this machine the pool has one model: {why}", why=case.node.pools.reason
        )
    title = t("a model drawn at random")
    span = drawing.loads[0].span
    return RULE.finding(title, message, span, fix=pin(drawing.draw, case), severity=severity)


RULE = Rule("SC301", "random-model", "warning", "high", check)
