"""What is made below a group's folder is the group's from the moment that anybody can see it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from stat import S_IMODE
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache import publishing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN = 0o2770


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[str]:
    """Return a folder of a group, for a user whose umask closes all to the group."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub").chmod(OPEN)
    before = os.umask(0o077)
    yield str(tmp_path / "hub")
    os.umask(before)


def test_threads_find_no_folder_that_is_still_closed(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where opening one takes its time, none is made in it before."""
    opened = publishing.share

    def slowly(path: str, folder: str) -> None:
        time.sleep(0.05 if "models--" in os.path.basename(path) else 0)
        opened(path, folder)

    monkeypatch.setattr(publishing, "share", slowly)
    names = ("blobs", "refs/pr", "snapshots/one", "snapshots/two")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(publishing.make_folder, [f"{shared}/models--a--b/{n}" for n in names] * 4))
    found = {folder: S_IMODE(os.stat(folder).st_mode) for folder, _, _ in os.walk(shared)}
    assert set(found.values()) == {OPEN}
    assert len(found) == 8, "drafts are left, or a folder is not there"


def test_a_folder_that_another_process_made_first_is_kept(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds something already when ours is ready."""

    def overtaken(path: str, folder: str) -> None:
        os.makedirs(f"{shared}/repo/blobs")
        opened(path, folder)

    opened = publishing.share
    monkeypatch.setattr(publishing, "share", overtaken)
    publishing.make_folder(f"{shared}/repo")
    assert os.listdir(shared) == ["repo"]
    assert os.listdir(f"{shared}/repo") == ["blobs"]


def test_elsewhere_the_umask_decides(tmp_path: Path) -> None:
    """A cache that is nobody's but its user's stays so."""
    before = os.umask(0o077)
    try:
        publishing.make_folder(f"{tmp_path}/hub/repo")
    finally:
        os.umask(before)
    assert S_IMODE(os.stat(tmp_path / "hub/repo").st_mode) == 0o700
