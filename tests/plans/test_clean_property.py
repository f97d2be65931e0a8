"""Any small cache, any wishes: what is kept loads, what is freed is told, the rest is untouched."""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from cachemaker import CacheMaker, write
from cleaning import cleaned, contents, inodes, tree
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.leases import lease
from swarmcache.plans.clean import LEFTOVER_KINDS, Named, Pin, Wishes, plan_clean
from swarmcache.plans.clean.applying import apply_clean

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("org/a", "org/b")
COMMITS = ("1" * 40, "2" * 40, "3" * 40)
PATHS = ("config.json", "model.safetensors", "pytorch_model.bin", "sub/extra.json")
BYTES = (b"{}", b"x" * 5000, b"y" * 9000)
STRANGERS = ("swarm.pem", "blobs/notes.txt", "snapshots/notes.txt", "later/index")
files = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(BYTES), min_size=1)


class Revision(NamedTuple):
    """One revision to be made."""

    name: str
    commit: str
    files: Mapping[str, bytes]
    refs: tuple[str, ...]
    links: bool
    shared: bool
    trees: bool


class World(NamedTuple):
    """One cache to be made, and what is asked of it."""

    revisions: list[Revision]
    strangers: list[tuple[str, str]]
    orphans: list[tuple[str, int]]
    linked: bool
    """Whether equal blobs of the repos are hard links of each other."""
    pins: list[tuple[str, str]]
    leased: str | None
    wishes: Wishes


def revisions() -> st.SearchStrategy[Revision]:
    refs = st.sampled_from([(), ("main",), ("dev", "refs/pr/1")])
    return st.builds(
        Revision,
        st.sampled_from(NAMES),
        st.sampled_from(COMMITS),
        files,
        refs,
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )


def wishes() -> st.SearchStrategy[Wishes]:
    named = st.builds(
        Named,
        st.sampled_from([RepoName("model", name) for name in NAMES]),
        st.sampled_from([None, "main", "dev", *COMMITS]),
    )
    some = st.lists(named, min_size=1, max_size=2).map(tuple)
    kinds = st.sampled_from([frozenset[str](), frozenset(LEFTOVER_KINDS)])
    what = {"detached": st.booleans(), "leftovers": kinds, "ignore_pins": st.booleans()}
    formats = st.sampled_from([frozenset[str](), frozenset({"pickle"})])
    return st.one_of(
        st.builds(Wishes, models=some, formats=formats, **what),
        st.builds(Wishes, everything=st.just(True), formats=formats, **what),
        st.builds(Wishes, budget=st.integers(0, 60_000), ignore_pins=st.booleans()),
    )


worlds = st.builds(
    World,
    st.lists(revisions(), max_size=5, unique_by=lambda one: (one.name, one.commit)),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(STRANGERS)), max_size=2),
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3)), max_size=2),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["main", *COMMITS])), max_size=2),
    st.sampled_from([None, None, *NAMES]),
    wishes(),
)


def make(world: World, folder: str) -> CacheMaker:
    """Make the cache, and something outside of it."""
    maker = CacheMaker(f"{folder}/hub")
    write(f"{folder}/outside/file", b"outside")
    for one in world.revisions:
        traits = {"links": one.links, "shared": one.shared, "trees": one.trees}
        maker.repo(one.name, one.files, commit=one.commit, refs=one.refs, **traits)  # type: ignore[arg-type]
    for name, place in world.strangers:
        write(f"{maker.folder(name)}/{place}", b"mine")
    for name, number in world.orphans:
        path = f"{maker.folder(name)}/blobs/{number:064}"
        write(path, b"orphan" * 1000)
        os.utime(path, (0, 0))
    if world.linked:
        link_equal_blobs(maker)
    return maker


def link_equal_blobs(maker: CacheMaker) -> None:
    """Make equal blobs of two repos one file."""
    ours, theirs = (pathlib.Path(maker.folder(name), "blobs") for name in NAMES)
    for blob in ours.glob("*"):
        other = theirs / blob.name
        if blob.is_file() and other.is_file() and not (blob.is_symlink() or other.is_symlink()):
            other.unlink()
            other.hardlink_to(blob)


def snapshots(maker: CacheMaker) -> dict[str, dict[str, bytes]]:
    """Return what a reader gets of each snapshot."""
    return {
        str(path): contents(str(path))
        for path in pathlib.Path(maker.path).glob("m*/s*/" + "?" * 40)
    }


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_what_is_kept_loads_and_what_is_freed_is_told(world: World) -> None:
    """The plan is the result; what it does not name is as it was; a second run finds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        maker = make(world, folder)
        before, held, loaded = tree(folder), inodes(folder), snapshots(maker)
        environment = Environment.current()
        pins = [Pin(RepoName("model", name), rev, "pinned") for name, rev in world.pins]
        pinned = set() if world.wishes.ignore_pins else set(pinned_snapshots(maker, pins))
        leased = [RepoName("model", world.leased)] if world.leased else []
        with lease(maker.path, environment, leased):
            plan, groups = cleaned(maker.path, world.wishes, pins=pins)
            after = tree(folder)
            freed = sum(held.values()) - sum(inodes(folder).values())
            assert [kept for one in groups for kept in one.kept] == []
            assert [step for one in groups for step in one.done] == list(plan.steps)
            assert sum(one.freed_bytes for one in groups) == freed == plan.freed_bytes_expected
            roots = [os.path.relpath(step.path, os.path.realpath(folder)) for step in plan.steps]
            for path, content in before.items():
                if path in after:
                    assert path.endswith(".refs") or after[path] == content
                else:
                    assert any(is_below(path, root) for root in roots), path
            assert after.keys() <= before.keys()
            strangers = {f"{maker.folder(name)}/{place}" for name, place in world.strangers}
            assert all(os.path.exists(path) for path in strangers)
            left = snapshots(maker)
            reduced = {os.path.dirname(s.path) for s in plan.steps if s.kind == "file"}
            for path, found in left.items():
                same = found == loaded[path]
                assert same or any(is_below(one, os.path.realpath(path)) for one in reduced)
            held_back = {p for p in loaded if leased and maker.folder(leased[0].id) in p}
            assert pinned | held_back <= left.keys()
            again = plan_clean(maker.path, environment, world.wishes, pins=pins)
            assert again.steps == ()
            assert list(apply_clean(again, environment)) == []


def pinned_snapshots(maker: CacheMaker, pins: list[Pin]) -> list[str]:
    """Return the snapshots that pins name, by a commit or by a ref."""
    found = []
    for pin in pins:
        folder = maker.folder(pin.repo.id)
        ref = pathlib.Path(folder, "refs", pin.revision)
        commit = ref.read_text() if ref.exists() else pin.revision
        if os.path.isdir(f"{folder}/snapshots/{commit}"):
            found.append(f"{folder}/snapshots/{commit}")
    return found


def is_below(path: str, root: str) -> bool:
    """Tell whether a path is `root`, its manifest, or in it."""
    return path in {root, f"{root}.refs"} or path.startswith(root + "/")
