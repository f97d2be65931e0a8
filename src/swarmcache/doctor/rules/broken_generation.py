"""SC602: wrong tokens are generated, by what a log tells or by what code and versions come to.

`Caching is incompatible with gradient checkpointing … Setting past_key_values=None` is said when
generate() runs in train mode: each new token sees only the one before it, at full speed. GenRL's
`Error occurred during training, continuing...` tells that the model was left in train mode.

Without a log: TRL generates inside the training step, and switches gradient checkpointing off for
that from 0.22 on only. Before, with transformers from 4.53 on and without vLLM, every rollout is
wrong (measured with TRL 0.21.0; docs/generation.md).

What it cannot know: the version, where neither the log nor the trainer's interpreter names it; and
whether anything was learned from these rollouts. A config that only a command line or a file of
another form gives is not seen: then nothing is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.logs import is_broken, meaning, sightings
from swarmcache.doctor.rule import Rule
from swarmcache.generation.known_lines import CACHE_DROPPED, REMEDIES
from swarmcache.generation.verdicts import Verdict, expected, minor_version
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.generation.known_lines import Sighting
    from swarmcache.project.readers.logs import LogLine
    from swarmcache.project.readers.python.syntax import Argument


def check(case: Case) -> Iterator[Finding]:
    """Find them in the project's logs, each kind once in a log."""
    for lines in case.project.logs.values():
        yield from of_lines(lines, case.node.libraries.transformers)
    yield from _of_trl(case)


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


def _of_trl(case: Case) -> Iterator[Finding]:
    """Find configs of TRL's GRPO trainer that switch checkpointing on, with versions that harm."""
    trl, transformers = case.node.libraries.trl, case.node.libraries.transformers
    if trl is None or transformers is None:
        return
    if expected(transformers) is not Verdict.BROKEN or not (0, 15) <= minor_version(trl) < (0, 22):
        return
    for module in case.project.modules:
        for call in module.calls:
            if call.callee != "trl.GRPOConfig" or call.open:
                continue
            vllm = call.argument("use_vllm")
            checkpointing = call.argument("gradient_checkpointing")
            generates = vllm is None or (vllm.known and not vllm.value)
            if generates and checkpointing is not None and checkpointing.value is True:
                yield _in_training(checkpointing, trl, transformers)


def _in_training(checkpointing: Argument, trl: str, transformers: str) -> Finding:
    message = t(
        "TRL {trl} generates in train mode with gradient checkpointing on, and with transformers"
        " {transformers} each token of a rollout then sees only the one before it.",
        trl=trl,
        transformers=transformers,
    )
    fix = Fix("display", t("Take TRL 0.22 or later, or run with --guard-generation."))
    return RULE.finding(
        t("wrong tokens are generated"), message, checkpointing.span, fix=fix, confidence="medium"
    )


RULE = Rule("SC602", "broken-generation", "error", "high", check)
