"""The caches that matter to a project on this machine: its programs', and the user's default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.hubcache.locate import locate
from swarmcache.project.effective.caches import uses
from swarmcache.project.readers.jobs import is_local

if TYPE_CHECKING:
    from swarmcache.doctor.case import Case


def used_caches(case: Case) -> tuple[str, ...]:
    """Return the folders that the project's programs load models from, as far as they are known.

    Where it starts no program that loads models, that is what this user's programs get.
    """
    found: dict[str, None] = {}
    for loader in case.project.loaders:
        if loader.execution.root.in_container:
            continue  # Its paths are not this machine's.
        for use in uses(loader.execution, case.node.libraries):
            both = (use.hub, use.transformers)
            paths = [one.path for one in both if one is not None]
            found |= dict.fromkeys(path for path in paths if not is_local(path))
    return tuple(found) or (case.node.location.path,)


def caches_here(case: Case) -> tuple[str, ...]:
    """Return those of the used caches that are folders on this machine; none for containers'."""
    loaders = case.project.loaders
    if loaders and all(loader.execution.root.in_container for loader in loaders):
        return ()
    return tuple(cache for cache in used_caches(case) if os.path.isdir(cache))


def known_caches(case: Case) -> tuple[str, ...]:
    """Return those, this user's cache and the default one, which all projects share."""
    home = case.node.environment.home
    default = locate(Environment({}, home, home)).path
    return tuple(dict.fromkeys((*used_caches(case), case.node.location.path, default)))
