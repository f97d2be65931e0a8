"""Whether the KV cache is alive and right, in the state that a model is in now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from swarmcache.generation.flags import is_checkpointing, is_in_the_way
from swarmcache.generation.limits import is_elsewhere, limits_of
from swarmcache.generation.mode import generation_mode
from swarmcache.generation.modules import core_of, modules_of
from swarmcache.generation.unfinished import UnfinishedBackwardError
from swarmcache.generation.verdicts import Diagnosis, Flags, Reason, Trial, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.generation.modules import Module
    from swarmcache.generation.watching import Watched

TOLERANCE = 1e-3
"""In standard deviations of the logits: two ways to compute the same in float32 stay far below."""
HALF_TOLERANCE = 0.2
"""The same for float16 and bfloat16, whose rounding alone differs by hundredths."""


def diagnose(model: Any, *, generation_config: Any = None, new_tokens: int = 8) -> Diagnosis:
    """Return how `model` generates in the state that it is in, with the evidence.

    It generates `new_tokens` greedily from a fixed prompt of 12 ids, shape (1, 12): once as the
    model is, with its flags and without dropout, and once in `generation_mode`; then it compares
    what was fed, what the cache held, and the logits. `generation_config` is the one that
    `generate()` will be given, if it is not the model's own. Nothing is changed: no flag, no hook,
    no random state, no warning that is said once. Raises nothing that generation raises.
    """
    from swarmcache.generation.watching import versions, watch  # noqa: PLC0415 - imports torch

    started = time.monotonic()
    core, modules = core_of(model), modules_of(model)
    as_is = clean = None
    reason = _hindrance(core, modules)
    if reason is None:
        before = dict(vars(core))
        try:
            with generation_mode(model, *([generation_config] if generation_config else [])):
                clean = watch(core, new_tokens, generation_config)
            as_is = watch(core, new_tokens, generation_config)
        except UnfinishedBackwardError:
            reason = Reason.UNFINISHED
        finally:
            _take_back(vars(core), before)
    agreement, deviation = _compared(as_is, clean)
    if as_is is not None and clean is not None:
        reason = _reason(as_is.trial, clean.trial, deviation, _tolerance(core))
    return Diagnosis(
        verdict=VERDICTS[reason or Reason.FAILS],
        reason=reason or Reason.FAILS,
        flags=flags_of(core, modules, generation_config),
        versions=versions(),
        as_is=as_is and as_is.trial,
        clean=clean and clean.trial,
        agreement=agreement,
        deviation=deviation,
        limits=limits_of(modules),
        seconds=time.monotonic() - started,
    )


def _take_back(attributes: dict[str, object], before: dict[str, object]) -> None:
    """Undo what generate() leaves on a model: up to 4.5x a static cache, as `_cache`."""
    for name in attributes.keys() - before.keys():
        del attributes[name]
    attributes.update(before)


VERDICTS = {
    Reason.FILLS: Verdict.CACHED,
    Reason.GROWS: Verdict.NO_CACHE,
    Reason.NEVER_CACHES: Verdict.NO_CACHE,
    Reason.EMPTY: Verdict.BROKEN,
    Reason.DEVIATES: Verdict.BROKEN,
    Reason.RAISES: Verdict.BROKEN,
    Reason.CANNOT: Verdict.UNKNOWN,
    Reason.SHARDED: Verdict.UNKNOWN,
    Reason.UNFINISHED: Verdict.UNKNOWN,
    Reason.FAILS: Verdict.UNKNOWN,
}


def flags_of(core: Any, modules: Sequence[Module], generation_config: Any = None) -> Flags:
    """Return the flags that decide about the cache, counted."""
    own = generation_config or getattr(core, "generation_config", None)
    return Flags(
        modules=len(modules),
        training=sum(module.training for module in modules),
        checkpointing=sum(map(is_checkpointing, modules)),
        in_the_way=sum(map(is_in_the_way, modules)),
        use_cache=getattr(own, "use_cache", None),
        config_use_cache=getattr(getattr(core, "config", None), "use_cache", None),
    )


def _hindrance(core: Any, modules: Sequence[Module]) -> Reason | None:
    """Return why nothing can be tried; a sharded model would wait for its other ranks for ever."""
    if not hasattr(core, "generate") or getattr(core, "generation_config", None) is None:
        return Reason.CANNOT
    return Reason.SHARDED if is_elsewhere(modules) else None


def _compared(as_is: Watched | None, clean: Watched | None) -> tuple[int, float]:
    """Return how many leading tokens agree, and how far the logits differ while they do."""
    if as_is is None or clean is None or as_is.logits is None or clean.logits is None:
        return 0, 0.0
    pairs = list(zip(as_is.trial.tokens, clean.trial.tokens, strict=True))
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), len(pairs))
    until = same + 1  # The step that chose another token saw the same tokens before it.
    difference = (as_is.logits[:until] - clean.logits[:until]).abs().max()
    return same, float(difference / clean.logits.std().clamp_min(1e-12))


def _tolerance(core: Any) -> float:
    bits = core.get_input_embeddings().weight.element_size() * 8
    return TOLERANCE if bits >= 32 else HALF_TOLERANCE  # noqa: PLR2004 - bits of a float


def _reason(as_is: Trial, clean: Trial, deviation: float, tolerance: float) -> Reason:
    """Return what the two trials show."""
    if clean.error is not None:
        return Reason.FAILS
    if as_is.error is not None:
        return Reason.RAISES
    if (as_is.cached or 0) < (clean.cached or 0) and sum(as_is.positions) <= sum(clean.positions):
        return Reason.EMPTY
    if deviation > tolerance:
        return Reason.DEVIATES
    if sum(as_is.positions) > sum(clean.positions):
        return Reason.GROWS
    return Reason.NEVER_CACHES if clean.positions[-1] > 1 else Reason.FILLS
