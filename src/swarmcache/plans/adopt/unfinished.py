"""Unfinished downloads of the Hub's own clients: brought to where their client will look.

blobs/<etag>.incomplete             of huggingface_hub before 1.18, which goes on with it
blobs/<etag>.<8 hex>.incomplete     of later ones: nobody goes on with it, so it does not come
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import BLOBS, INCOMPLETE, folder_name
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.publishing import make_folder, publish
from swarmcache.plans.staging import drop_leftovers, staging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo


class Unfinished(NamedTuple):
    """One of them."""

    repo: RepoName
    path: str
    size: int
    """Bytes."""

    @property
    def etag(self) -> str:
        """The blob that it was to become; another client's has more in its name."""
        return os.path.basename(self.path).removesuffix(INCOMPLETE)

    @property
    def goes_on(self) -> bool:
        """Whether a client goes on with it, so that it comes."""
        return algorithm_of(self.etag) is not None


def unfinished_of(repo: Repo) -> Iterator[Unfinished]:
    """Yield what a repo holds of them; nothing of one that this user may not take them from."""
    if not os.access(f"{repo.path}/{BLOBS}", os.W_OK):
        return
    for left in repo.leftovers:
        if left.kind == "partial" and not os.path.islink(left.path):
            with suppress(OSError):
                yield Unfinished(repo.name, left.path, os.stat(left.path).st_size)


def bring_unfinished(
    found: Sequence[Unfinished], source: str, cache: str, environment: Environment
) -> None:
    """Bring those that a client goes on with, unless one is at it; of two the longer stays.

    Never raises: one that stays keeps its repo in the old place. Killed at any instant, it is whole
    in one of both places.
    """
    wanted = [one for one in found if one.goes_on]
    for one in wanted:
        with (
            suppress(OSError, SwarmcacheError),
            blob_lock(source, one.repo, one.etag, 0),
            blob_lock(cache, one.repo, one.etag, 0),
        ):
            if not is_over(one, cache):
                _bring(one, cache, environment)
    if wanted:
        drop_leftovers(cache, environment)


def is_over(one: Unfinished, cache: str) -> bool:
    """Tell whether a cache has the blob, or as much of it."""
    blob = f"{cache}/{folder_name(one.repo)}/{BLOBS}/{one.etag}"
    if os.path.exists(blob):
        return True
    try:
        return os.stat(f"{blob}{INCOMPLETE}").st_size >= os.stat(one.path).st_size
    except OSError:
        return not os.path.lexists(one.path)


def _bring(one: Unfinished, cache: str, environment: Environment) -> None:
    blobs = f"{cache}/{folder_name(one.repo)}/{BLOBS}"
    make_folder(blobs)
    place, found = f"{blobs}/{one.etag}{INCOMPLETE}", os.stat(one.path)
    is_mine = not hasattr(os, "geteuid") or os.geteuid() in {0, found.st_uid}
    if is_mine and found.st_dev == os.stat(blobs).st_dev:
        publish(one.path, place)
        return
    with staging(cache, environment) as stage:
        publish(stage.copied(one.path), place)
    os.unlink(one.path)
