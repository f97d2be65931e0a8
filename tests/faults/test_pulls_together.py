"""Many processes want the same bytes: each byte is served once, and nobody waits for the dead.

The instants: all start at once; the owner is killed, or stopped, when half of the bytes are there.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from faults.pulling import (
    BOUND,
    DYING,
    MIB,
    NO_FLOCK,
    SMALL,
    Site,
    Weights,
    assert_legal,
    etags,
    hash_of,
    model,
    site,
    until,
    weights,
)
from swarmcache.hubcache.use import owners
from transfer.faulty_hub import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 24 * MIB
TOTAL = SIZE + sum(map(len, SMALL.values()))
EIGHT = 8


@pytest.fixture
def repo() -> Repo:
    return model(SIZE)


@pytest.fixture
def here(tmp_path: Path, repo: Repo) -> Iterator[Site]:
    here = site(tmp_path, repo, bytes_per_second=16 * MIB)
    with here.hub:
        yield here


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the code and the words of a process that ends."""
    out, said = process.communicate(timeout=BOUND)
    return process.returncode, out + said


def half_is_served(here: Site) -> None:
    """Return when half of the weights have left the server."""
    until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")


def record(here: Site, repo: Repo) -> str:
    """Return the path of the owner's record of the weights."""
    (found,) = glob.glob(f"{here.cache}/.locks/.swarmcache/partial/{weights(repo)}/owner.*.*")
    return found


@pytest.mark.faults
@pytest.mark.parametrize("hook", ["", NO_FLOCK], ids=["flock", "no flock"])
def test_eight_pulls_are_served_once(here: Site, repo: Repo, hook: str) -> None:
    together = [here.start("org/name", hook=hook) for _ in range(EIGHT)]
    outcomes = [ended(process) for process in together]
    assert [code for code, _ in outcomes] == [0] * EIGHT, outcomes
    assert here.hub.served() == TOTAL
    assert here.state() == "complete"
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []


@pytest.mark.faults
@pytest.mark.parametrize("hook", ["", NO_FLOCK], ids=["flock", "no flock"])
def test_half_of_eight_are_killed_and_the_rest_finish(here: Site, repo: Repo, hook: str) -> None:
    """The owner is among the killed."""
    together = [here.start("org/name", hook=hook) for _ in range(EIGHT)]
    half_is_served(here)
    owner = int(record(here, repo).split(".")[-2])
    together.sort(key=lambda process: process.pid != owner)
    assert together[0].pid == owner
    for process in together[: EIGHT // 2]:
        process.send_signal(signal.SIGKILL)
    outcomes = [ended(process) for process in together]
    assert [code for code, _ in outcomes] == [-9] * 4 + [0] * 4, outcomes
    assert here.hub.served() <= TOTAL + 4 * MIB
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []


@pytest.mark.faults
@pytest.mark.parametrize("hook", ["", NO_FLOCK], ids=["flock", "no flock"])
def test_a_stopped_owner_is_waited_for_by_name_and_followed_when_dead(
    here: Site, repo: Repo, hook: str
) -> None:
    owner = here.start("org/name", hook=hook)
    half_is_served(here)
    owner.send_signal(signal.SIGSTOP)
    try:
        code, said = ended(here.start("org/name", hook=hook, SWARMCACHE_PATIENCE="1"))
        assert code == 6, said
        assert f"waiting for process {owner.pid}" in said
        assert f"process {owner.pid}" in said.partition("has not got on for 1 s")[0]
        patient = here.start("org/name", "--json", hook=hook)
        with pytest.raises(subprocess.TimeoutExpired):
            patient.wait(timeout=2)
    finally:
        owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=BOUND)
    out, said = patient.communicate(timeout=BOUND)
    assert patient.returncode == 0, out + said
    # Not by what was served: the kernel takes megabytes for a process that is stopped.
    (model,) = json.loads(out)["models"]
    assert model["resumed_bytes"] >= 4 * MIB
    assert model["resumed_bytes"] + model["downloaded_bytes"] <= TOTAL
    assert here.state() == "complete"
    assert here.leftovers() == []


def elsewhere() -> list[str]:
    """Return the words before a command that runs in a pid namespace of its own."""
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("this machine lets us make no pid namespace")
    return words


@pytest.mark.faults
def test_an_owner_of_another_namespace_lives_by_its_heartbeat_and_is_followed_when_silent(
    here: Site, repo: Repo
) -> None:
    """No lock tells of it, and its pid means nothing here."""
    owner = here.start("org/name", hook=NO_FLOCK, before=elsewhere())
    half_is_served(here)
    old = os.stat(f"{os.path.dirname(record(here, repo))}/data").st_ino
    here.hub.pace(MIB)
    second = here.start("org/name", hook=NO_FLOCK)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=1)
    os.killpg(owner.pid, signal.SIGKILL)
    owner.communicate(timeout=BOUND)
    here.hub.pace(None)
    here.fall_silent()
    code, said = ended(second)
    assert code == 0, said
    assert "of another container or machine" in said
    blob = f"{here.cache}/models--org--name/blobs/{weights(repo)}"
    assert os.stat(blob).st_ino != old
    assert here.hub.served() <= TOTAL + 4 * MIB
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []


@pytest.mark.faults
def test_a_silent_owner_that_wakes_changes_nothing_of_its_follower(here: Site, repo: Repo) -> None:
    """It was stopped while half was there, taken over, and goes on when all is published."""
    owner = here.start("org/name", hook=NO_FLOCK, before=elsewhere())
    half_is_served(here)
    (inner,) = children(owner.pid)
    os.kill(inner, signal.SIGSTOP)
    try:
        here.fall_silent()
        code, said = ended(here.start("org/name", hook=NO_FLOCK))
        assert code == 0, said
    finally:
        os.kill(inner, signal.SIGCONT)
    code, said = ended(owner)
    assert code == 0, said
    assert hash_of(f"{here.cache}/models--org--name/blobs/{weights(repo)}") == weights(repo)
    assert here.state() == "complete"
    assert here.leftovers() == []


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_follower_killed_at_any_change_leaves_no_file_to_a_silent_owner(
    here: Site, repo: Repo
) -> None:
    """Whichever change the first follower dies before, the next one writes to no shared file."""
    first = here.cache
    died = 0
    for change in range(1, 25):
        here.cache, here.hub.requests[:] = f"{first}-{change}", []
        here.hub.pace(16 * MIB)
        owner = here.start("org/name", hook=NO_FLOCK, before=elsewhere())
        half_is_served(here)
        (inner,) = children(owner.pid)
        os.kill(inner, signal.SIGSTOP)
        here.hub.pace(None)
        old = os.stat(f"{os.path.dirname(record(here, repo))}/data").st_ino
        here.fall_silent()
        dying = {"hook": NO_FLOCK + DYING, "DIE_AT": str(change), "DIE_IN": here.cache}
        died += ended(here.start("org/name", **dying))[0] == -signal.SIGKILL
        code, said = ended(here.start("org/name", hook=NO_FLOCK))
        assert code == 0, said
        blob = f"{here.cache}/models--org--name/blobs/{weights(repo)}"
        assert os.stat(blob).st_ino != old, f"shared after change {change}"
        os.kill(inner, signal.SIGCONT)
        assert ended(owner)[0] == 0
        assert hash_of(blob) == weights(repo)
        assert here.leftovers() == []
        shutil.rmtree(here.cache)
    assert died == 24


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.faults
def test_of_many_takers_exactly_one_wins(tmp_path: Path) -> None:
    """A hundred rounds in which eight threads take over from one dead owner at once."""
    dead = owners.this_process()
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        owners.sign(str(folder), dead)
        takers = [owners.this_process() for _ in range(EIGHT)]
        start, won = threading.Barrier(EIGHT), []

        def take(me: owners.Owner, place: str = str(folder), won: list[str] = won) -> None:
            start.wait()  # noqa: B023 - ended before the next round
            if owners.take_over(place, dead, me):
                won.append(me.id)

        threads = [threading.Thread(target=take, args=(me,)) for me in takers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        (left,) = os.listdir(folder)
        assert won[0] in left


@pytest.mark.faults
def test_who_took_a_dead_owner_for_the_present_one_wins_nothing(tmp_path: Path) -> None:
    """The ABA case: between the look and the rename the folder was taken, and given back."""
    dead, first, late = (owners.this_process() for _ in range(3))
    owners.sign(str(tmp_path), dead)
    assert owners.find_owner(str(tmp_path)) == dead
    assert owners.take_over(str(tmp_path), dead, first)
    assert owners.give_back(str(tmp_path), first)
    assert not owners.take_over(str(tmp_path), dead, late)
    assert owners.take_free(str(tmp_path), late)
    assert not owners.beat(str(tmp_path), first)
    assert not owners.give_back(str(tmp_path), first)


@pytest.mark.faults
@pytest.mark.parametrize("together", [True, False], ids=["two processes", "one process"])
def test_two_repos_that_share_a_blob_download_it_once(tmp_path: Path, together: bool) -> None:
    shared, own = Weights(SIZE), b'{"model_type": "qwen2"}'
    one = Repo("org/name", {**SMALL, "model.safetensors": shared})
    two = Repo("org/other", {**SMALL, "config.json": own, "model.safetensors": shared})
    here = site(tmp_path, one, two, bytes_per_second=16 * MIB)
    with here.hub:
        groups = [["org/name"], ["org/other"]] if together else [["org/name", "org/other"]]
        outcomes = [ended(process) for process in [here.start(*group) for group in groups]]
        assert [code for code, _ in outcomes] == [0] * len(groups), outcomes
        assert here.hub.served("model.safetensors") == SIZE
    for repo_id in ("org/name", "org/other"):
        assert here.state(repo_id) == "complete"
    assert_legal(here.cache, etags(one, two))
    assert here.leftovers() == []


def test_pulls_of_models_that_share_small_files_wait_for_nobody(tmp_path: Path) -> None:
    """At once into one cache: a published small file is kept until its own repo has its ref."""
    repos = [model(2 * MIB, seed, f"org/m{seed}") for seed in range(4)]
    here = site(tmp_path, *repos, bytes_per_second=6 * MIB)
    with here.hub:
        pulls = [here.start(f"org/m{seed}", SWARMCACHE_PATIENCE="4") for seed in range(4)]
        for process in pulls:
            code, said = ended(process)
            assert code == 0, said
        assert here.leftovers() == []
