"""Where nothing tells a file's hash: its form is looked at, and the rest is never called corrupt.

Files that stand in snapshots themselves have no name that tells; huggingface_hub 1.9 to 1.21
made such caches, and no manifest either.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachemaker import CacheMaker, tiny_safetensors
from faults.damage import Victim, cut_one_byte, empty, flip, flip_last, paths_of
from faults.verifying import FILES, INDEX, MODEL, ONE, TWO, snapshot_of, verify

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.faults


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> str:
    """A cache without links and without manifests."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo(MODEL, FILES, links=False, trees=False)
    return maker.path


def test_good_files_are_unverifiable(cache: str) -> None:
    """Not verified, and not corrupt."""
    found = verify(cache)
    assert (found.code, found.problems) == (0, set())
    assert (found.good, found.counts["unverifiable"]) == (0, len(FILES))


@pytest.mark.parametrize(
    ("path", "fault", "kind"),
    [
        ("config.json", empty, "empty"),
        ("config.json", cut_one_byte, "bad-json"),
        ("tokenizer.json", flip_last, "bad-json"),
        (INDEX, cut_one_byte, "bad-json"),
        (ONE, empty, "empty"),
        (ONE, cut_one_byte, "truncated"),
        (ONE, lambda victim: flip(victim.content, 9), "bad-header"),
        (ONE, lambda victim: flip(victim.content, 2), "bad-header"),
    ],
)
def test_what_its_form_tells_is_named(cache: str, path: str, fault, kind: str) -> None:
    """Everything else stays unverifiable."""
    fault(Victim(snapshot_of(cache), path))
    for found in (verify(cache), verify(cache, MODEL)):
        assert found.problems == {(path, kind)}
        assert (found.code, found.counts["unverifiable"]) == (5, len(FILES) - 1)


def test_a_flip_among_the_numbers_cannot_be_told(cache: str) -> None:
    """Which is said: the file is not called good."""
    flip_last(Victim(snapshot_of(cache), ONE))
    found = verify(cache)
    assert (found.problems, found.counts["unverifiable"]) == (set(), len(FILES))


def test_an_index_that_does_not_fit_its_shards_is_named(cache: str) -> None:
    """It places a tensor into a shard that does not hold it."""
    index = Victim(snapshot_of(cache), INDEX).content
    with open(index, "w") as file:
        json.dump(
            {"weight_map": {"model.layers.9.weight": ONE, "model.layers.1.weight": TWO}}, file
        )
    found = verify(cache)
    assert (found.code, found.problems) == (5, {(INDEX, "bad-index")})
    assert found.counts["unverifiable"] == len(FILES)


def test_an_intact_index_is_what_was_published(tmp_path: pathlib.Path) -> None:
    """Whoever made the model named a tensor that is not there; the cache is not to blame."""
    index = json.dumps({"weight_map": {"stranger": ONE, "model.layers.1.weight": TWO}}).encode()
    maker = CacheMaker(tmp_path / "hub")
    maker.repo(MODEL, {**FILES, INDEX: index, "more.safetensors": tiny_safetensors(3) + b"\0"})
    found = verify(maker.path)
    assert (found.code, found.problems, found.good) == (0, set(), len(FILES) + 1)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format_version": 2}', bytes(300)])
def test_a_manifest_that_cannot_be_read_is_as_none(
    tmp_path: pathlib.Path, content: bytes, *, links: bool
) -> None:
    """The blobs' own names tell, where there are any."""
    maker = CacheMaker(tmp_path / "hub")
    commit = maker.repo(MODEL, FILES, links=links)
    with open(os.path.join(maker.folder(MODEL), "trees", f"{commit}.json"), "wb") as file:
        file.write(content)
    found = verify(maker.path)
    assert (found.code, found.problems) == (0, set())
    assert found.counts["verified" if links else "unverifiable"] == len(FILES)


SCALAR = st.none() | st.integers() | st.text(max_size=6) | st.floats() | st.binary().map(repr)
ENTRY = st.dictionaries(st.sampled_from(["size", "blob_id", "lfs_sha256", "lfs_size"]), SCALAR)
PATHS = st.sampled_from([*FILES, "../../x", "/etc/passwd", "a\0b", "", "\ud800", "x" * 5000])
MANIFESTS = st.fixed_dictionaries(
    {"format_version": st.just(1), "files": SCALAR | st.dictionaries(PATHS, SCALAR | ENTRY)}
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(manifest=MANIFESTS)
def test_any_manifest_gets_an_answer(cache: str, manifest: object) -> None:
    """Whatever stands in it, nothing raises, and every file of the snapshot is spoken of."""
    snapshot = snapshot_of(cache)
    repo, commit = os.path.dirname(os.path.dirname(snapshot)), os.path.basename(snapshot)
    os.makedirs(os.path.join(repo, "trees"), exist_ok=True)
    with open(os.path.join(repo, "trees", f"{commit}.json"), "w") as file:
        json.dump(manifest, file)
    for found in (verify(cache), verify(cache, MODEL)):
        assert found.code in {0, 1, 5}
        assert sum(found.counts.values()) >= len(paths_of(snapshot))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=60), path=st.sampled_from(sorted(FILES)))
def test_any_bytes_get_an_answer(cache: str, content: bytes, path: str) -> None:
    """In any file, also in one that names others."""
    victim = Victim(snapshot_of(cache), path)
    with open(victim.content, "wb") as file:
        file.write(content)
    for found in (verify(cache), verify(cache, MODEL)):
        assert found.code in {0, 1, 5}
