"""`verify --repair` killed at any instant: the cache is never worse, and a rerun finishes.

Two kinds of instants. Chosen: before the n-th change that the repair makes to the disk (each file
opened for writing, rename, link, folder, removal). Random: uniformly over the time that one
undisturbed repair takes, so that reads, hashes and network waits are hit as well; there each kill
goes on from the state that the kill before it left, until a repair gets through, and then the
cache is damaged anew.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.environment import Environment
from swarmcache.hubcache.intact.verdicts import Corrupt, Missing
from swarmcache.hubcache.intact.verify import How, verify
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.state import state_folder
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "generation_config.json": b"{}",
    "model.safetensors": tiny_safetensors(1, tensors=2, rows=100_000),
    "nested/deep/extra.json": b'{"a": 1}',
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{ }",
}
SECOND = {"config.json": b'{"model_type": "qwen2"}', "model.safetensors": tiny_safetensors(2)}
LAYOUTS = ("links", "plain", "shared")
TARGETS = [parse_target("org/name"), parse_target("org/second")]
BOUND = 60.0
UNSURE = 10
"""Changes by which two repairs differ: only what is older than 2 s is remembered, so a slow repair
writes more lines into the ledger than a fast one."""
DYING = """
import os, signal, sys
changes, last = 0, int(os.environ.pop("DIE_AT", "0"))
def watch(event, args):
    global changes
    writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event in {"os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir"}:
        changes += 1
        if changes == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
from swarmcache.cli import main
code = main(sys.argv[1:])
print(f"changes: {changes}", file=sys.stderr)
sys.exit(code)
"""
"""Runs the command line, and dies before the change to the disk that DIE_AT names."""


@dataclass(frozen=True)
class Scene:
    """A good cache, a damaged one, and how it is repaired."""

    good: str
    cache: str
    layout: str
    endpoint: str | None
    """Repair from here; None: from the good cache, offline."""

    def command(self) -> list[str]:
        """Return a real repair of the whole cache."""
        options = ["--json", "--cache-dir", self.cache]
        options += [] if self.endpoint else ["--from", self.good]
        program = [sys.executable, "-c", DYING]
        return [*program, "verify", "org/name", "org/second", "--repair", *options]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of the repair."""
        return {**os.environ, "HF_ENDPOINT": self.endpoint or "http://127.0.0.1:9", **more}


def build(path: str, layout: str) -> CacheMaker:
    """Make the intact cache in one layout."""
    maker = CacheMaker(path)
    traits = {"links": layout != "plain", "shared": layout == "shared"}
    maker.repo("org/name", FILES, **traits)  # type: ignore[arg-type]
    maker.repo("org/second", SECOND, **traits)  # type: ignore[arg-type]
    return maker


def damage(scene: Scene) -> None:
    """Make five files wrong in five ways, and a ref; the others stay good."""
    folder = os.path.join(scene.cache, "models--org--name")
    (commit,) = os.listdir(os.path.join(folder, "snapshots"))
    snapshot = os.path.join(folder, "snapshots", commit)
    weights = os.path.realpath(os.path.join(snapshot, "model.safetensors"))
    os.chmod(weights, 0o644)
    with open(weights, "r+b") as file:
        file.seek(5000)
        file.write(b"wrong")
    os.truncate(os.path.realpath(os.path.join(snapshot, "tokenizer.json")), 3)
    os.truncate(os.path.realpath(os.path.join(snapshot, "generation_config.json")), 0)
    os.unlink(os.path.realpath(os.path.join(snapshot, "tokenizer_config.json")))
    if scene.layout != "plain":
        os.unlink(os.path.join(snapshot, "nested/deep/extra.json"))
        os.symlink("nowhere", os.path.join(snapshot, "nested/deep/extra.json"))
        (second,) = os.listdir(os.path.join(scene.cache, "models--org--second", "trees"))
        os.unlink(os.path.join(scene.cache, "models--org--second", "trees", second))
    with open(os.path.join(folder, "refs", "main"), "a") as ref:
        ref.write("\n")


def truth(good: str) -> dict[str, str]:
    """Return path -> hash of everything in the good cache, links followed."""
    return {path: digest for path, digest in hashes(good).items() if digest != "dead"}


def hashes(cache: str) -> dict[str, str]:
    """Return path -> hash of every name in a cache but our own state; `dead` for dead links."""
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(cache):
        if os.path.basename(folder) == ".locks":
            folders.remove(".swarmcache")
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
            except OSError:
                digest = "dead"
            found[os.path.relpath(path, cache)] = digest
    return found


def is_lock(path: str) -> bool:
    """Tell whether a file is one of the Hub's locks, which nobody ever deletes."""
    return path.endswith(".lock")


def not_worse(before: Mapping[str, str], after: Mapping[str, str], good: Mapping[str, str]) -> None:
    """Fail unless each name is as it was, or right now; and nothing foreign has appeared."""
    for path, digest in after.items():
        if not is_lock(path):
            assert digest in {before.get(path, "new"), good.get(path, "foreign")}, path
    assert {path for path in before if path not in after} == set()


def kill_after(scene: Scene, seconds: float) -> bool:
    """Start a repair, kill it after a while, and return whether it had ended by itself."""
    process = subprocess.Popen(
        scene.command(),
        env=scene.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=BOUND)
        wait_for_workers(process.pid)
        return False
    return True


def wait_for_workers(session: int) -> None:
    """Return when the download process, which sees that its parent died, has ended too."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
    pytest.fail("the download process outlives its parent")


def repaired(scene: Scene) -> subprocess.CompletedProcess[str]:
    """Run a repair to its end."""
    return subprocess.run(
        scene.command(),
        env=scene.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


def problems(cache: str) -> list[tuple[str, str]]:
    """Return what a verification that remembers nothing finds wrong."""
    state = state_folder(cache, Environment.current())
    run = verify(TARGETS, cache, state=state, how=How(recheck=True))
    found = [one for one in run if isinstance(one.outcome, (Corrupt, Missing))]
    return [(one.path, one.outcome.kind) for one in found]  # type: ignore[union-attr]


def partials(cache: str) -> list[str]:
    """Return what repairs have left in the staging folder."""
    folder = os.path.join(cache, ".locks", ".swarmcache", "partial")
    return os.listdir(folder) if os.path.isdir(folder) else []


def dies_at(scene: Scene, change: int) -> bool:
    """Run a repair that dies before a change, check the cache, and let the next repair finish.

    Return whether it died: with fewer changes to make it gets through.
    """
    damage(scene)
    before, good = hashes(scene.cache), truth(scene.good)
    process = subprocess.Popen(
        scene.command(),
        env=scene.environment(DIE_AT=str(change)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    died = process.wait(timeout=BOUND) == -signal.SIGKILL
    wait_for_workers(process.pid)
    not_worse(before, hashes(scene.cache), good)
    is_finished(scene, good)
    return died


def is_finished(scene: Scene, good: Mapping[str, str]) -> None:
    """Repair, and fail unless everything is right then, and nothing is left behind."""
    done = repaired(scene)
    assert done.returncode == 0, done.stdout + done.stderr
    assert problems(scene.cache) == []
    assert partials(scene.cache) == []
    assert {path: d for path, d in hashes(scene.cache).items() if not is_lock(path)} == good


def changes_of(scene: Scene) -> int:
    """Return how many changes a repair makes to the disk where one was made before."""
    changes = ""
    for _ in range(2):  # The first one also makes our own folders.
        damage(scene)
        done = repaired(scene)
        assert done.returncode == 0, done.stdout + done.stderr
        changes = done.stderr.rpartition("changes: ")[2]
    return int(changes)


def dies_at_every_change(scene: Scene) -> None:
    """Let repairs die at the first, second, third … change, until one gets through."""
    changes = changes_of(scene)
    died = next(change for change in itertools.count(1) if not dies_at(scene, change)) - 1
    assert died >= changes - UNSURE


def survives(scene: Scene, kills: int, seed: int) -> int:
    """Damage, kill and repair until `kills` repairs were killed; return how often one finished."""
    dice, finished, killed = random.Random(seed), 0, 0
    good = truth(scene.good)
    damage(scene)
    began = time.monotonic()
    done = repaired(scene)
    lasts = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    damage(scene)
    while killed < kills:
        before = hashes(scene.cache)
        if kill_after(scene, dice.uniform(0.1, 1.1) * lasts):
            finished += 1
            assert problems(scene.cache) == []
            damage(scene)
        else:
            killed += 1
            not_worse(before, hashes(scene.cache), good)
    is_finished(scene, good)
    return finished


@pytest.fixture(params=LAYOUTS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """Return a damaged cache in each layout, and a good one nearby."""
    good, cache = str(tmp_path / "good"), str(tmp_path / "cache")
    build(good, request.param)
    build(cache, request.param)
    return Scene(good, cache, request.param, None)


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Scene]:
    """Return a damaged cache that is repaired from an endpoint."""
    good, cache = str(tmp_path / "good"), str(tmp_path / "cache")
    build(good, "links")
    build(cache, "links")
    with running([good]) as hub:
        yield Scene(good, cache, "links", hub.url)


@pytest.mark.faults
def test_dying_at_chosen_changes_leaves_the_cache_no_worse(scene: Scene) -> None:
    """Four instants in each layout, spread over all changes."""
    changes = changes_of(scene)
    for part in (0, 3, 6, 10):
        assert dies_at(scene, 1 + part * (changes - UNSURE) // 10)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_dying_at_every_change_leaves_the_cache_no_worse(scene: Scene) -> None:
    dies_at_every_change(scene)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_dying_at_every_change_while_fetching_leaves_the_cache_no_worse(online: Scene) -> None:
    dies_at_every_change(online)


@pytest.mark.faults
def test_four_kills_while_fetching_leave_the_cache_no_worse(online: Scene) -> None:
    survives(online, kills=4, seed=2)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_in_each_layout_leave_the_cache_no_worse(scene: Scene) -> None:
    survives(scene, kills=50, seed=3)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_while_fetching_leave_the_cache_no_worse(online: Scene) -> None:
    survives(online, kills=50, seed=4)


@pytest.mark.faults
def test_the_checks_see_a_file_that_became_worse(scene: Scene) -> None:
    """The proof above could fail: a good file that is cut off is noticed, a stray one too."""
    before = hashes(scene.cache)
    good = truth(scene.good)
    path = next(path for path in before if path.endswith("config.json"))
    with pytest.raises(AssertionError):
        not_worse(before, {**before, path: "0" * 64}, good)
    with pytest.raises(AssertionError):
        not_worse(before, {**before, "models--org--name/blobs/tmp_1": "0" * 64}, good)
    with pytest.raises(AssertionError):
        not_worse(before, {key: value for key, value in before.items() if key != path}, good)
