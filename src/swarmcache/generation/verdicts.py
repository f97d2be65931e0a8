"""What can be said about a model's KV cache, as values; without torch, for readers too."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(str, Enum):
    """How a model generates in the state that it is in."""

    CACHED = "cached"
    """Each step feeds one position, and finds the others in the cache."""
    NO_CACHE = "no_cache"
    """Right tokens, at the price of feeding everything again at each step."""
    BROKEN = "broken"
    """Wrong tokens: steps do not see what came before, or see something else."""
    UNKNOWN = "unknown"
    """It was not tried, or clean generation failed too."""


class Reason(str, Enum):
    """What decided the verdict."""

    FILLS = "the cache fills, and the logits are those of clean generation"
    GROWS = "each step feeds all positions again"
    NEVER_CACHES = "this model keeps no cache in clean generation either"
    EMPTY = "steps feed one position, but the cache does not hold the others"
    DEVIATES = "the logits are not those of clean generation"
    RAISES = "generate() fails in this state, and works in a clean one"
    CANNOT = "this model cannot generate"
    SHARDED = "its parameters are sharded or not loaded, and were not gathered"
    UNFINISHED = "a checkpointed forward waits for its backward"
    FAILS = "clean generation fails too"


class Limit(str, Enum):
    """What a guard cannot do for a model."""

    FSDP = "fsdp"
    """Sharded by FSDP 1 or 2: gathering parameters for generation stays the caller's."""
    ZERO3 = "zero3"
    """Sharded by DeepSpeed ZeRO-3: the same."""
    CHECKPOINT_WRAPPER = "checkpoint_wrapper"
    """Wrapped for activation checkpointing by torch or fairscale: it listens to no flag, passes the
    cache on as it is, and runs under `no_grad` without recomputing anything."""


class Trial(NamedTuple):
    """One short greedy generation."""

    tokens: tuple[int, ...]
    """The new tokens."""
    positions: tuple[int, ...]
    """How many positions the embedding was given at each step; the first is the prompt."""
    cached: int | None
    """Positions in the cache at the end; None where generate() returned no cache."""
    error: str | None = None
    """What generate() raised."""


class Flags(NamedTuple):
    """The state that a model is in."""

    modules: int
    training: int
    """Modules in train mode."""
    checkpointing: int
    """Modules whose flag asks for gradient checkpointing."""
    in_the_way: int
    """Modules with both: these take the cache away, or are ignored, by version."""
    use_cache: bool | None
    """What generate() takes from the generation config; None is its default, True."""
    config_use_cache: bool | None
    """What the config says: nothing to generate(), until it is saved without the other one."""


class Diagnosis(NamedTuple):
    """How a model generates as it is, and what shows it."""

    verdict: Verdict
    reason: Reason
    flags: Flags
    versions: Mapping[str, str]
    """torch, transformers and peft, as imported."""
    as_is: Trial | None
    clean: Trial | None
    """The same in `generation_mode`."""
    agreement: int
    """How many leading tokens are equal."""
    deviation: float
    """The largest difference of two logits up to the first other token, in units of the standard
    deviation of the clean ones."""
    limits: tuple[Limit, ...]
    seconds: float


CACHE_PASSED_ON_SINCE = (4, 49)
"""Until then train mode with gradient checkpointing generates without a cache (measured with
4.46.3, 4.47.1, 4.48.2 and 4.49.0)."""
CACHE_TAKEN_SINCE = (4, 53)
"""From then on the layers drop the cache, and generate() does not know (4.52.4 and 4.53.0)."""


def minor_version(text: str) -> tuple[int, ...]:
    """Return the major and the minor number of a version; fewer where it has no such numbers."""
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


def expected(transformers: str) -> Verdict:
    """Return how that version generates in train mode with gradient checkpointing.

    Most architectures; gpt2, opt and gemma2 have been seen to differ (docs/generation.md).
    """
    version = minor_version(transformers)
    if len(version) < 2:  # noqa: PLR2004 - a major and a minor number
        return Verdict.UNKNOWN
    if version < CACHE_PASSED_ON_SINCE:
        return Verdict.NO_CACHE
    return Verdict.CACHED if version < CACHE_TAKEN_SINCE else Verdict.BROKEN
