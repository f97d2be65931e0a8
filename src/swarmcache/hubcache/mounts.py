"""What is mounted into a cache from elsewhere: it belongs to whoever mounted it.

Told by the kernel's own table: a folder of the same disk that is bound to another place has the
same device number as its surroundings.
"""

from __future__ import annotations

import os

from swarmcache.hubcache.file_systems import plain_point
from swarmcache.locale import t

_TABLE = "/proc/self/mountinfo"
_POINT = 4
"""The field of the mount point (Linux, `Documentation/filesystems/proc.rst`)."""


def mounts_below(folder: str) -> list[str]:
    """Return the mount points below a real path; none where the system does not tell."""
    try:
        with open(_TABLE, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return []
    start = os.fsencode(folder) + b"/"
    points = [plain_point(row.split(b" ", _POINT + 1)[_POINT]) for row in rows]
    return [os.fsdecode(point) for point in points if point.startswith(start)]


def mounted_in(folder: str, points: list[str]) -> str | None:
    """Return which of these mount points is a folder, or lies in it; None for none."""
    return next((p for p in points if p == folder or p.startswith(folder + "/")), None)


def from_elsewhere(point: str) -> str:
    """Return why what is mounted there, and whatever it is part of, stays."""
    return t("{path} is mounted from elsewhere", path=point)
