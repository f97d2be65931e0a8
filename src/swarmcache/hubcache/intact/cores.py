"""How many cores this process may use; a container's share is often less than the machine has."""

from __future__ import annotations

import math
import os

_CONTROL_GROUPS = "/sys/fs/cgroup"


def usable_cores(groups: str = _CONTROL_GROUPS) -> int:
    """Return the cores that hashing may fill: those of the affinity, within the quota, at least 1.

    `groups` is where the kernel shows the control group of a container, version 2 or 1. A quota
    of 2.5 cores is 3: threads that outrun it are held back by the kernel, all the rest is idle.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota(groups))))


def _quota(groups: str) -> float:
    """Return the cores' worth of time that the control group grants; infinite without a bound."""
    words = _words(f"{groups}/cpu.max") or [
        *_words(f"{groups}/cpu/cpu.cfs_quota_us"),
        *_words(f"{groups}/cpu/cpu.cfs_period_us"),
    ]
    try:
        quota, period = map(int, words)
    except ValueError:  # `max`, or no such file
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except (OSError, UnicodeDecodeError):
        return []
