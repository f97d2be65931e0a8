"""Threads for the cores that are ours, not for all that the machine has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import write
from swarmcache.hubcache.intact.cores import usable_cores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": b"max 100000\n"}, 8),
        ({"cpu.max": b"200000 100000\n"}, 2),
        ({"cpu.max": b"250000 100000\n"}, 3),
        ({"cpu.max": b"50000 100000\n"}, 1),
        ({"cpu.max": b"6400000 100000\n"}, 8),
        ({"cpu.max": b"\xff"}, 8),
        ({"cpu/cpu.cfs_quota_us": b"400000\n", "cpu/cpu.cfs_period_us": b"100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": b"-1\n", "cpu/cpu.cfs_period_us": b"100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": b"400000\n"}, 8),
    ],
)
def test_a_quota_counts_where_it_is_less(
    files: dict[str, bytes], expected: int, tmp_path: Path
) -> None:
    """Both versions of control groups, none, and garbage."""
    for name, content in files.items():
        write(str(tmp_path / name), content)
    assert usable_cores(str(tmp_path)) == expected


def test_the_affinity_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `taskset` sets it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert usable_cores(str(tmp_path)) == 1
