"""How content on disk is known again without reading it."""

from __future__ import annotations

import os
from typing import NamedTuple


class Fingerprint(NamedTuple):
    """What stays equal as long as content on disk is not changed; no device, mounts change it."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    links: int

    @classmethod
    def of(cls, found: os.stat_result) -> Fingerprint:
        """Return the fingerprint of what was found."""
        return cls(
            found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink
        )

    def still(self, now: Fingerprint) -> bool:
        """Tell whether content of this fingerprint is unchanged when it now has `now`.

        Making and removing hard links moves ctime, so it counts only while there is one link.
        """
        same = self[:3] == now[:3]
        return same and (self.ctime_ns == now.ctime_ns or self.links > 1 or now.links > 1)


def fingerprint_of(path: str) -> Fingerprint:
    """Return the fingerprint of what `path` leads to; raises OSError."""
    return Fingerprint.of(os.stat(path))
