"""Where downloads under way are kept: beside the cache, on its file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.publishing import make_folder
from swarmcache.hubcache.state import PARTIALS, state_folder, unwritable
from swarmcache.transfer.refusals import of_disk

if TYPE_CHECKING:
    from swarmcache.environment import Environment


def partials_folder(cache: str, environment: Environment) -> str:
    """Return the folder of a cache's partial downloads, made if need be.

    Raises AccessDenied for a cache that this user cannot write, DiskFull where not even a folder
    can be made.
    """
    state = state_folder(cache, environment)
    try:
        make_folder(cache)
        if state.is_beside:
            return state.folder(PARTIALS)
    except OSError as error:
        raise of_disk(error) or unwritable(cache) from error
    raise unwritable(cache)
