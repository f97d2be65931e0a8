"""What is mounted into a folder, as the kernel tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from small_disks import bound, small_disk
from swarmcache.hubcache.mounts import mounted_in, mounts_below

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults


def test_mounts_are_told_by_their_true_names(tmp_path: Path) -> None:
    """Another disk, and a folder of the same one; a space and a backslash are no escapes."""
    odd, twice = str(tmp_path / "a b\\c"), str(tmp_path / "twice")
    os.mkdir(twice)
    with small_disk(odd, "tmpfs"), bound(twice, str(tmp_path)):
        points = mounts_below(str(tmp_path))
        assert sorted(points) == sorted([odd, twice])
        assert mounts_below(odd) == []
    assert mounts_below(str(tmp_path)) == []


def test_a_folder_is_told_from_one_whose_name_begins_alike() -> None:
    """`/hub/a` holds `/hub/a/blobs`, and not `/hub/ab`."""
    points = ["/hub/ab", "/hub/a/blobs"]
    assert mounted_in("/hub/a", points) == "/hub/a/blobs"
    assert mounted_in("/hub/ab", points) == "/hub/ab"
    assert mounted_in("/hub/b", points) is None
