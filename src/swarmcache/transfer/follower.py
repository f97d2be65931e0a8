"""Hashing in order what arrives in any order, while the data is still in the page cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.hashing import new_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.verdicts import Algorithm
    from swarmcache.transfer.partial import Partial

_CHUNK = 2**20
_PATIENCE = 0.25


UNKNOWN = "unknown"
"""The hash of bytes that nothing names by a hash."""


def follow(
    partial: Partial, algorithm: Algorithm | None, is_wanted: Callable[[], bool]
) -> str | None:
    """Return the hash of a partial's bytes once all are there; None when it is not wanted any more.

    A prefix that an earlier process left is read once more. Raises OSError.
    """
    digest, at = new_digest(algorithm or "sha256", partial.size), 0
    buffer = memoryview(bytearray(min(_CHUNK, partial.size)))
    while at < partial.size:
        if not is_wanted():
            return None
        ahead = min(_CHUNK, partial.size - at)
        if partial.await_prefix(at + ahead - 1, _PATIENCE) < at + ahead:
            continue
        count = os.preadv(partial.handle, [buffer[:ahead]], at)
        if count <= 0:
            return ""  # Cut off under us: no hash, so nothing is right.
        if algorithm is not None:
            digest.update(buffer[:count])
        at += count
    if not is_wanted():
        return None
    return digest.hexdigest() if algorithm is not None else UNKNOWN
