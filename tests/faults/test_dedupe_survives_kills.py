"""`dedupe` killed at any instant, beside another one, and beside a clean: every model loads."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import contents, inodes, model
from faults.pulling import DYING
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults
PROGRAM = f"{DYING}\nfrom swarmcache.cli import main\nsys.exit(main(sys.argv[1:]))\n"
FILES = model(1, **{"big.dat": b"w" * 200_000})
REPOS = ("Gensyn/Qwen", "Qwen/Qwen", "unsloth/Qwen")
BOUND = 60.0


def build(folder: str) -> list[str]:
    """Make three caches of three repos with the same files; one with a shared store."""
    paths = [f"{folder}/{name}" for name in "abc"]
    for path in paths:
        maker = CacheMaker(path)
        for repo in REPOS:
            maker.repo(repo, FILES, shared=path.endswith("c"))
    return paths


def command(paths: list[str]) -> list[str]:
    """Return a real dedupe of all of them."""
    return [sys.executable, "-c", PROGRAM, "dedupe", *paths, "--json"]


def run(paths: list[str], die_at: int = 0) -> subprocess.CompletedProcess[str]:
    """Run it; it dies before the change that `die_at` names, 0 for none."""
    folder = os.path.dirname(paths[0])
    variables = {**os.environ, "DIE_AT": str(die_at), "DIE_IN": folder}
    return subprocess.run(
        command(paths), env=variables, capture_output=True, text=True, check=False, timeout=BOUND
    )


def refuse_harm(paths: list[str], *, repos: tuple[str, ...] = REPOS) -> None:
    """Fail unless each model is complete and holds its bytes."""
    for path in paths:
        for repo in repos:
            found = check(parse_target(repo), path)
            assert found.state == "complete", (path, repo, found)
            assert found.snapshot is not None
            assert contents(found.snapshot) == FILES


def physical(paths: list[str]) -> int:
    """Return what is taken on disk."""
    return sum(inodes(*paths).values())


def test_killed_before_some_changes(tmp_path: Path) -> None:
    """Every seventh change; a rerun finishes, and leaves nothing of its own behind."""
    wanted, changes = undisturbed(str(tmp_path / "measured"))
    for instant in range(2, changes, 7):
        killed_at(str(tmp_path / f"{instant}"), instant, wanted)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_before_each_change(tmp_path: Path) -> None:
    """All of them."""
    wanted, changes = undisturbed(str(tmp_path / "measured"))
    for instant in range(1, changes):
        killed_at(str(tmp_path / f"{instant}"), instant, wanted)


def undisturbed(folder: str) -> tuple[int, int]:
    """Return what is taken after a dedupe, and how many changes it makes."""
    paths = build(folder)
    done = run(paths)
    assert done.returncode == 0, done.stderr
    refuse_harm(paths)
    return physical(paths), int(done.stderr.rpartition("changes: ")[2])


def killed_at(folder: str, instant: int, wanted: int) -> None:
    """Kill one there, and let a rerun finish."""
    paths = build(folder)
    assert run(paths, instant).returncode == -signal.SIGKILL, instant
    refuse_harm(paths)
    again = run(paths)
    assert again.returncode == 0, (instant, again.stderr)
    refuse_harm(paths)
    assert physical(paths) == wanted
    for path in paths:
        partials = f"{path}/.locks/.swarmcache/partial"
        assert not os.path.exists(partials) or os.listdir(partials) == []
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_instants(tmp_path: Path) -> None:
    """Two hundred kills."""
    began = time.monotonic()
    undisturbed(str(tmp_path / "measured"))
    seconds = time.monotonic() - began
    chance = random.Random(5)
    kills = rounds = 0
    while kills < 200:
        rounds += 1
        paths = build(str(tmp_path / f"{rounds}"))
        while True:
            process = subprocess.Popen(
                command(paths), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.05, seconds))
            if process.poll() is not None:
                assert process.returncode == 0
                break
            process.kill()
            process.wait(BOUND)
            kills += 1
            refuse_harm(paths)
        refuse_harm(paths)
        shutil.rmtree(os.path.dirname(paths[0]))


def test_two_at_once_and_a_clean(tmp_path: Path) -> None:
    """Each waits for the other or leaves what is busy; what the clean takes is gone whole."""
    paths = build(str(tmp_path))
    clean = [sys.executable, "-m", "swarmcache", "clean", "unsloth/Qwen", "--yes"]
    processes = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for words in (
            command(paths),
            command(paths[::-1]),
            *([*clean, "--cache-dir", path] for path in paths),
        )
    ]
    said = [process.communicate(timeout=BOUND)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert set(codes[:2]) <= {0, 6}, said
    assert set(codes[2:]) <= {0, 1, 6}, said
    refuse_harm(paths, repos=REPOS[:2])
    assert run(paths).returncode == 0
    refuse_harm(paths, repos=REPOS[:2])
