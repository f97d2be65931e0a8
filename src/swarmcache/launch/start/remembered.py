"""What was drawn for a project, kept so that a restart loads the same.

    $XDG_STATE_HOME/swarmcache/draws/<real path of the project>/instance.<name>

    MODEL_NAME Qwen/Qwen2.5-Coder-0.5B-Instruct       one variable a line

One file for each instance, and one with an empty name for a project that runs once. It belongs to
the user, not to the cache: which instances run here is nobody else's matter.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import users_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment

_MAX_BYTES = 64 * 1024
INSTANCE_VARIABLE = "SWARMCACHE_INSTANCE"
"""Names one of several instances of a project."""


def instance_of(environment: Environment) -> str:
    """Return the name of the instance of this environment; empty where a project runs once."""
    return environment.get(INSTANCE_VARIABLE) or ""


def draws_file(environment: Environment, project: str) -> str:
    """Return where the draws of the instance of this environment are kept; it may not exist."""
    real = os.path.realpath(project).strip(os.sep)
    return f"{users_state(environment)}/draws/{real}/instance.{instance_of(environment)}"


def remembered_draws(environment: Environment, project: str) -> dict[str, str]:
    """Return variable and model of each draw that was kept; what cannot be read was none."""
    try:
        with open(draws_file(environment, project), encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_BYTES).split("\n")
    except OSError:
        return {}
    pairs = (line.split(" ") for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and all(pair)}  # noqa: PLR2004


def remember_draws(environment: Environment, project: str, draws: Mapping[str, str]) -> None:
    """Keep these draws, unless the same are kept already; raises OSError."""
    if not draws or remembered_draws(environment, project) == dict(draws):
        return
    file = draws_file(environment, project)
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    write_whole(file, "".join(f"{variable} {model}\n" for variable, model in draws.items()))


def forget_draws(environment: Environment, project: str, draws: Mapping[str, str]) -> None:
    """Keep these draws no longer; never raises."""
    if draws and remembered_draws(environment, project) == dict(draws):
        with contextlib.suppress(OSError):
            os.unlink(draws_file(environment, project))
