"""Are these the bytes? Asked of what is in place, and of what is about to be put there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.hashing import Hashed, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.intact.expectations import Expected


def is_intact(location: str, expected: Expected, cache: str) -> bool:
    """Tell whether the expected content lies at `location`, within the cache folder.

    Raises PermissionError for a file that this user may not read.
    """
    real = os.path.realpath(location)
    if not real.startswith(os.path.realpath(cache) + os.sep):
        return False
    return is_content(location, expected)


def is_content(
    path: str, expected: Expected, on_bytes: Callable[[int], None] | None = None
) -> bool:
    """Tell whether a file is there and holds the expected bytes.

    Raises PermissionError for one that this user may not read: nothing is known of it then.
    """
    try:
        if expected.size is not None and os.path.getsize(path) != expected.size:
            return False
        found = hash_file(path, expected.algorithm, on_bytes=on_bytes)
    except PermissionError:
        raise
    except OSError:
        return False
    return isinstance(found, Hashed) and found.digest == expected.digest
