"""A reader that leaves (`| head`), a log on a full disk: the work goes on, and the code tells.

The instant: before the first word. What is there afterwards is what an undisturbed run leaves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import contents, model
from processes import BOUND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WORK = {
    "adopt": ["adopt", "other"],
    "clean": ["clean", "--all", "--yes"],
    "dedupe": ["dedupe", "hub", "other"],
    "export": ["export", "org/a", "out"],
    "import": ["import", "other"],
    "move": ["move", "new", "--yes"],
}
ANSWERS = {
    "": 0,
    "status": 0,
    "check org/a": 0,
    "check org/absent": 1,
    "check --full org/absent": 1,
    "verify org/b": 5,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two caches with a model in common, twice: once for each run."""
    for name in ("plain", "disturbed"):
        hub = CacheMaker(tmp_path / name / "hub")
        hub.repo("org/a", model(1, **{"big.dat": b"w" * 200_000}))
        other = CacheMaker(tmp_path / name / "other")
        other.repo("org/a", model(1, **{"big.dat": b"w" * 200_000}))
        other.repo("org/c", model(3))
    return tmp_path


def run(folder: Path, words: Sequence[str], out: int) -> tuple[int, str]:
    """Run a command between its two caches; return its code and what it said of it."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
        cwd=folder,
        env={**os.environ, "HF_HUB_CACHE": f"{folder}/hub"},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def left(folder: Path) -> dict[str, object]:
    """Return what all the caches and folders of a run hold, but for what was verified.

    That tells of each inode, and of none so young that it may still change.
    """
    found = {name: contents(f"{folder}/{name}") for name in sorted(os.listdir(folder))}
    return {
        name: {path: held for path, held in files.items() if "/ledger/" not in path}
        for name, files in found.items()
    }


@pytest.fixture(params=["reader", "disk"])
def lost(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A standard output that takes nothing, and the code that comes in the place of 0."""
    if request.param == "disk":
        with open("/dev/full", "wb") as file:
            yield file.fileno(), 3
        return
    reading, writing = os.pipe()
    os.close(reading)
    yield writing, 0
    os.close(writing)


@pytest.mark.faults
@pytest.mark.parametrize("verb", WORK)
def test_the_work_goes_on(folder: Path, verb: str, lost: tuple[int, int]) -> None:
    """A `move` that ends halfway with code 0 was the report."""
    out, code = lost
    whole, said = run(folder / "plain", WORK[verb], subprocess.DEVNULL)
    assert whole == 0, said
    disturbed, words = run(folder / "disturbed", WORK[verb], out)
    assert left(folder / "disturbed") == left(folder / "plain")
    assert disturbed == code, words


@pytest.mark.faults
@pytest.mark.parametrize("words", ANSWERS)
def test_the_code_is_the_answer(folder: Path, words: str, lost: tuple[int, int]) -> None:
    """`check MODEL | head -1` under `pipefail`; a disk that took no words is told: 3 for 0."""
    out, code = lost
    commit = CacheMaker(folder / "disturbed/hub").repo("org/b", model(2))
    wrong = folder / "disturbed/hub/models--org--b/snapshots" / commit / "config.json"
    wrong.write_bytes(b"~")
    ended, said = run(folder / "disturbed", words.split(), out)
    assert ended == (ANSWERS[words] or code), said
    assert ("could not all be written: No space left on device." in said) is bool(code)
