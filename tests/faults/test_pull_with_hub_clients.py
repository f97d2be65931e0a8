"""`hf download`, `hf cache prune` and `swarmcache pull` on one cache, against each other.

Real huggingface_hub, 2.4.0 and 0.36.2. The instants: whatever they meet in some seconds of loops;
and chosen: `hf download` holds the lock of a blob, `hf cache prune` comes before the ref.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import compat_environments
import pytest

from faults.pulling import (
    BOUND,
    MIB,
    SMALL,
    Site,
    Weights,
    assert_legal,
    etags,
    model,
    site,
    until,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transfer.faulty_hub import Repo

NEW, OLD = "2.4.0", "0.36.2"
pytestmark = [pytest.mark.compat, pytest.mark.faults]


@pytest.fixture(params=[NEW, OLD])
def version(request: pytest.FixtureRequest) -> str:
    return needed(request.param)


def needed(version: str) -> str:
    """Return a version whose environment is made; skip otherwise."""
    if not compat_environments.is_made(version):
        pytest.skip(f"no environment with huggingface_hub {version}")
    return version


def hf(here: Site, version: str, *words: str) -> subprocess.Popen[str]:
    """Start the `hf` of a version."""
    program = str(compat_environments.python_of(version).with_name("hf"))
    variables = {
        **here.environment(),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_XET": "1",
        "NO_COLOR": "1",
    }
    return subprocess.Popen(
        [program, *words],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def done(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the code and words of a process that ends."""
    out, said = process.communicate(timeout=BOUND)
    return process.returncode, out + (said or "")


def test_while_a_hub_client_holds_the_lock_ours_waits_and_takes_its_blob(
    tmp_path: Path, version: str
) -> None:
    size = 24 * MIB
    here = site(tmp_path, model(size), bytes_per_second=12 * MIB)
    with here.hub:
        theirs = hf(here, version, "download", "org/name")
        until(lambda: here.hub.served("model.safetensors") > 2 * MIB, "their download")
        ours = here.start("org/name")
        code, said = done(ours)
        assert code == 0, said
        assert f"waiting for process {theirs.pid} (hf)" in said
        assert done(theirs)[0] == 0
        assert here.hub.served("model.safetensors") == size
    assert here.state() == "complete"
    assert here.leftovers() == []


def test_while_ours_holds_the_lock_a_hub_client_waits_and_takes_its_blob(
    tmp_path: Path, version: str
) -> None:
    size = 24 * MIB
    here = site(tmp_path, model(size), bytes_per_second=12 * MIB)
    with here.hub:
        ours = here.start("org/name")
        until(lambda: here.hub.served("model.safetensors") > 2 * MIB, "our download")
        code, said = done(hf(here, version, "download", "org/name"))
        assert code == 0, said
        assert done(ours)[0] == 0
        assert here.hub.served("model.safetensors") == size
    assert here.leftovers() == []


PAUSING = """
import os, sys, time
def watch(event, args):
    if event == "os.rename" and os.environ["PLACE"] in str(args[1]):
        open(os.environ["REACHED"], "w").close()
        for _ in range(3000):
            if os.path.exists(os.environ["GO_ON"]):
                break
            time.sleep(0.01)
sys.addaudithook(watch)
"""
"""Stops before a ref is put, until it is told to go on."""


@pytest.mark.parametrize(
    ("place", "revisions", "left"),
    [
        ("/refs/swarmcache.", 1, False),
        ("/refs/swarmcache.", 2, True),
        ("/refs/main", 1, True),
        ("/refs/main", 2, True),
    ],
)
def test_a_prune_before_the_ref_costs_no_byte(
    tmp_path: Path, place: str, revisions: int, left: bool
) -> None:
    """Before the guard it removes the empty snapshot, and with no other one the whole repo.

    Between the guard and the ref it finds nothing to remove.
    """
    needed(NEW)
    size = 8 * MIB
    repo = model(MIB, 3)
    here = site(tmp_path, repo)
    reached, go_on = tmp_path / "reached", tmp_path / "go on"
    paths = {"REACHED": str(reached), "GO_ON": str(go_on)}
    with here.hub:
        if revisions == 2:
            here.finished()
        repo.commit({**SMALL, "model.safetensors": Weights(size)})
        here.hub.requests.clear()
        words = ("org/name", "--refresh", "--json")
        ours = here.start(*words, hook=PAUSING, PLACE=place, **paths)
        until(reached.exists, "the ref")
        code, said = done(hf(here, NEW, "cache", "prune", "-y"))
        assert code == 0, said
        assert (weights(repo) in here.blobs()) is left, said
        go_on.touch()
        code, said = done(ours)
        assert code == 0, said
        assert here.hub.served("model.safetensors") == size
    assert here.state() == "complete"
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []


class Loop(threading.Thread):
    """Runs a command again and again until it is told to end."""

    def __init__(self, here: Site, version: str, *words: str) -> None:
        super().__init__(daemon=True)
        self._what = here, version, words
        self.ending = threading.Event()
        self.codes: list[int] = []
        self.said = ""

    def run(self) -> None:
        """Run it."""
        here, version, words = self._what
        while not self.ending.is_set():
            code, self.said = done(hf(here, version, *words))
            self.codes.append(code)


def battle(here: Site, repo: Repo, seconds: float) -> None:
    """Pull new revisions, and remove the cache's repo, while prunes and downloads run in loops."""
    prune = Loop(here, NEW, "cache", "prune", "-y")
    downloads = [Loop(here, version, "download", "org/other") for version in (NEW, OLD)]
    loops = [prune, *downloads]
    for loop in loops:
        loop.start()
    end, pulls = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            pulls += 1
            repo.commit({**SMALL, "model.safetensors": Weights(3 * MIB, 100 + pulls)})
            entry, said = here.finished("org/name", "--refresh", "--json")
            assert entry["state"] == "complete", said
            ours = [r for r in here.hub.seen(path="model.safetensors") if repo.main in r.target]
            assert sum(r.file_bytes for r in ours) == 3 * MIB, f"fetched twice in pull {pulls}"
            assert here.state() == "complete", f"lost after pull {pulls}"
            shutil.rmtree(f"{here.cache}/models--org--other", ignore_errors=True)
    finally:
        for loop in loops:
            loop.ending.set()
        for loop in loops:
            loop.join(BOUND)
    print(
        f"{pulls} pulls, {len(prune.codes)} prunes, downloads ended {[d.codes for d in downloads]}"
    )
    assert set(prune.codes) <= {0, 1}


def at_peace(here: Site, repo: Repo, other: Repo) -> None:
    """Fail unless downloads succeed now, all is right, and no Hub client warns."""
    for version in (NEW, OLD):
        code, said = done(hf(here, version, "download", "org/other"))
        assert code == 0, said
    assert here.state() == here.state("org/other") == "complete"
    code, said = done(hf(here, NEW, "cache", "prune", "-y"))
    assert code == 0, said
    assert here.state() == here.state("org/other") == "complete"
    assert_legal(here.cache, etags(repo, other))
    assert here.leftovers() == []
    code, said = done(hf(here, NEW, "cache", "ls"))
    assert code == 0, said
    assert "warn" not in said.lower(), said
    assert not glob.glob(f"{here.cache}/models--*/blobs/*.incomplete")
    assert os.path.isdir(f"{here.cache}/models--org--name/refs")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[tuple[Site, Repo, Repo]]:
    needed(NEW), needed(OLD)
    repo, other = model(3 * MIB), model(2 * MIB, 5, "org/other")
    here = site(tmp_path, repo, other, bytes_per_second=24 * MIB)
    with here.hub:
        here.finished()
        yield here, repo, other


def test_pulls_prunes_and_downloads_for_ten_seconds(field: tuple[Site, Repo, Repo]) -> None:
    battle(field[0], field[1], 10)
    at_peace(*field)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_pulls_prunes_and_downloads_for_two_minutes(field: tuple[Site, Repo, Repo]) -> None:
    battle(field[0], field[1], 120)
    at_peace(*field)
