"""Blobs that no revision uses: the Hub's clients link one that is there, and trust its bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, sha256, write
from faults.damage import Victim, flip_last
from faults.verifying import FILES, MODEL, ONE, age, snapshot_of, verify
from swarmcache.cli import main

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.faults
CONTENT = b"of a commit that was removed" * 9


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> CacheMaker:
    """A cache with a blob more than its one revision needs."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo(MODEL, FILES)
    write(unused(maker), CONTENT)
    age(maker.path)
    return maker


def unused(cache: CacheMaker) -> str:
    """Where the blob lies that no revision uses."""
    return os.path.join(cache.folder(MODEL), "blobs", sha256(CONTENT))


def test_good_ones_are_not_counted(cache: CacheMaker) -> None:
    """Nor those whose names are no hashes: nobody uses them, nothing tells of them."""
    write(os.path.join(cache.folder(MODEL), "blobs", "a-mirror's-etag"), b"x")
    for _ in range(2):
        found = verify(cache.path)
        assert (found.code, found.problems, found.good) == (0, set(), len(FILES))


def test_wrong_ones_are_named_by_their_paths_on_disk(cache: CacheMaker) -> None:
    """Each time; and not where a model is asked for, which loads without them."""
    write(unused(cache), CONTENT[:-1] + b"?")
    age(cache.path)
    for _ in range(2):
        found = verify(cache.path)
        assert (found.code, found.problems) == (5, {(unused(cache), "wrong-hash")})
        assert found.good == len(FILES)
    assert verify(cache.path, MODEL).code == 0


def test_an_empty_one_is_wrong(cache: CacheMaker) -> None:
    write(unused(cache), b"")
    assert verify(cache.path).problems == {(unused(cache), "empty")}


def test_a_repair_leaves_them_and_names_the_command(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """All else is repaired."""
    good = CacheMaker(os.path.join(os.path.dirname(cache.path), "good"))
    good.repo(MODEL, FILES)
    write(unused(cache), b"wrong")
    flip_last(Victim(snapshot_of(cache.path), ONE))

    repair = ["verify", "--all", "--repair", "--from", good.path, "--cache-dir", cache.path]
    assert main(repair) == 5
    assert f"    rm {unused(cache)}" in capsys.readouterr().out.splitlines()
    assert verify(cache.path).problems == {(unused(cache), "wrong-hash")}

    os.unlink(unused(cache))
    assert verify(cache.path).code == 0


def test_one_that_was_wrong_is_known_when_it_is_linked(cache: CacheMaker) -> None:
    """As a client does that finds a blob of the right name: `check` says damaged at once."""
    snapshot, blobs = snapshot_of(cache.path), os.path.dirname(unused(cache))
    entry = os.path.join(snapshot, ONE)
    blob = os.path.realpath(entry)
    flip_last(Victim(snapshot, ONE))
    os.unlink(entry)
    age(cache.path)
    assert (blob, "wrong-hash") in verify(cache.path).problems

    os.symlink(os.path.relpath(os.path.join(blobs, os.path.basename(blob)), snapshot), entry)
    assert main(["check", MODEL, "--cache-dir", cache.path]) == 1
