"""How large a cache is, within milliseconds."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from swarmcache.environment import Environment
from swarmcache.hubcache import sizing
from swarmcache.hubcache.sizing import CacheSize, quick_size, remember_size

if TYPE_CHECKING:
    import pathlib

HERE = Environment({}, "/nonexistent", "/")


@pytest.fixture
def maker(tmp_path: pathlib.Path) -> CacheMaker:
    made = CacheMaker(tmp_path / "hub")
    made.repo("org/one", {"config.json": b"{}", "model.bin": b"x" * 1000})
    made.repo("org/rows", {"a.csv": b"1,2\n"}, repo_type="dataset")
    return made


def test_the_content_of_all_repos(maker: CacheMaker) -> None:
    """Models and datasets; own state, refs and marks are no content."""
    assert quick_size(maker.path, HERE) == CacheSize(1006, least=False)


def test_what_has_two_names_counts_once(maker: CacheMaker) -> None:
    """As after `dedupe`."""
    blobs = os.path.join(maker.path, "models--org--one", "blobs")
    largest = max(os.scandir(blobs), key=lambda entry: entry.stat().st_size)
    other = os.path.join(maker.path, "models--org--two", "blobs")
    os.makedirs(other)
    os.link(largest.path, os.path.join(other, largest.name))
    assert quick_size(maker.path, HERE).size == 1006


def test_files_without_links_and_the_store_of_shared_blobs(maker: CacheMaker) -> None:
    """A client without symbolic links keeps the files in snapshots; a later one shares blobs."""
    snapshot = os.path.join(maker.path, "models--org--plain", "snapshots", "a" * 40, "sub")
    os.makedirs(snapshot)
    with open(os.path.join(snapshot, "model.bin"), "wb") as file:
        file.write(b"y" * 500)
    store = os.path.join(maker.path, "blobs", "ab")
    os.makedirs(store)
    with open(os.path.join(store, "ab12"), "wb") as file:
        file.write(b"z" * 70)
    assert quick_size(maker.path, HERE).size == 1006 + 500 + 70


def test_nothing_is_there(tmp_path: pathlib.Path) -> None:
    """No cache yet, or a file in its place."""
    assert quick_size(str(tmp_path / "hub"), HERE) == CacheSize(0, least=False)
    (tmp_path / "hub").touch()
    assert quick_size(str(tmp_path / "hub"), HERE).size == 0


def test_a_large_cache_is_remembered(maker: CacheMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the time does not suffice: at least so much; then what was measured at leisure."""
    monkeypatch.setattr(sizing, "QUICK_SECONDS", -1.0)
    found = quick_size(maker.path, HERE)
    assert (found.least, 0 < found.size < 1006) == (True, True)
    remember_size(maker.path, HERE)
    assert quick_size(maker.path, HERE) == CacheSize(1006, least=False)
    shutil.rmtree(os.path.join(maker.path, ".locks"))
    assert quick_size(maker.path, HERE).least


def test_a_small_one_is_not_written_down(maker: CacheMaker) -> None:
    """It is measured anew each time."""
    remember_size(maker.path, HERE)
    assert not os.path.exists(os.path.join(maker.path, ".locks", ".swarmcache", "ledger", "size"))
