"""What `verify` found wrong and nobody has replaced since; `check` asks at each launch.

Normally there is nothing to be found: two looks for a file that is not there. The ledger and what
it needs are loaded only when there is one.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import LOCKS
from swarmcache.hubcache.state import OWN_FOLDER, users_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from swarmcache.hubcache.intact.expectations import Record
    from swarmcache.hubcache.intact.ledger import Corruption
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import Blob

    Wrongs = Mapping[int, list[Corruption]]

_CORRUPT = "ledger/corrupt"


def known_wrong(cache: str) -> Wrongs:
    """Return what `verify` found wrong in a cache folder, by inode number; mostly nothing.

    This user's own memory counts as well: of a cache that is read-only, there is no other.
    """
    ledgers = [path for path in _ledgers(cache) if os.path.exists(path)]
    if not ledgers:
        return {}
    from swarmcache.hubcache.intact.ledger import known_corrupt  # noqa: PLC0415 - rarely needed

    return known_corrupt(ledgers)


def remembered_corrupt(
    known: Wrongs, files: Mapping[str, Blob | None], records: Mapping[str, Record] | None
) -> list[str]:
    """Return those of a snapshot's paths whose content was hashed and found wrong.

    `records` is what lock or manifest say of the files.
    """
    return [
        path
        for path, blob in files.items()
        if blob is not None
        and (wrong := known.get(blob.inode[1]))
        and _is_blamed(blob, (records or {}).get(path), wrong)
    ]


def proven_wrong(
    target: Target, cache: str, damaged: Collection[str], tiers: Sequence[str] = ()
) -> list[str]:
    """Return those of a cached model's damaged paths whose bytes `verify` has proven wrong.

    Links may lead into `tiers`.
    """
    known = known_wrong(cache) if damaged else {}
    if not known:
        return []
    from swarmcache.hubcache.manifest import read_manifest  # noqa: PLC0415 - rarely needed
    from swarmcache.hubcache.scan import read_repo  # noqa: PLC0415

    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(target.revision) if repo is not None else None
    if repo is None or revision is None:
        return []
    files = {file.path: file.blob for file in revision.files if file.path in damaged}
    return remembered_corrupt(known, files, read_manifest(repo.path, revision.commit))


def _is_blamed(blob: Blob, record: Record | None, known: list[Corruption]) -> bool:
    from swarmcache.hubcache.intact.expectations import expected_of  # noqa: PLC0415
    from swarmcache.hubcache.intact.fingerprint import fingerprint_of  # noqa: PLC0415

    expected = expected_of(blob, record)
    try:
        now = fingerprint_of(blob.path)
    except OSError:
        return False
    digest = expected and expected.digest
    return any(wrong.expected == digest and wrong.fingerprint.still(now) for wrong in known)


@lru_cache(maxsize=8)
def _ledgers(cache: str) -> tuple[str, str]:
    own = users_folder(cache, Environment.current())
    return f"{cache}/{LOCKS}/{OWN_FOLDER}/{_CORRUPT}", f"{own}/{_CORRUPT}"
