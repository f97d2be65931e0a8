"""What the guard of a whole process says, and how its sentences reach it from `swarmcache run`."""

from __future__ import annotations

import os
from typing import Literal, get_args

Occasion = Literal["broken", "slow", "saved", "unfinished", "failed"]
"""Wrong tokens; no cache by the state of training; no cache by a saved config; a call between a
forward and its backward, which is left as it is; no guard could be set up."""
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)

VARIABLE = "SWARMCACHE_GENERATION_GUARD"
"""JSON: the sentence for each occasion, in the user's language, with `{model}`, `{version}` and
`{error}` to be filled in."""

SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
"""The folder to put first on PYTHONPATH."""
