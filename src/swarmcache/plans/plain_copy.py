"""A revision as a plain folder, for tools that know no cache: reflinks where they can be had."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from swarmcache.errors import HubCacheError
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
    if os.path.lexists(folder):
        raise HubCacheError(t("{path} exists already.", path=folder), hint=f"ls -ld {folder}")
    progress = progress or Silent()
    staged = f"{folder}.{os.urandom(4).hex()}.tmp"
    written, hashes = 0, {}
    progress.start(repo.name.id, sum(blob.size for _, blob in revision.files if blob))
    try:
        for path, etag, location in exportable(repo, revision):
            place = f"{staged}/{path}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if not reflinked(location, place):
                shutil.copyfile(location, place)
            size = os.path.getsize(place)
            progress.advance(repo.name.id, size)
            written += size
            hashes[path] = {"algorithm": algorithm_of(etag), "digest": etag, "size": size}
        with open(f"{folder}.hashes.json", "w", encoding="utf-8") as file:
            facts = {"id": repo.name.id, "commit": revision.commit, "files": hashes}
            json.dump(facts, file, indent=1)
        os.rename(staged, folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    finally:
        progress.finish(repo.name.id)
    return written
