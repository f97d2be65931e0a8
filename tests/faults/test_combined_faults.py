"""Any combination of faults in any cache: what is damaged is named, and nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from cachemaker import CacheMaker, tiny_safetensors
from faults.damage import FAULTS, OF_BLOBS, Victim, flip, paths_of
from faults.test_verify_names_every_fault import LAYOUTS, kind_of
from faults.verifying import FILES, MODEL, snapshot_of, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults

NAMES = ("README.md", "config.json", "a/b/notes.txt", "a/图.png", "tokenizer.json", "x.py", "y")
CONTENTS = st.sampled_from([b"{}", b'{"a": 1}', b"two\nlines\n", "文".encode(), bytes(300)])
WEIGHTS = st.dictionaries(
    st.sampled_from(["model.safetensors", "vae/model.safetensors", "old.safetensors"]),
    st.integers(0, 2).map(tiny_safetensors),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    """Return a place for caches that is emptied between examples by `made`."""
    path = tempfile.mkdtemp(prefix="swarmcache-faults-")
    yield path
    shutil.rmtree(path)


@st.composite
def models(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw a model's files; some share their content."""
    small = draw(st.dictionaries(st.sampled_from(NAMES), CONTENTS, min_size=1))
    documents = {p: b'{"b": 2}' if p.endswith(".json") else c for p, c in small.items()}
    return {**documents, **draw(WEIGHTS)}


def made(folder: str, files: dict[str, bytes], layout: str) -> str:
    """Return a fresh cache with the model."""
    shutil.rmtree(folder, ignore_errors=True)
    maker = CacheMaker(os.path.join(folder, "hub"))
    maker.repo(MODEL, files, **LAYOUTS[layout])
    return maker.path


@settings(max_examples=120, deadline=None)
@given(files=models(), layout=st.sampled_from(sorted(LAYOUTS)), data=st.data())
def test_what_is_damaged_is_named_and_nothing_else(
    folder: str, files: dict[str, bytes], layout: str, data: st.DataObject
) -> None:
    """At most one fault for each content, so that each has one name."""
    cache = made(folder, files, layout)
    snapshot = snapshot_of(cache)
    total, expected = len(paths_of(snapshot)), set()
    untouched = set(files)
    while untouched and data.draw(st.booleans()):
        victim = Victim(snapshot, data.draw(st.sampled_from(sorted(untouched))))
        fault_name = data.draw(st.sampled_from(sorted(faults_for(victim, layout))))
        note(f"{fault_name}: {victim.path}")
        fault, sharers, kind = FAULTS[fault_name], victim.sharers(), kind_of(fault_name, victim)
        fault.apply(victim)
        untouched -= sharers
        bad = sharers if fault.reach == "content" else {victim.path}
        expected |= {(path, kind) for path in bad}
    found = verify(cache)
    assert found.problems == expected
    assert found.good == total - len(expected)
    assert bool(found.code) == bool(expected)


def faults_for(victim: Victim, layout: str) -> set[str]:
    """Return the faults that can be told of this file in this layout."""
    names = set(FAULTS)
    if layout == "without links":
        names -= OF_BLOBS
    if layout == "as 0.36 writes" and "." not in os.path.basename(victim.path):
        names -= {"folder for an entry"}  # Nothing tells that an empty folder was a file.
    return names


@pytest.fixture(scope="module", params=LAYOUTS)
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A good cache of each layout, with everything that loading takes."""
    maker = CacheMaker(tmp_path_factory.mktemp("good"))
    maker.repo(MODEL, FILES, **LAYOUTS[request.param])
    return maker.path


@settings(max_examples=40, deadline=None)
@given(path=st.sampled_from(sorted(FILES)), part=st.floats(0, 1, exclude_max=True))
def test_any_byte_of_any_file_counts(good: str, path: str, part: float) -> None:
    """Also where it names other files, which are then not looked for; back again, all is good."""
    victim = Victim(snapshot_of(good), path)
    at = int(part * os.path.getsize(victim.content))
    flip(victim.content, at)
    for found in (verify(good), verify(good, MODEL)):
        assert found.problems == {(one, "wrong-hash") for one in victim.sharers()}
    flip(victim.content, at)
    assert verify(good)[:2] == (0, set())
