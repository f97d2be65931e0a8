"""`pull` killed at any instant: nothing half is seen, and hardly a byte is fetched twice.

Two kinds of instants. Random ones, uniformly over a run's life, so that start-up, listing,
claims, writes and network waits are hit. Chosen ones: before each change to the disk.
"""

from __future__ import annotations

import random
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from faults.pulling import (
    BOUND,
    DYING,
    MIB,
    SMALL,
    Site,
    Weights,
    assert_legal,
    etags,
    killed,
    model,
    site,
    until,
)
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import read_ref
from transfer.faulty_hub import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIVES = 1.2
"""Seconds that a run lives at most; a start takes about a third of a second."""


def survives(here: Site, repo: Repo, kills: int, size: int, seed: int) -> None:
    """Kill and restart a pull so often, let it finish, and say what it cost."""
    dice = random.Random(seed)
    here.hub.pace(size / (kills * LIVES * 0.6))
    died = 0
    for _ in range(kills):
        died += killed(here.start(), dice.uniform(0.02, LIVES))
    here.hub.pace(None)
    here.finished()
    served = here.hub.served()
    print(f"{died} kills, {served / size:.4f} x, {(served - size) / max(died, 1):.0f} bytes a kill")
    assert died == kills, "the rate was too high: the pull ended before it could be killed"
    assert here.state() == "complete"
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []
    assert served <= size + died * 4 * MIB
    if kills <= 50:
        assert served <= 1.10 * size


@pytest.mark.faults
def test_ten_kills_at_random_instants(tmp_path: Path) -> None:
    size, repo = 64 * MIB, model(64 * MIB)
    here = site(tmp_path, repo)
    with here.hub:
        survives(here, repo, 10, size, seed=1)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [50, 300])
def test_many_kills_over_a_pull_of_a_gib(tmp_path: Path, kills: int) -> None:
    size, repo = 1024 * MIB, model(1024 * MIB)
    here = site(tmp_path, repo)
    with here.hub:
        survives(here, repo, kills, size, seed=kills)


@pytest.mark.faults
def test_a_kill_at_nine_tenths_costs_a_mib_for_each_connection(tmp_path: Path) -> None:
    """The instant: nine tenths of the weights have left the server."""
    size = 96 * MIB
    here = site(tmp_path, model(size), bytes_per_second=48 * MIB)
    with here.hub:
        process = here.start()
        until(lambda: here.hub.served("model.safetensors") > 0.9 * size, "nine tenths")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=BOUND)
        entry, _ = here.finished()
        again = here.hub.served("model.safetensors") - size
        requests = len(here.hub.seen(path="model.safetensors"))
    print(f"{again} bytes again, {requests} requests")
    assert 0 <= again <= 4 * MIB
    assert entry["resumed_bytes"] >= 0.9 * size - 4 * MIB
    assert here.leftovers() == []


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[Site, Repo, str]]:
    """Return a cache with an old revision, and a Hub with a new one."""
    repo = Repo("org/name", {**SMALL, "model.safetensors": Weights(2 * MIB, 1)})
    old = repo.main
    here = site(tmp_path, repo)
    with here.hub:
        here.finished()
        repo.commit(
            {**SMALL, "generation_config.json": b'{"a": 1}', "model.safetensors": Weights(3 * MIB)}
        )
        yield here, repo, old


def dies_at(here: Site, repo: Repo, old: str, change: int) -> bool:
    """Let a pull of the new revision die before a change, look, and let the next one finish."""
    first = here.cache
    here.cache = f"{first}-{change}"
    shutil.copytree(first, here.cache, symlinks=True)
    words = ("org/name", "--refresh", "--json")
    alone = {"XDG_STATE_HOME": f"{here.cache}-state"}  # No other cache may help with its files.
    process = here.start(*words, hook=DYING, DIE_AT=str(change), DIE_IN=here.cache, **alone)
    _, said = process.communicate(timeout=BOUND)
    died = process.returncode == -signal.SIGKILL
    assert died or process.returncode == 0, said
    assert_legal(here.cache, etags(repo))
    now = read_ref(here.cache, parse_target("org/name").name, "main")
    assert now in {old, repo.main}
    assert here.state() == "complete", "a revision that was complete is not any more"
    if now == old:
        assert here.state(f"org/name@{old}") == "complete"
    published = here.blobs()
    here.hub.requests.clear()
    here.finished(*words, **alone)
    fetched = {request.path for request in here.hub.requests if request.file_bytes}
    for path in fetched:
        new = repo.commits[repo.main][path]
        assert repo.etag(path, new) not in published, f"{path} was fetched again"
    assert here.state() == "complete"
    assert read_ref(here.cache, parse_target("org/name").name, "main") == repo.main
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []
    shutil.rmtree(here.cache)
    here.cache = first
    return died


def changes_of(here: Site) -> int:
    """Return how many changes an undisturbed pull of the new revision makes."""
    first = here.cache
    here.cache = f"{first}-whole"
    shutil.copytree(first, here.cache, symlinks=True)
    words = ("org/name", "--refresh", "--json")
    alone = {"XDG_STATE_HOME": f"{here.cache}-state"}
    _, said = here.finished(*words, hook=DYING, DIE_IN=here.cache, **alone)
    here.cache = first
    return int(said.rpartition("changes: ")[2])


@pytest.mark.faults
def test_dying_before_chosen_changes_leaves_a_legal_cache(
    moving: tuple[Site, Repo, str],
) -> None:
    """Every sixth change to the disk: renames, links, removals, openings, syncs."""
    changes = changes_of(moving[0])
    assert changes > 30
    for change in range(1, changes - 2, 6):
        dies_at(*moving, change)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_dying_before_every_change_leaves_a_legal_cache(moving: tuple[Site, Repo, str]) -> None:
    changes = changes_of(moving[0])
    died = sum(dies_at(*moving, change) for change in range(1, changes + 5))
    print(f"died before {died} of {changes} changes")
    assert died >= changes - 5
