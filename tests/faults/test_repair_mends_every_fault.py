"""Whatever `verify` names, `--repair` mends from a nearby cache, or leaves and says why."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from faults.damage import FAULTS, OF_BLOBS, Victim, paths_of
from faults.verifying import FILES, INDEX, MODEL, ONE, snapshot_of, verify

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.faults

LAYOUTS: dict[str, dict[str, bool]] = {
    "as 0.36 writes": {"trees": False},
    "as 1.31 writes": {},
    "without links": {"links": False},
    "shared store": {"shared": True},
}
DAMAGED = ("config.json", ONE, INDEX, "prompts/a b.txt")
"""Small, large, one that names others, one that shares its blob."""
FOREIGN = frozenset({"pipe for an entry"})
"""What no client makes: nobody knows whose it is, so it is left."""


@pytest.fixture(params=LAYOUTS)
def good(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    maker = CacheMaker(tmp_path / "good")
    maker.repo(MODEL, FILES, **LAYOUTS[request.param])
    return maker.path


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_mended_from_nearby(
    good: str, name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All four files at once; nothing answers at the endpoint."""
    if name in OF_BLOBS and not os.path.islink(os.path.join(snapshot_of(good), "config.json")):
        pytest.skip("without links, a file that was deleted is one that was never fetched")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    cache = str(tmp_path / "damaged")
    shutil.copytree(good, cache, symlinks=True)
    for path in DAMAGED:
        FAULTS[name].apply(Victim(snapshot_of(cache), path))
    mended = verify(cache, MODEL, "--repair", "--from", good)
    if name in FOREIGN:
        assert mended.problems == {(path, "not-a-file") for path in DAMAGED}
        assert mended.code == 1
        return
    assert (mended.code, mended.problems) == (0, set())
    assert verify(cache, "--recheck", "--all").problems == set()
    assert contents(cache) == contents(good) == FILES


def contents(cache: str) -> dict[str, bytes]:
    """Return what each path of the model's snapshot holds, read as a client reads it."""
    snapshot = snapshot_of(cache)
    found = {}
    for path in paths_of(snapshot):
        with open(os.path.join(snapshot, path), "rb") as file:
            found[path] = file.read()
    return found
