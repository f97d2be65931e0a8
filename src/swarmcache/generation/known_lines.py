"""The lines of a trainer's log that speak of the KV cache, and what each does and does not mean.

One knowledge base: `swarmcache generation explain` and doctor's rules SC601 and SC602 read it. What
was measured, with which versions, stands in docs/generation.md. Without torch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.generation.verdicts import Verdict, expected

if TYPE_CHECKING:
    from collections.abc import Iterable

Origin = Literal["training", "rollouts", "either", "config"]
"""Where a line comes from: the training forward, generate(), one of them, or a saved config."""
Harm = Literal["harmless", "slow", "wrong", "undecided"]


class Known(NamedTuple):
    """One line that is known."""

    key: str
    pattern: re.Pattern[str]


USE_CACHE_OFF = "use-cache-off"
CACHE_DROPPED = "cache-dropped"
CACHE_UNUSED = "cache-unused"
SETTING_WITHOUT_CACHE = "setting-without-cache"
TRAINING_FAILED = "training-failed"

LINES = (
    Known(
        USE_CACHE_OFF,  # Five spellings from 4.46 to 5.23.
        re.compile(
            r"`?use_cache ?= ?True`? is incompatible with gradient checkpointing`?\. "
            r"Setting `?use_cache ?= ?False`?"
        ),
    ),
    Known(
        CACHE_UNUSED,
        re.compile(
            r"Caching is incompatible with gradient checkpointing in \w+\. "
            r"Setting `use_cache=False`"
        ),
    ),
    Known(
        CACHE_DROPPED,
        re.compile(
            r"Caching is incompatible with gradient checkpointing in \w+\. "
            r"Setting `(?:past_key_values?|layer_past)=None`"
        ),
    ),
    Known(
        SETTING_WITHOUT_CACHE,
        re.compile(r"You have (?:set `use_cache` to `False`|not set `use_cache` to `True`), but"),
    ),
    Known(
        TRAINING_FAILED,
        re.compile(r"Error occurred during training, continuing\.\.\."),  # genrl's game manager
    ),
)
"""The first that matches a line names it."""

MEANINGS: dict[tuple[str, Harm], str] = {
    (USE_CACHE_OFF, "harmless"): (
        "Said by the training forward, which needs no cache: rollouts are not slowed down by it."
    ),
    (USE_CACHE_OFF, "wrong"): (
        "Said by the training forward or by generate(); the line about Caching beside it shows "
        "that generate() ran in train mode, and its tokens are wrong."
    ),
    (USE_CACHE_OFF, "undecided"): (
        "Said once per process, by the training forward (harmless) or by generate() in train mode: "
        "that is slow up to transformers 4.48, unharmed from 4.49 to 4.52, and wrong from 4.53 on, "
        "where a line about Caching tells of it. The line alone proves none of these."
    ),
    (CACHE_DROPPED, "wrong"): (
        "Said when generate() runs in train mode with gradient checkpointing: each new token saw "
        "only the one before it, so these rollouts are wrong, at full speed."
    ),
    (CACHE_UNUSED, "undecided"): (
        "Said when a layer is in train mode with gradient checkpointing and its model is not: from "
        "a training forward it is harmless, from generate() the tokens are wrong."
    ),
    (SETTING_WITHOUT_CACHE, "slow"): (
        "A generation config has use_cache=false: every new token computes all earlier ones again."
    ),
    (TRAINING_FAILED, "wrong"): (
        "GenRL's train() failed and left the model in train mode; after that, generate() made "
        "wrong tokens until a later train() ended well."
    ),
    (TRAINING_FAILED, "slow"): (
        "GenRL's train() failed and left the model in train mode; on this version of transformers "
        "rollouts have no KV cache until a later train() ends well."
    ),
    (TRAINING_FAILED, "harmless"): (
        "GenRL's train() failed and left the model in train mode; on this version of transformers "
        "rollouts keep their cache nevertheless."
    ),
    (TRAINING_FAILED, "undecided"): (
        "GenRL's train() failed and left the model in train mode: from transformers 4.53 on, "
        "rollouts are wrong until a later train() ends well."
    ),
}
"""What a line means, in a sentence; the catalogues translate them."""

REMEDIES: dict[Harm, str] = {
    "wrong": "swarmcache run --guard-generation -- CMD",
    "slow": "swarmcache run --guard-generation -- CMD",
    "undecided": "swarmcache generation diagnose --model PATH",
}
"""The command that helps; a harmless line needs none."""

_VERSION = re.compile(
    r"\btransformers(?:\s*(?:==|=|version:?|v|:|/)?\s*)(\d+\.\d+\.\d+)\b", re.IGNORECASE
)
_HARM_BY_VERDICT: dict[Verdict, Harm] = {
    Verdict.NO_CACHE: "slow",
    Verdict.CACHED: "harmless",
    Verdict.BROKEN: "wrong",
    Verdict.UNKNOWN: "undecided",
}
_ORIGINS: dict[str, Origin] = {
    USE_CACHE_OFF: "either",
    CACHE_DROPPED: "rollouts",
    CACHE_UNUSED: "either",
    SETTING_WITHOUT_CACHE: "config",
    TRAINING_FAILED: "training",
}


class Sighting(NamedTuple):
    """A known line in a log."""

    key: str
    line: int
    """Where it stands first, from 1."""
    times: int
    text: str
    """The line as it stands there, at most 300 characters."""
    origin: Origin
    harm: Harm

    @property
    def meaning(self) -> str:
        """What it means, in English."""
        return MEANINGS[self.key, self.harm]


class Explanation(NamedTuple):
    """What a log says about the KV cache."""

    sightings: tuple[Sighting, ...]
    """In the order of their first lines."""
    lines: int
    """How many lines were read."""
    transformers: str | None
    """The version that was given, or that the log names."""


def known(line: str) -> str | None:
    """Return the key of a line that is known, or None."""
    return next((one.key for one in LINES if one.pattern.search(line)), None)


def explain(log: Iterable[str], transformers: str | None = None) -> Explanation:
    """Return the known lines of a log, judged together, by the version of transformers.

    Without `transformers` the last version counts that the log itself names
    (`transformers==4.57.1`, `transformers version: 4.57.1`).
    """
    first: dict[str, tuple[int, str]] = {}
    counts: dict[str, int] = {}
    named, number = None, 0
    for number, line in enumerate(log, 1):
        if (found := _VERSION.search(line)) is not None:
            named = found[1]
        if (key := known(line)) is not None:
            counts[key] = counts.get(key, 0) + 1
            first.setdefault(key, (number, line.strip()[:300]))
    version = transformers or named
    sightings = [
        Sighting(
            key, at, counts[key], text, _origin(key, version, counts), _harm(key, version, counts)
        )
        for key, (at, text) in first.items()
    ]
    return Explanation(tuple(sightings), number, version)


def _harm(key: str, version: str | None, seen: dict[str, int]) -> Harm:
    by_version = _HARM_BY_VERDICT[expected(version or "")]
    if key == USE_CACHE_OFF:
        if CACHE_DROPPED in seen:
            return "wrong"
        # From 4.53 on a wrong rollout says the other line too, except with gpt2.
        return "undecided" if by_version in {"slow", "undecided"} else "harmless"
    if key == TRAINING_FAILED:
        return "wrong" if CACHE_DROPPED in seen else by_version
    harms = {CACHE_DROPPED: "wrong", CACHE_UNUSED: "undecided", SETTING_WITHOUT_CACHE: "slow"}
    harm: Harm = harms[key]  # type: ignore[assignment] # its values are the literals
    return harm


def _origin(key: str, version: str | None, seen: dict[str, int]) -> Origin:
    if key == USE_CACHE_OFF and _harm(key, version, seen) == "harmless":
        return "training"
    return _ORIGINS[key]
