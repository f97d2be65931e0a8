"""`verify` names every fault with its path and kind, and calls nothing good bad."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from faults.damage import CORRUPT, FAULTS, OF_BLOBS, REF_FAULTS, Victim, damage_ref, paths_of
from faults.damage import remove_entry as remove
from faults.verifying import FILES, INDEX, MODEL, ONE, TWO, age, snapshot_of, verify

if TYPE_CHECKING:
    import pathlib

    from faults.verifying import Verified

pytestmark = pytest.mark.faults

LAYOUTS: dict[str, dict[str, bool]] = {
    "as 0.36 writes": {"trees": False},
    "as 1.31 writes": {},
    "without links": {"links": False},
    "shared store": {"shared": True},
}
QUICK = ("config.json", ONE, INDEX, "prompts/a b.txt")
"""The files that the plain run damages: small, large, one that names others, a shared blob."""


@pytest.fixture(params=LAYOUTS)
def good(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """A good cache of each layout."""
    maker = CacheMaker(tmp_path / "good")
    maker.repo(MODEL, FILES, **LAYOUTS[request.param])
    return maker.path


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named(good: str, name: str, tmp_path: pathlib.Path) -> None:
    """Asked for the whole cache and for the model alone."""
    skip_without_blobs(good, name)
    for path in QUICK:
        prove(good, name, path, str(tmp_path / "damaged"))


def skip_without_blobs(good: str, name: str) -> None:
    """Leave out what cannot be done to content that stands in the snapshot itself."""
    if name in OF_BLOBS and not os.path.islink(os.path.join(snapshot_of(good), "config.json")):
        pytest.skip("without links, a file that was deleted is one that was never fetched")


def prove(good: str, name: str, path: str, cache: str, model: str = MODEL) -> None:
    """Damage one file of a copy of `good`, and hold `verify` to naming just that."""
    fault = FAULTS[name]
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(good, cache, symlinks=True)
    victim = Victim(snapshot_of(cache, model), path)
    total = len(paths_of(victim.snapshot))
    bad = victim.sharers() if fault.reach == "content" else {path}
    told = kind_of(name, victim)
    fault.apply(victim)
    for found in (verify(cache), verify(cache, model)):
        assert found.problems == {(one, told) for one in bad}, (name, path)
        assert found.code == (5 if told in CORRUPT else 1), (name, path)
        assert found.good == total - len(bad), (name, path, found.counts)


def kind_of(name: str, victim: Victim) -> str:
    """Return what a fault must be called, given what the cache can tell."""
    kind = FAULTS[name].kind
    trees = os.path.join(os.path.dirname(os.path.dirname(victim.snapshot)), "trees")
    sized = os.path.isdir(trees) or victim.path.endswith(".safetensors")
    return "wrong-hash" if kind == "truncated" and not sized else kind


def test_a_link_to_another_blob_is_the_wrong_file(good: str) -> None:
    """Both blobs are intact; only a manifest tells that they are confused."""
    snapshot = snapshot_of(good)
    victim, other = Victim(snapshot, ONE), Victim(snapshot, TWO)
    repo = os.path.dirname(os.path.dirname(snapshot))
    if not os.path.islink(victim.entry) or not os.path.isdir(os.path.join(repo, "trees")):
        pytest.skip("nothing tells, or there is no link to confuse")
    target = os.readlink(other.entry)
    os.unlink(victim.entry)
    os.symlink(target, victim.entry)
    found = verify(good)
    assert (found.code, found.problems) == (5, {(ONE, "wrong-file")})
    assert found.good == len(FILES) - 1


@pytest.mark.parametrize("name", REF_FAULTS)
def test_a_damaged_ref_is_named(good: str, name: str) -> None:
    """By its own path; the files of the commit are good all the same."""
    snapshot = snapshot_of(good)
    content, kind = REF_FAULTS[name]
    repo = os.path.dirname(os.path.dirname(snapshot))
    ref = damage_ref(repo, "main", content(os.path.basename(snapshot)))
    found = verify(good)
    assert (found.code, found.problems, found.good) == (1, {(ref, kind)}, len(FILES))
    alone = verify(good, MODEL)
    assert (alone.code, alone.problems) == (1, {(ref, kind)})


@pytest.mark.parametrize("blob_too", [False, True], ids=["entry", "entry and blob"])
def test_a_shard_that_the_index_names_is_missed(good: str, *, blob_too: bool) -> None:
    """Its entry is gone; nothing but the index, or a manifest, still tells of it."""
    victim = Victim(snapshot_of(good), TWO)
    content = victim.content
    remove(victim)
    if blob_too and os.path.exists(content):
        os.unlink(content)
    for found in (verify(good), verify(good, MODEL)):
        assert found.problems == {(TWO, "missing-shard")}
        assert (found.code, found.good) == (1, len(FILES) - 1)


@pytest.mark.parametrize("path", [*QUICK, "README.md"])
def test_a_change_behind_a_remembered_verdict_is_noticed(good: str, path: str) -> None:
    """Size and modification time are as they were; the change time cannot be set back."""
    age(good)
    assert all_good(verify(good)).counts["verified"] == len(FILES)
    assert all_good(verify(good)).counts["remembered"] == len(FILES)
    victim = Victim(snapshot_of(good), path)
    bad = victim.sharers()
    FAULTS["mtime restored"].apply(victim)
    for found in (verify(good), verify(good)):
        assert found.problems == {(one, "wrong-hash") for one in bad}
        assert (found.code, found.good) == (5, len(FILES) - len(bad))


def all_good(found: Verified) -> Verified:
    """Return what was said of a good cache, having looked that it is good."""
    assert (found.code, found.problems, found.good) == (0, set(), len(FILES))
    return found


def test_nothing_good_is_called_bad(good: str) -> None:
    """As a whole, and asked for alone."""
    all_good(verify(good))
    all_good(verify(good, MODEL))


@pytest.mark.timeout(30)
def test_a_pipe_in_the_place_of_a_ref_is_named(good: str) -> None:
    """And not waited for: nobody will ever write into it."""
    ref = os.path.join(os.path.dirname(os.path.dirname(snapshot_of(good))), "refs", "main")
    os.unlink(ref)
    os.mkfifo(ref)
    found = verify(good)
    assert (found.code, found.problems, found.good) == (1, {(ref, "bad-ref")}, len(FILES))
    assert verify(good, MODEL, "--repair").problems == {(ref, "bad-ref")}


@pytest.mark.timeout(30)
def test_a_pipe_in_the_place_of_a_manifest_is_none(good: str) -> None:
    """The blobs' names still tell what is right; where there are none, nothing is called bad."""
    snapshot = snapshot_of(good)
    repo, commit = os.path.dirname(os.path.dirname(snapshot)), os.path.basename(snapshot)
    manifest = os.path.join(repo, "trees", f"{commit}.json")
    os.makedirs(os.path.dirname(manifest), exist_ok=True)
    if os.path.exists(manifest):
        os.unlink(manifest)
    os.mkfifo(manifest)
    assert (verify(good).code, verify(good, MODEL, "--repair").code) == (0, 0)
    assert os.path.exists(manifest)
