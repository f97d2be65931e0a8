"""The variables that make one cache folder count for every library in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LaunchError
from swarmcache.hubcache.locate import TRANSFORMERS_VARIABLES, reads_own_variables
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location


class Exports(NamedTuple):
    """What a process must be given to use the cache at `path`."""

    path: str
    """The cache folder, absolute."""
    decided_by: str
    variables: Mapping[str, str]
    """Names and values to export; nothing is ever unset."""


def exports(environment: Environment, location: Location, libraries: Libraries) -> Exports:
    """Return the variables that bring every library in use to the cache at `location`.

    `HF_HUB_CACHE` is always set: huggingface_hub from 0.36 to 2.4 lets it win, and
    transformers follows it as long as nothing else is said. What else is said, and read,
    is set to the same folder, so that nothing splits:

    - `HUGGINGFACE_HUB_CACHE`, where it names another folder: older programs read only that.
    - the three variables of transformers before 5.0, where they name another folder, unless
      transformers is known to be newer. `TRANSFORMERS_CACHE=$ROOT/.cache/huggingface` beside
      `HUGGINGFACE_HUB_CACHE=$ROOT/.cache/huggingface/hub` is the split of the original report:
      `from_pretrained` then downloads again what a Hub tool had fetched. They are not set
      where nobody set them, because 4.x warns about each.

    Never `HF_HOME` nor the token's path: `hf auth logout`, which RL-Swarm's start script runs,
    would log out every project that shares them.

    Raises LaunchError for a folder whose name no variable can carry.
    """
    refuse_replaced(environment, location.path)
    names = ["HF_HUB_CACHE"]
    old = ["HUGGINGFACE_HUB_CACHE"]
    if libraries.transformers is None or reads_own_variables(libraries.transformers):
        old += TRANSFORMERS_VARIABLES
    names += [n for n in old if environment.get(n) not in {None, location.path}]
    return Exports(location.path, location.decided_by, dict.fromkeys(names, location.path))


def refuse_replaced(environment: Environment, path: str) -> None:
    """Raise LaunchError where huggingface_hub would replace a `$VAR` in the folder's own name."""
    if environment.expand_variables(path) != path:
        raise LaunchError(
            t(
                "{path} cannot be exported: huggingface_hub replaces the variable in its name.",
                path=path,
            ),
            hint="swarmcache env --cache-dir /srv/models/hub",
        )
