"""Proven bytes become a blob, by one rename."""

from __future__ import annotations

import os
import time

from swarmcache.hubcache.publishing import make_folder, replace, share
from swarmcache.transfer.partial import DATA

_TRIES = 5
_SETTLED_SECONDS = 3
"""How old a published file looks at least, so that its hash can be remembered at once."""


def put(folder: str, location: str) -> None:
    """Make the proven bytes of a partial's folder the blob at `location`, by one rename.

    By a hard link, so that the bytes survive a `hf cache prune` that comes before their ref.
    The caller syncs the folder. OSError from the disk.
    """
    data = f"{folder}/{DATA}"
    let_settle(data)
    for attempt in reversed(range(_TRIES)):
        try:
            _put_once(folder, data, location)
        except FileNotFoundError:  # noqa: PERF203 - one round as a rule
            # Another tool removed the whole repo meanwhile, as `hf cache prune` does.
            if not attempt or not os.path.exists(data):
                raise
        else:
            return


def let_settle(path: str) -> None:
    """Let a new file look old enough that its hash can be remembered; OSError.

    An mtime of now would not do for a fingerprint; a write after this moves it anyhow.
    """
    settled = time.time() - _SETTLED_SECONDS
    if os.stat(path).st_mtime > settled:
        os.utime(path, (settled, settled))


def _put_once(folder: str, data: str, location: str) -> None:
    blobs, ready = os.path.dirname(location), f"{folder}/ready"
    make_folder(blobs)
    share(data, blobs)
    try:
        os.link(data, ready)
    except FileExistsError:  # A process was killed right here.
        os.unlink(ready)
        os.link(data, ready)
    except OSError:
        ready = data  # A file system without hard links.
    replace(ready, location)
