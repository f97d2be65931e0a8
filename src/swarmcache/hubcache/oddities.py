"""What is odd about the value that decided where a cache is, in sentences."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.locate import Candidate

_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
"""What huggingface_hub takes for true, in any case."""


def oddities(environment: Environment, winner: Candidate) -> Iterator[str]:
    """Yield one sentence for each thing about `winner` that its user may not have meant."""
    if winner.name.isidentifier() and environment.get(winner.name) == winner.value:
        yield from _odd_variable(environment, winner)
    if _is_windows_drive(environment, winner.path or ""):
        yield t(
            "{path} is on a Windows drive, where links may be missing and reading is slow;"
            " a folder of WSL itself serves better.",
            path=winner.path,
        )
    if (environment.get("HUGGINGFACE_CO_STAGING") or "").upper() in _TRUE:
        yield t(
            "HUGGINGFACE_CO_STAGING is on: huggingface_hub then uses the Hub's test server"
            " and another token, but the same cache.",
        )


def _odd_variable(environment: Environment, winner: Candidate) -> Iterator[str]:
    name, value, path = winner.name, winner.value, winner.path or ""
    if not value:
        yield t(
            "{name} is set but empty, so the cache moves with the working directory: now {path}.",
            name=name,
            path=path,
        )
    elif not os.path.isabs(environment.expand(value)):
        yield t(
            "{name} holds the relative path {value}, so the cache moves with the working"
            " directory: now {path}.",
            name=name,
            value=value,
            path=path,
        )
    if "$" in environment.expand(value):
        yield t(
            "{name} names a variable that is not set, so the folder is literally {path}.",
            name=name,
            path=path,
        )
    if name == "HF_HOME" and path.endswith("/hub/hub"):
        yield t(
            "HF_HOME itself ends in hub, so the models are one level deeper, in {path};"
            " HF_HUB_CACHE names the folder of the models directly.",
            path=path,
        )


def _is_windows_drive(environment: Environment, path: str) -> bool:
    return bool(environment.get("WSL_DISTRO_NAME")) and bool(re.match(r"/mnt/[a-z](/|$)", path))
