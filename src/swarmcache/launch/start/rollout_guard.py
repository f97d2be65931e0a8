"""The environment in which a command's rollouts are guarded, its code untouched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from swarmcache.generation.occasions import VARIABLE
from swarmcache.launch.start.inside import reaching_inside
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.generation.occasions import Occasion


def guarded(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the guard, everything else as it was."""
    return reaching_inside(variables, VARIABLE, json.dumps(_sentences(), ensure_ascii=True))


def _sentences() -> dict[Occasion, str]:
    """Return what the guard says on each occasion; it fills in the fields."""
    return {
        "broken": t(
            "swarmcache: generate() of {model} was called in train mode with gradient "
            "checkpointing, where transformers {version} makes wrong tokens; it now runs in eval "
            "mode with the KV cache, and the state of training comes back after each call."
        ),
        "slow": t(
            "swarmcache: generate() of {model} was called in train mode with gradient "
            "checkpointing, where transformers {version} has no KV cache; it now runs in eval mode "
            "with it, and the state of training comes back after each call."
        ),
        "saved": t(
            "swarmcache: the generation config of {model} has use_cache=false, which makes every "
            "rollout slow; generate() now uses the KV cache."
        ),
        "unfinished": t(
            "swarmcache: generate() of {model} was called between a forward and its backward, "
            "where the guard would change the gradients; this call is left as it is."
        ),
        "failed": t("swarmcache: generate() is not guarded: {error}"),
    }
