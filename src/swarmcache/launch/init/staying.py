"""Other projects that keep to a place whose cache moves, as far as anything tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.use.roots import is_gone, roots, this_host
from swarmcache.launch.init.following import names_it
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from swarmcache.environment import Environment
    from swarmcache.hubcache.use.roots import Root


def staying_projects(
    cache: str, environment: Environment, *, project: str, settings: str
) -> tuple[str, ...]:
    """Return the projects registered in `cache` (real path) that still name it, or may.

    All but `project`, which follows, and those that are gone. A project follows too where its own
    file names another place, or the file `settings`, which is to name the new one. Raises
    AccessDenied for a root that this user may not read.
    """
    mine = os.path.realpath(project)
    found = (root for root in roots(cache, environment) if root.project != mine)
    names = {root.project for root in found if _stays(root, cache, environment, settings)}
    return tuple(sorted(names))


def _stays(root: Root, cache: str, environment: Environment, settings: str) -> bool:
    if root.host != this_host() or not os.path.isdir(root.project):
        return not is_gone(root)
    try:
        found = load_settings(root.project, environment)
        by = found.origin("cache.dir").decided_by
        if not os.path.isabs(by) or found.cache_dir is None:
            return True  # A variable, or nothing: it may be another one where that project runs.
        is_here = os.path.realpath(found.cache_dir) == cache
        if is_here and by != settings:
            return True
        spelled = (found.cache_dir, cache) if is_here else (cache,)
        return names_it(root.project, environment, spelled)
    except (SwarmcacheError, OSError):
        return True
