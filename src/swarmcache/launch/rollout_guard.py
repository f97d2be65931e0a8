"""The environment in which a command's rollouts are guarded, its code untouched.

Our folder comes first on PYTHONPATH, and the `sitecustomize` in it runs in every Python that the
command starts, whatever shell scripts stand between; that is how tracing agents do it. A Python
started with `-I` or `-E` reads no such variable and is not guarded.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from swarmcache.generation.occasions import SITE, VARIABLE
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.generation.occasions import Occasion


def guarded(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the guard, everything else as it was."""
    after = variables.get("PYTHONPATH")
    path = f"{SITE}{os.pathsep}{after}" if after else SITE
    sentences = json.dumps(_sentences(), ensure_ascii=True)
    return {**variables, "PYTHONPATH": path, VARIABLE: sentences}


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
