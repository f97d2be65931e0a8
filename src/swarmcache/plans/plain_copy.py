"""A revision as a plain folder, for tools that know no cache: reflinks where they can be had."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from swarmcache.errors import HubCacheError
from swarmcache.hubcache.drafts import draft_of, sweep_drafts
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.linking import reflinked
from swarmcache.locale import t
from swarmcache.plans.archive import exportable
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.progress import Progress


def write_plain(
    repo: Repo, revision: Revision, folder: str, progress: Progress | None = None
) -> int:
    """Write a revision's files below a new folder, and return how many bytes of content.

    People edit such folders, so no file is a hard link. `<folder>.hashes.json` names each file's
    hash. The folder appears at once, when it is whole. Raises HubCacheError for one that exists.
    """
    sweep_drafts(os.path.dirname(folder))
    if os.path.lexists(folder):
        raise HubCacheError(t("{path} exists already.", path=folder), hint=("ls", "-ld", folder))
    progress = progress or Silent()
    progress.start(repo.name.id, sum(blob.size for _, blob in revision.files if blob))
    try:
        with draft_of(folder) as draft:
            hashes = _copied(repo, revision, f"{draft}/files", progress)
            with open(f"{draft}/hashes", "x", encoding="utf-8") as file:
                facts = {"id": repo.name.id, "commit": revision.commit, "files": hashes}
                json.dump(facts, file, indent=1)
            # The hashes first: of a folder that is there, a rerun would only say that it exists.
            os.replace(f"{draft}/hashes", f"{folder}.hashes.json")
            os.rename(f"{draft}/files", folder)
            os.rmdir(draft)
    finally:
        progress.finish(repo.name.id)
    return sum(int(fact["size"]) for fact in hashes.values())


def _copied(
    repo: Repo, revision: Revision, folder: str, progress: Progress
) -> dict[str, dict[str, str | int]]:
    """Copy a revision's files below a folder, and return what the hashes say of each."""
    os.makedirs(folder)
    hashes: dict[str, dict[str, str | int]] = {}
    for path, etag, location in exportable(repo, revision):
        place = f"{folder}/{path}"
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not reflinked(location, place):
            shutil.copyfile(location, place)
        size = os.path.getsize(place)
        progress.advance(repo.name.id, size)
        hashes[path] = {"algorithm": algorithm_of(etag) or "", "digest": etag, "size": size}
    return hashes
