"""SC603: when a training step fails, the model stays in train mode, and rollouts go on.

A function calls `x.train()`, trains, then `x.eval()`, without `finally`; whoever calls it catches
everything and goes on; and something generates. With gradient checkpointing and transformers from
4.53 on, every token is then generated without the context before it, at full speed, until a
training step ends well (measured; see docs/generation.md).

What it cannot know: whether gradient checkpointing is on, and whether the model is the one that
generates. A training loop that ends at the first error leaks nothing, and is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.readers.python.modes import generates, leaks, swallows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding


def check(case: Case) -> Iterator[Finding]:
    """Find each such function whose errors somebody swallows."""
    modules = case.project.modules
    found = list(leaks(modules))
    if not found or not generates(modules):
        return
    caught = {one.function: one for one in swallows(modules, {leak.function for leak in found})}
    for leak in found:
        swallow = caught.get(leak.function)
        if swallow is None:
            continue
        message = t(
            "If anything in {function} fails, {line} is not reached, the error is swallowed, and"
            " what is generated afterwards comes from a model in train mode: with gradient"
            " checkpointing and transformers from 4.53 on these tokens are wrong.",
            function=f"{leak.function}()",
            line=f".eval() ({leak.eval.file}:{leak.eval.line})",
        )
        fix = Fix("display", t("Put .eval() into finally:, or run with --guard-generation."))
        yield RULE.finding(
            t("a failed training step leaves train mode on"),
            message,
            leak.train,
            evidence=[Evidence(swallow.span, t("goes on after any error"))],
            fix=fix,
        )


RULE = Rule("SC603", "train-mode-leak", "warning", "medium", check)
