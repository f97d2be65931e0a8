"""A lock as a plan: pins from the cache or the Hub, kept until they are upgraded, stale or not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors
from swarmcache.environment import Environment
from swarmcache.errors import EndpointUnreachable, LockMismatch
from swarmcache.hubcache.layout import parse_target
from swarmcache.lockfile import Lock, LockedFile, read_lock
from swarmcache.plans.lock import LockPlan, apply_lock, plan_lock, plan_upgrade
from swarmcache.plans.stale import Stale, find_stale
from swarmcache.serve.running import running
from swarmcache.transfer.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(1)
MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"a": 1}',
}
LOCKED = {
    "config.json": LockedFile(23, None, git_sha1(MODEL["config.json"])),
    "model.safetensors": LockedFile(len(WEIGHTS), sha256(WEIGHTS), None),
    "tokenizer.json": LockedFile(2, None, git_sha1(b"{}")),
    "tokenizer_config.json": LockedFile(8, None, git_sha1(b'{"a": 1}')),
}
NEWER = {**MODEL, "model.safetensors": tiny_safetensors(2), "notes.txt": b"new"}
del NEWER["tokenizer_config.json"]
TARGET = parse_target("org/name")


@pytest.fixture
def served(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "served")


@pytest.fixture
def endpoint(served: CacheMaker) -> Iterator[RunningHub]:
    with running([served.path]) as hub:
        yield hub


@pytest.fixture
def hub(endpoint: RunningHub) -> Iterator[Hub]:
    with Hub([endpoint.url], Environment.current()) as hub:
        yield hub


@pytest.fixture
def nowhere() -> Iterator[Hub]:
    """A Hub that refuses every connection."""
    with Hub(["http://127.0.0.1:1"], Environment.current()) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "cache")


@pytest.fixture
def project(tmp_path: Path) -> str:
    folder = tmp_path / "project"
    folder.mkdir()
    return str(folder)


def locked(cache: CacheMaker, project: str, hub: Hub, *names: str) -> LockPlan:
    """Lock some models in the project, and return the plan that was carried out."""
    targets = [parse_target(name) for name in names or ("org/name",)]
    plan = plan_lock(targets, cache.path, project, read_lock(project), hub)
    apply_lock(plan)
    return plan


@pytest.mark.parametrize("trees", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_a_cached_model_is_pinned_without_any_network(
    cache: CacheMaker, project: str, nowhere: Hub, trees: bool, shared: bool
) -> None:
    """By its manifest, or by its blobs' own names, in every layout."""
    commit = cache.repo("org/name", MODEL, trees=trees, shared=shared)
    (pin,) = locked(cache, project, nowhere).pins
    assert (pin.change, pin.source, pin.error) == ("added", "", None)
    lock = read_lock(project)
    assert lock is not None
    (model,) = lock.models
    assert (model.type, model.id, model.revision, model.commit) == (
        "model", "org/name", "main", commit,
    )  # fmt: skip
    assert model.files == LOCKED


def test_a_manifest_pins_what_is_not_cached_too(
    cache: CacheMaker, project: str, nowhere: Hub
) -> None:
    """So that the same lock serves a machine that takes other files."""
    cache.repo("org/name", MODEL, absent=["model.safetensors"])
    (pin,) = locked(cache, project, nowhere).pins
    assert pin.new is not None
    assert pin.new.files == LOCKED


def test_what_is_not_cached_is_asked_for_and_not_fetched(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub, endpoint: RunningHub
) -> None:
    """The same pin comes from the Hub; the cache stays empty."""
    commit = served.repo("org/name", MODEL)
    (pin,) = locked(cache, project, hub).pins
    assert pin.new is not None
    assert (pin.new.commit, pin.new.files, pin.source) == (commit, LOCKED, endpoint.url)
    assert os.listdir(cache.path) == []
    assert [a for a in endpoint.requests if a.method == "GET" and "/resolve/" in a.path] == []


@pytest.mark.parametrize("traits", [{"links": False}, {"absent": ["model.safetensors"]}])
def test_a_cache_that_does_not_tell_every_hash_is_not_enough(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub, traits: dict[str, object]
) -> None:
    """No manifest, and no names or not all files: the Hub is asked."""
    served.repo("org/name", MODEL)
    cache.repo("org/name", MODEL, trees=False, **traits)  # type: ignore[arg-type]
    (pin,) = locked(cache, project, hub).pins
    assert pin.new is not None
    assert (pin.new.files, bool(pin.source)) == (LOCKED, True)


def test_a_mirrors_odd_etag_is_not_pinned(cache: CacheMaker, project: str, nowhere: Hub) -> None:
    """A name that is no hash would pin nothing."""
    commit = cache.repo("org/name", MODEL, trees=False)
    folder = cache.folder("org/name")
    os.rename(f"{folder}/blobs/{git_sha1(b'{}')}", f"{folder}/blobs/W-odd")
    link(f"{folder}/blobs/W-odd", f"{folder}/snapshots/{commit}/tokenizer.json")
    plan = plan_lock([TARGET], cache.path, project, None, nowhere)
    assert isinstance(plan.error, EndpointUnreachable)


def test_nothing_is_written_where_one_model_cannot_be_had(
    cache: CacheMaker, project: str, nowhere: Hub
) -> None:
    """A lock that leaves a model out would look like protection."""
    cache.repo("org/name", MODEL)
    targets = [TARGET, parse_target("org/none")]
    plan = plan_lock(targets, cache.path, project, None, nowhere)
    assert [pin.change for pin in plan.pins] == ["added", "failed"]
    with pytest.raises(EndpointUnreachable):
        apply_lock(plan)
    assert os.listdir(project) == []


def test_a_pin_that_stands_is_kept(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub, endpoint: RunningHub
) -> None:
    """Without a request, though the branch moved at the Hub and in the cache."""
    served.repo("org/name", MODEL)
    locked(cache, project, hub)
    served.repo("org/name", NEWER)
    cache.repo("org/name", NEWER)
    endpoint.requests.clear()
    plan = locked(cache, project, hub)
    assert ([pin.change for pin in plan.pins], plan.is_idle) == (["kept"], True)
    assert endpoint.requests == []


def test_other_models_stay_in_the_lock(cache: CacheMaker, project: str, nowhere: Hub) -> None:
    """Sorted by type and id, whatever the order of asking; written once, the same bytes again."""
    cache.repo("org/name", MODEL)
    cache.repo("org/a", MODEL)
    cache.repo("org/data", {"x.csv": b"1"}, repo_type="dataset")
    locked(cache, project, nowhere, "org/name")
    locked(cache, project, nowhere, "org/a", "datasets/org/data")
    lock = read_lock(project)
    assert lock is not None
    assert [model.id for model in lock.models] == ["org/data", "org/a", "org/name"]
    with open(lock.path, "rb") as file:
        first = file.read()
    os.unlink(lock.path)
    locked(cache, project, nowhere, "datasets/org/data", "org/name", "org/a")
    with open(lock.path, "rb") as file:
        assert file.read() == first


def test_an_upgrade_tells_what_moves_and_by_how_much(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub
) -> None:
    """Old and new commit, each file, and the bytes of content that the old commit lacks."""
    old = served.repo("org/name", MODEL)
    locked(cache, project, hub)
    new = served.repo("org/name", NEWER)
    plan = plan_upgrade([TARGET], cache.path, project, read_lock(project), hub)
    (pin,) = plan.pins
    assert pin.old is not None
    assert pin.new is not None
    assert (pin.change, pin.old.commit, pin.new.commit) == ("moved", old, new)
    assert (pin.modified, pin.added, pin.removed) == (
        ("model.safetensors",), ("notes.txt",), ("tokenizer_config.json",),
    )  # fmt: skip
    assert pin.new_bytes == len(NEWER["model.safetensors"]) + len(b"new")
    assert apply_lock(plan) is True
    lock = read_lock(project)
    assert lock is not None
    assert [model.commit for model in lock.models] == [new]


def test_an_upgrade_of_what_has_not_moved_changes_nothing(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub
) -> None:
    """A branch that stands, and a pin of a commit, which cannot move."""
    commit = served.repo("org/name", MODEL)
    locked(cache, project, hub, "org/name", f"org/name@{commit}")
    targets = [TARGET, TARGET._replace(revision=commit)]
    plan = plan_upgrade(targets, cache.path, project, read_lock(project), hub)
    assert ([pin.change for pin in plan.pins], apply_lock(plan)) == (["kept", "kept"], False)


def test_a_commit_that_changed_at_the_hub_is_no_upgrade(
    served: CacheMaker, cache: CacheMaker, project: str, hub: Hub
) -> None:
    """A commit names its content; another one is an attack or a broken Hub."""
    commit = served.repo("org/name", MODEL)
    locked(cache, project, hub)
    files = {**MODEL, "model.safetensors": tiny_safetensors(2)}
    served.repo("org/name", files, commit=commit)
    plan = plan_upgrade([TARGET], cache.path, project, read_lock(project), hub)
    assert isinstance(plan.error, LockMismatch)


def test_two_revisions_of_one_commit_are_locked_alike(
    cache: CacheMaker, project: str, nowhere: Hub
) -> None:
    """The format refuses two entries of one commit that differ."""
    cache.repo("org/name", MODEL, refs=["main", "v1"])
    plan = locked(cache, project, nowhere, "org/name", "org/name@v1")
    assert [model.revision for model in plan.lock.models] == ["main", "v1"]
    assert read_lock(project) == plan.lock


def test_a_lock_of_the_cache_is_not_stale(cache: CacheMaker, project: str, nowhere: Hub) -> None:
    """Project, lock and cache agree."""
    cache.repo("org/name", MODEL)
    lock = locked(cache, project, nowhere).lock
    assert find_stale(lock, [TARGET], cache.path) == ()


def test_each_way_of_being_stale_is_told(cache: CacheMaker, project: str, nowhere: Hub) -> None:
    """A needed model is not locked, a locked one not needed, a ref moved away."""
    commit = cache.repo("org/name", MODEL)
    cache.repo("org/old", MODEL)
    lock = locked(cache, project, nowhere, "org/name", "org/old").lock
    newer = cache.repo("org/name", NEWER)
    other, old = parse_target("org/other"), parse_target("org/old")
    found = find_stale(lock, [TARGET, other], cache.path)
    assert [(one.kind, one.target, one.matters) for one in found] == [
        ("not-locked", other, True),
        ("ref-moved", TARGET, True),
        ("not-needed", old, False),
    ]
    assert (found[1].locked, found[1].cached) == (commit, newer)
    assert find_stale(lock, [old], cache.path, whole=False) == ()


def test_without_a_lock_every_needed_model_is_not_locked(cache: CacheMaker) -> None:
    """And a lock of models that are cached nowhere is as good as any."""
    assert find_stale(None, [TARGET], cache.path) == (Stale("not-locked", TARGET),)
    assert find_stale(Lock("x", ()), [], cache.path) == ()
