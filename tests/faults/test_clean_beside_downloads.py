"""`clean` while others download: real `hf download`, real pulls, and another `clean`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model as small_model
from faults.pulling import BOUND, MIB, SMALL, Site, assert_legal, etags, model, site, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",
}


def clean(here: Site, *words: str) -> subprocess.Popen[str]:
    """Start a clean."""
    return subprocess.Popen(
        [sys.executable, "-m", "swarmcache", "clean", *words, "--yes", "--json"],
        env=here.environment(),
        cwd=here.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the code and the words of a process that ends."""
    out, said = process.communicate(timeout=BOUND)
    return process.returncode, out or said


def test_what_hf_downloads_stays(tmp_path: Path) -> None:
    """Whatever is asked for, until it is there; `hf cache prune` would delete the running file."""
    here = site(tmp_path, model(24 * MIB), bytes_per_second=8 * MIB)
    with here.hub:
        theirs = subprocess.Popen(
            [f"{os.path.dirname(sys.executable)}/hf", "download", "org/name"],
            env={**here.environment(), **QUIET},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until(lambda: here.hub.served("model.safetensors") > 2 * MIB, "their download")
        code, _ = done(clean(here, "--leftovers", "--ignore-pins"))
        assert code == 0
        code, told = done(clean(here, "org/name", "--leftovers", "--ignore-pins"))
        assert code == 6, told
        (kept, *_) = json.loads(told)["kept"]
        assert kept["reason"] == "a download of it is under way"
        assert json.loads(told)["actions"] == []
        code, said = done(theirs)
        assert code == 0, said
        assert here.hub.served("model.safetensors") == 24 * MIB
    assert here.state() == "complete"


def test_what_we_download_stays_and_what_a_dead_pull_left_goes(tmp_path: Path) -> None:
    """A partial of a living owner is kept; that of a killed one is freed, if asked for."""
    here = site(tmp_path, model(24 * MIB), bytes_per_second=8 * MIB)
    os.mkdir(here.cache)
    with here.hub:
        pull = here.start("org/name")
        until(lambda: here.hub.served("model.safetensors") > 2 * MIB, "our download")
        code, told = done(clean(here, "org/name", "--leftovers=partial"))
        assert (code, json.loads(told)["actions"]) == (6, [])
        assert f"process {pull.pid} uses it" in told
        os.killpg(pull.pid, signal.SIGKILL)
        pull.communicate(timeout=BOUND)
        code, told = done(clean(here, "--leftovers=partial"))
    document = json.loads(told)
    assert {action["kind"] for action in document["actions"]} == {"partial"}
    assert document["freed_bytes"] == document["freed_bytes_expected"] > 2 * MIB
    assert here.leftovers() == []


def test_two_cleans_and_four_pulls_at_once(tmp_path: Path) -> None:
    """Old models go once, new ones come whole, and nothing that a client sees is broken."""
    own = [
        {name: b'{"n": %d}' % seed + b" " * at for at, name in enumerate(SMALL)}
        for seed in range(4)
    ]
    repos = [model(2 * MIB, seed, f"org/m{seed}", **own[seed]) for seed in range(4)]
    here = site(tmp_path, *repos, bytes_per_second=6 * MIB)
    maker = CacheMaker(here.cache)
    old = [f"org/old{number}" for number in range(12)]
    for number, name in enumerate(old):
        maker.repo(name, small_model(number), shared=number % 2 == 0)
    with here.hub:
        pulls = [here.start(f"org/m{seed}") for seed in range(4)]
        until(lambda: here.hub.served("model.safetensors") > 0, "the downloads")
        while any(pull.poll() is None for pull in pulls):
            pair = [clean(here, "--all", "--leftovers") for _ in range(2)]
            codes = [done(process) for process in pair]
            assert {code for code, _ in codes} <= {0, 6}, codes
        ends = [done(pull) for pull in pulls]
        assert [code for code, _ in ends] == [0] * 4, ends
    for seed in range(4):
        assert here.state(f"org/m{seed}") == "complete"
    assert [name for name in old if os.path.exists(maker.folder(name))] == []
    assert_legal(here.cache, etags(*repos))
    assert os.listdir(f"{here.cache}/.locks/.swarmcache/trash") == []
