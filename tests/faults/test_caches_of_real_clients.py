"""The whole matrix: every fault, on every file, in caches that real huggingface_hub versions wrote.

And the answers of `hf cache verify`, which asks the Hub: good caches are good to both, and each
flipped bit is bad to both.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker
from compat.conftest import Library
from faults.damage import FAULTS, REF_FAULTS, Victim, damage_ref, flip, paths_of, remove_entry
from faults.test_verify_names_every_fault import all_good, prove, skip_without_blobs
from faults.verifying import FILES, MODEL, TWO, age, snapshot_of, verify
from swarmcache.serve.running import running

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(600)]

WRITERS = {
    **{version: (version, True) for version in compat_environments.VERSIONS},
    "1.31.0 without links": ("1.31.0", False),
    "2.4.0 without links": ("2.4.0", False),
}
"""Name -> version of what fills a cache, and whether with links; older ones always make links."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the model, and return where."""
    maker = CacheMaker(tmp_path_factory.mktemp("origin"))
    maker.repo(MODEL, FILES)
    with running([maker.path]) as hub:
        yield hub.url


@pytest.fixture(scope="module", params=WRITERS)
def library(
    request: pytest.FixtureRequest, endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Library:
    """Return a version that has downloaded the model into a cache of its own."""
    version, links = WRITERS[request.param]
    if not compat_environments.is_made(version):
        pytest.fail(f"no environment for huggingface_hub {version}: run make test-compat")
    home = tmp_path_factory.mktemp("home")
    library = Library(version, str(home / "hub"), endpoint, str(home))
    download = library.snapshot if links else library.download_without_links
    download(MODEL)
    assert os.path.islink(os.path.join(snapshot_of(library.cache), "config.json")) == links
    return library


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_in_every_file_is_named(
    library: Library, name: str, tmp_path: pathlib.Path
) -> None:
    """Ten files, one after the other, each in a fresh copy of the cache."""
    skip_without_blobs(library.cache, name)
    for path in FILES:
        prove(library.cache, name, path, str(tmp_path / "damaged"))


@pytest.mark.parametrize("name", REF_FAULTS)
def test_a_damaged_ref_is_named(library: Library, name: str, tmp_path: pathlib.Path) -> None:
    """By its own path; the files of the commit are good all the same."""
    cache = copied(library, tmp_path)
    snapshot = snapshot_of(cache)
    content, kind = REF_FAULTS[name]
    repo = os.path.dirname(os.path.dirname(snapshot))
    ref = damage_ref(repo, "main", content(os.path.basename(snapshot)))
    found = verify(cache)
    assert (found.code, found.problems, found.good) == (1, {(ref, kind)}, len(FILES))


def test_a_shard_that_the_index_names_is_missed(library: Library, tmp_path: pathlib.Path) -> None:
    """Its entry is gone."""
    cache = copied(library, tmp_path)
    remove_entry(Victim(snapshot_of(cache), TWO))
    found = verify(cache)
    assert found.problems == {(TWO, "missing-shard")}
    assert (found.code, found.good) == (1, len(FILES) - 1)


def test_a_change_behind_a_remembered_verdict_is_noticed(
    library: Library, tmp_path: pathlib.Path
) -> None:
    """In every file at once, sizes and modification times as they were."""
    cache = copied(library, tmp_path)
    age(cache)
    all_good(verify(cache))
    assert all_good(verify(cache)).counts["remembered"] == len(FILES)
    snapshot = snapshot_of(cache)
    for content in {Victim(snapshot, path).content for path in FILES}:
        before = os.stat(content)
        flip(content, 3)
        os.utime(content, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = verify(cache)
    assert found.problems == {(path, "wrong-hash") for path in FILES}
    assert (found.code, found.good) == (5, 0)


def test_a_good_cache_is_good_to_hf_too(library: Library, endpoint: str) -> None:
    """Every file that was downloaded, and nothing else."""
    assert paths_of(snapshot_of(library.cache)) == set(FILES)
    all_good(verify(library.cache))
    hf_verify(library.cache, endpoint, expected=0)


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_is_bad_to_hf_too(
    library: Library, endpoint: str, path: str, tmp_path: pathlib.Path
) -> None:
    """`hf` names the same file, after asking the Hub."""
    if library.version not in {"0.36.2", "2.4.0"}:
        pytest.skip("both kinds of layout are enough: hf takes a second for each file")
    cache = copied(library, tmp_path)
    victim = Victim(snapshot_of(cache), path)
    bad = victim.sharers()
    flip(victim.content, os.path.getsize(victim.content) // 3)
    assert verify(cache).problems == {(one, "wrong-hash") for one in bad}
    said = hf_verify(cache, endpoint, expected=1)
    assert all(one in said for one in bad)


def test_a_repaired_cache_is_good_to_its_own_client_and_to_hf(
    library: Library, endpoint: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit flipped in every file, repaired from the endpoint, read offline by who wrote it."""
    cache = copied(library, tmp_path)
    snapshot = snapshot_of(cache)
    for content in {Victim(snapshot, path).content for path in FILES}:
        flip(content, 1)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    all_good(verify(cache, MODEL, "--repair"))
    hf_verify(cache, endpoint, expected=0)
    reader = Library(library.version, cache, "http://127.0.0.1:9", str(tmp_path))
    assert reader.snapshot(MODEL, offline=True) == snapshot
    assert paths_of(snapshot) == set(FILES)


def copied(library: Library, tmp_path: pathlib.Path) -> str:
    """Return a copy of the library's cache."""
    return shutil.copytree(library.cache, str(tmp_path / "copy"), symlinks=True)


def hf_verify(cache: str, endpoint: str, *, expected: int) -> str:
    """Return what `hf cache verify` of 2.4.0 says of the model; `expected` is its exit code."""
    home = os.path.dirname(cache)
    newest = Library("2.4.0", cache, endpoint, home)
    return newest.hf("cache", "verify", MODEL, expected=expected)
