"""A revision as a plain folder, for tools that know no cache: reflinks where they can be had."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from swarmcache.errors import HubCacheError
from swarmcache.hubcache.drafts import draft_of, sweep_drafts
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.linking import reflinked
from swarmcache.hubcache.publishing import folder_made, sync, sync_folders
from swarmcache.locale import t
from swarmcache.plans.exportable import Content, hashed
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.intact.ledger import Ledger
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.plans.exportable import Exportable, Exported
    from swarmcache.progress import Progress

_CHUNK = 2**20


class Fact(TypedDict):
    """What the hashes say of one file."""

    algorithm: Algorithm
    digest: str
    """The Hub's own hash; of a file that nothing names one of, the sha256 of what was copied."""
    size: int
    """Bytes."""


def write_plain(
    model: Exportable, folder: str, ledger: Ledger, progress: Progress | None = None
) -> int:
    """Write a revision's files below a new folder, and return how many bytes of content.

    People edit such folders, so no file is a hard link. `<folder>.hashes.json` names each file's
    hash. The folder appears at once, when it is whole, proven and on the disk; what `ledger`
    remembers of a content that is only linked is not read again. Raises HubCacheError for one that
    exists, WrongBytes where a file has other bytes than it must or is written meanwhile.
    """
    sweep_drafts(os.path.dirname(folder))
    if os.path.lexists(folder):
        raise HubCacheError(t("{path} exists already.", path=folder), hint=("ls", "-ld", folder))
    progress, name = progress or Silent(), model.repo.name.id
    progress.start(name, model.size)
    try:
        with folder_made(os.path.dirname(folder)), draft_of(folder) as draft:
            hashes = _copied(model, f"{draft}/files", ledger, partial(progress.advance, name))
            with open(f"{draft}/hashes", "x", encoding="utf-8") as file:
                facts = {"id": name, "commit": model.revision.commit, "files": hashes}
                json.dump(facts, file, indent=1)
            sync(f"{draft}/hashes")
            # The hashes first: of a folder that is there, a rerun would only say that it exists.
            os.replace(f"{draft}/hashes", f"{folder}.hashes.json")
            os.rename(f"{draft}/files", folder)
            os.rmdir(draft)
            sync_folders([os.path.dirname(folder)])
    finally:
        progress.finish(name)
    return sum(fact["size"] for fact in hashes.values())


def _copied(
    model: Exportable, folder: str, ledger: Ledger, hear: Callable[[int], None]
) -> dict[str, Fact]:
    """Copy a revision's files below a folder, and return what the hashes say of each."""
    os.makedirs(folder)
    hashes: dict[str, Fact] = {}
    for file in model.files:
        place = f"{folder}/{file.path}"
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if reflinked(file.blob.path, place):
            digest, size = _linked(file, place, ledger), os.path.getsize(place)
            hear(size)
        else:
            with Content(file, hear) as content, open(place, "xb") as copy:
                shutil.copyfileobj(content, copy, _CHUNK)
                digest, size = content.digest(), content.size
            sync(place)
        hashes[file.path] = {"algorithm": file.algorithm, "digest": digest, "size": size}
    sync_folders(above for above, _, _ in os.walk(folder))
    return hashes


def _linked(file: Exported, place: str, ledger: Ledger) -> str:
    """Return the hash of a reflink, remembered or read; raises WrongBytes for a wrong one."""
    known = ledger.recall(file.algorithm, fingerprint_of(file.blob.path))
    if known is not None and file.expected is not None and known.digest == file.expected.digest:
        return known.digest
    return hashed(file, place)
