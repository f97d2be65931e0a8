"""What a repair that was killed at its very end has left: a download whose blob is in its place."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import BLOBS
from swarmcache.hubcache.scan import iter_repos
from swarmcache.hubcache.state import state_folder
from swarmcache.transfer.claims import Claim, claim
from swarmcache.transfer.contents import Content, etag_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.scan import Repo


def tidy(cache: str, environment: Environment) -> None:
    """Remove partial downloads of dead processes whose bytes a ref leads to; never raises.

    Until a ref leads to them, a partial is what brings them back after a `hf cache prune`.
    """
    folder = state_folder(cache, environment).partials
    with suppress(OSError):
        names = {etag_of(name) for name in os.listdir(folder)}
        for repo in iter_repos(cache) if names else ():
            for content in _settled(repo, names):
                if not os.path.isdir(f"{folder}/{content.key}"):
                    continue
                found = claim(cache, folder, content)
                if isinstance(found, Claim):
                    found.remove()


def _settled(repo: Repo, names: set[str]) -> Iterator[Content]:
    """Yield the contents of these names that files of the repo's refs lead to."""
    for revision in repo.revisions:
        for path, blob in revision.files if revision.refs else ():
            if blob is not None and blob.name in names:
                location = f"{repo.path}/{BLOBS}/{blob.name}"
                yield Content(repo.name, revision.commit, path, blob.name, blob.size, location)
