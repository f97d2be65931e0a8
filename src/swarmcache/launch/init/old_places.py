"""Where the project's programs have kept models so far, so that these may come along."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.folder import within
from swarmcache.hubcache.locate import locate
from swarmcache.hubcache.scan import read_repo, repo_names
from swarmcache.launch.init.config import PLACES
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.project.study import Project


def old_places(project: Project, libraries: Libraries, folder: str) -> tuple[str, ...]:
    """Return the folders that hold repos, but for the one that is to hold them now."""
    found = dict.fromkeys(os.path.realpath(path) for path in _named(project, libraries))
    found.pop(os.path.realpath(folder), None)
    return tuple(path for path in found if os.path.isdir(path) and repo_names(path))


def wanted_of(place: str, project: str, needed: Sequence[Target]) -> tuple[Target, ...] | None:
    """Return what of an old place is the project's: None for all of one that lies in it.

    Of a place that others use as well, only what this project needs.
    """
    if within(place, os.path.realpath(project)):
        return None
    return tuple(
        target
        for target in needed
        if (repo := read_repo(place, target.name)) is not None
        and repo.revision(target.revision) is not None
    )


def _named(project: Project, libraries: Libraries) -> Iterator[str]:
    yield locate(project.environment).path
    try:
        loaders, sites = project.loaders, project.loads_in_configs
    except ProjectError:
        return
    for loader in loaders:
        if not loader.execution.root.in_container:
            for use in uses(loader.execution, libraries):
                yield from (one.path for one in (use.hub, use.transformers) if one is not None)
    for site in sites:
        for key in PLACES:
            option = site.load.options.get(key)
            values = option.values if option is not None else ()
            yield from (v for v in values if isinstance(v, str) and os.path.isabs(v))
