"""The caches that matter to a project on this machine: its programs', and the user's default."""

from __future__ import annotations

import os
from shlex import quote
from stat import S_ISDIR
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.hubcache.locate import DEFAULT, locate
from swarmcache.project.effective.caches import uses
from swarmcache.project.readers.jobs import is_local

if TYPE_CHECKING:
    from swarmcache.doctor.case import Case


def used_caches(case: Case) -> tuple[str, ...]:
    """Return the folders that the project's programs load models from, as far as they are known.

    Where it starts no program that loads models, that is what this user's programs get. So does
    one to which the project tells nothing else where its settings name a cache: from `run`.
    """
    own = case.node.location.path
    found: dict[str, None] = {}
    for loader in case.project.loaders:
        if loader.execution.root.in_container:
            continue  # Its paths are not this machine's.
        for use in uses(loader.execution, case.node.libraries):
            both = (use.hub, use.transformers)
            paths = [
                own if case.node.has_own_cache and one.decided_by == DEFAULT else one.path
                for one in both
                if one is not None
            ]
            found |= dict.fromkeys(path for path in paths if not is_local(path))
    return tuple(found) or (own,)


def caches_here(case: Case) -> tuple[str, ...]:
    """Return those of the used caches that are folders on this machine; none for containers'.

    One in a folder that this user may not enter may be one, and is one.
    """
    loaders = case.project.loaders
    if loaders and all(loader.execution.root.in_container for loader in loaders):
        return ()
    return tuple(cache for cache in used_caches(case) if _may_be_there(cache))


def for_cache(command: str, cache: str, case: Case) -> str:
    """Return a swarmcache command for one cache: named, unless the project's folder means it."""
    return command if cache == case.node.location.path else f"{command} --cache-dir {quote(cache)}"


def _may_be_there(path: str) -> bool:
    try:
        return S_ISDIR(os.stat(path).st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def known_caches(case: Case) -> tuple[str, ...]:
    """Return those, this user's cache and the default one, which all projects share."""
    home = case.node.environment.home
    default = locate(Environment({}, home, home)).path
    return tuple(dict.fromkeys((*used_caches(case), case.node.location.path, default)))
