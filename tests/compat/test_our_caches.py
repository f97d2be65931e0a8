"""Caches that swarmcache wrote are read by real huggingface_hub versions, side by side."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import compat_environments
import pytest

from compat.conftest import MODEL, MODEL_BYTES, MODEL_FILES
from swarmcache.hubcache import scan
from swarmcache.hubcache.complete import integrity
from swarmcache.hubcache.layout import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compat.conftest import Library

pytestmark = pytest.mark.compat

VERSIONS = tuple(compat_environments.VERSIONS)
ORDERS = (VERSIONS, VERSIONS[::-1], ("1.31.0", "0.36.2", "2.4.0", "1.5.0"))


def swarmcache(library: Library, *arguments: str) -> str:
    """Run our own command on the same cache and Hub, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", *arguments],
        env=library.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_pull_wrote_is_read_offline(library: Library) -> None:
    """Complete for `snapshot_download` without the network, and nothing to warn of."""
    swarmcache(library, "pull", MODEL)
    path = library.snapshot(MODEL, offline=True)
    with open(os.path.join(path, "model.safetensors"), "rb") as file:
        assert file.read() == MODEL_FILES["model.safetensors"]
    repos, warnings = library.scan()
    assert (set(repos), warnings) == ({MODEL}, [])
    listed = library.listed()
    assert MODEL in listed
    assert "corrupted" not in listed


def test_pull_finds_nothing_to_do_after_them(library: Library) -> None:
    """What another version fetched is not fetched again."""
    library.snapshot(MODEL)
    before = tree(library.cache)
    swarmcache(library, "pull", MODEL)
    assert blobs(tree(library.cache)) == blobs(before)


@pytest.mark.parametrize("order", ORDERS, ids="→".join)
def test_all_versions_share_one_cache(libraries: dict[str, Library], order: Sequence[str]) -> None:
    """Each in turn downloads what is already there, and all can still read it; then so can we."""
    written = []
    for version in order:
        libraries[version].snapshot(MODEL)
        written.append(blobs(tree(libraries[version].cache)))
    assert all(one == other for one, other in itertools.pairwise(written))
    for version in order:
        assert libraries[version].scan() == ({MODEL: MODEL_BYTES}, []), version
        libraries[version].snapshot(MODEL, offline=True)
    cache = libraries[order[0]].cache
    (repo,) = scan.iter_repos(cache)
    assert (repo.problems, repo.leftovers, len(repo.revisions)) == ((), (), 1)
    found = integrity.check(Target("model", MODEL, "main"), cache, full=True)
    assert (found.state, found.size) == ("complete", MODEL_BYTES)


def tree(cache: str) -> dict[str, int]:
    """Return every file of a cache with its inode."""
    return {
        os.path.relpath(os.path.join(folder, name), cache): os.lstat(
            os.path.join(folder, name)
        ).st_ino
        for folder, _, names in os.walk(cache)
        for name in names
    }


def blobs(files: dict[str, int]) -> dict[str, int]:
    """Return the blobs among the files of a cache."""
    return {path: inode for path, inode in files.items() if "/blobs/" in path}
