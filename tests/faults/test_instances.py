"""Eight instances on an empty cache: one download, whoever of them is killed, and none afterwards.

The instants: all start at once; one is killed when half of the bytes are there; all are restarted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from faults.pulling import BOUND, MIB, SMALL, Site, assert_legal, etags, model, site, until
from tinyswarm import write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transfer.faulty_hub import Repo

pytestmark = pytest.mark.faults

SIZE = 24 * MIB
TOTAL = SIZE + sum(map(len, SMALL.values()))
GPUS = [str(number) for number in range(8)]
CONFIG = """\
trainer:
  model:
    pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${pool},${pool}}}
pool: [org/name]
"""
LOADS = ("sh", "-c", 'echo "$SWARMCACHE_INSTANCE loads $MODEL_NAME"')


@pytest.fixture
def repo() -> Repo:
    return model(SIZE)


@pytest.fixture
def here(tmp_path: Path, repo: Repo) -> Iterator[Site]:
    write_project(tmp_path / "project", CONFIG)
    here = site(tmp_path, repo, bytes_per_second=16 * MIB)
    with here.hub:
        yield here


def start(here: Site, *options: str) -> subprocess.Popen[str]:
    """Start `run` in the project."""
    return subprocess.Popen(
        [sys.executable, "-m", "swarmcache", "run", *options, "--", *LOADS],
        cwd=os.path.join(here.folder, "project"),
        env=here.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return code, output and what was said of a process that ends."""
    out, said = process.communicate(timeout=BOUND)
    return process.returncode, out, said


@pytest.mark.parametrize("restarts", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_eight_instances_download_once_and_never_again(
    here: Site, repo: Repo, restarts: int
) -> None:
    """From one `run --gpus 0-7`; restarts of all eight ask for no byte."""
    code, out, said = ended(start(here, "--gpus", "0-7"))
    assert code == 0, said
    expected = sorted(f"[{gpu}] {gpu} loads org/name" for gpu in GPUS)
    assert sorted(out.splitlines()) == expected
    assert here.hub.served() == TOTAL
    assert_legal(here.cache, etags(repo))
    assert here.leftovers() == []
    for _ in range(restarts):
        code, out, said = ended(start(here, "--gpus", "0-7", "--quiet"))
        assert (code, sorted(out.splitlines())) == (0, expected), said
    assert here.hub.served() == TOTAL


def test_one_is_killed_and_the_others_finish(here: Site, repo: Repo) -> None:
    """Eight started one by one; whoever fetches is killed, and not all begins anew."""
    together = [start(here, "--instance", gpu, "--gpus", gpu) for gpu in GPUS]
    until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")
    owner = fetching(here)
    for process in together:
        if process.pid == owner:
            process.send_signal(signal.SIGKILL)
    outcomes = [ended(process) for process in together]
    codes = [code for code, _, _ in outcomes]
    assert sorted(codes) == [-signal.SIGKILL, *[0] * 7], outcomes
    assert here.state() == "complete"
    assert here.hub.served() <= TOTAL + 4 * MIB
    assert_legal(here.cache, etags(repo))


def test_a_start_killed_while_it_pulls_goes_on_with_its_model(tmp_path: Path) -> None:
    """One of eight was drawn; SIGKILL at half of it; the next start fetches only the rest."""
    pool = [f"org/name{number}" for number in range(8)]
    config = CONFIG.replace("[org/name]", f"[{', '.join(pool)}]")
    write_project(tmp_path / "project", config)
    here = site(
        tmp_path,
        *(model(SIZE, seed, repo_id) for seed, repo_id in enumerate(pool)),
        bytes_per_second=16 * MIB,
    )
    with here.hub:
        killed = start(here)
        until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=BOUND)
        code, out, said = ended(start(here))
        assert code == 0, said
        assert "As at the last start: MODEL_NAME=org/name" in said
        assert here.hub.served() <= TOTAL + 4 * MIB
        assert ended(start(here))[1] == out


def fetching(here: Site) -> int:
    """Return the process that fetches the weights, as its record tells."""
    folder = f"{here.cache}/.locks/.swarmcache/partial"
    records = [
        name
        for content in os.listdir(folder)
        for name in os.listdir(f"{folder}/{content}")
        if name.startswith("owner.") and name != "owner.free"
    ]
    return int(records[0].split(".")[-2])
