"""`dedupe` killed at any instant, beside others, and beside a clean: every model loads."""

from __future__ import annotations

import glob
import os
import random
import shutil
import time
from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model
from faults.bringing import ended, instants, interrupted, refuse_harm, refuse_remains, run, start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faults.bringing import Ended

pytestmark = pytest.mark.faults
MODEL = model(1, **{"big.dat": b"w" * 200_000})
FILES = dict.fromkeys(("Gensyn/Qwen", "Qwen/Qwen", "unsloth/Qwen"), MODEL)
MANY = FILES | {f"org/{number}": MODEL for number in range(9)}
"""So many that most of a run is the work itself."""
CONTENTS = len(MODEL)


def build(folder: str, repos: Iterable[str] = FILES) -> list[str]:
    """Make three caches of repos with the same files; two with a shared store."""
    paths = [f"{folder}/{name}" for name in "abc"]
    for path in paths:
        maker = CacheMaker(path)
        for repo in repos:
            maker.repo(repo, MODEL, shared=path.endswith(("b", "c")))
    return paths


def words(paths: list[str]) -> list[str]:
    """Return the command."""
    return ["dedupe", *paths, "--json"]


def refuse_lost(paths: list[str], repos: Iterable[str] = FILES) -> None:
    """Fail unless each model is whole in every cache."""
    for path in paths:
        refuse_harm(path, files=MANY, names=tuple(repos))


def stored(paths: list[str]) -> int:
    """Return how many files hold the contents of all blobs."""
    blobs = [blob for path in paths for blob in glob.glob(f"{path}/models--*/blobs/*")]
    return len({os.stat(blob).st_ino for blob in blobs})


def refuse_unfinished(folder: str, paths: list[str], done: Ended) -> None:
    """Fail unless a dedupe has ended well, and left nothing of a killed one."""
    assert done.code == 0, done
    refuse_lost(paths)
    assert stored(paths) == CONTENTS
    refuse_remains(folder)


def changes(ground: str) -> tuple[int, int]:
    """Return what is taken after a dedupe, and how many changes it makes."""
    folder = f"{ground}/measured"
    paths = build(folder)
    done = run(words(paths), folder)
    refuse_unfinished(folder, paths, done)
    return sum(inodes(*paths).values()), done.changes


def killed_at(ground: str, instant: int, wanted: int) -> None:
    """Kill one there, and let a rerun finish."""
    folder = f"{ground}/{instant}"
    paths = build(folder)
    assert run(words(paths), folder, die_at=instant).code == -SIGKILL, instant
    refuse_lost(paths)
    refuse_unfinished(folder, paths, run(words(paths), folder))
    assert sum(inodes(*paths).values()) == wanted
    shutil.rmtree(folder)


def test_killed_before_some_changes(ground: str) -> None:
    """Every seventh change; a rerun finishes, and leaves nothing of its own behind."""
    wanted, number = changes(ground)
    for instant in range(2, number, 7):
        killed_at(ground, instant, wanted)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_before_each_change(ground: str) -> None:
    """All of them."""
    wanted, number = changes(ground)
    for instant in range(1, number):
        killed_at(ground, instant, wanted)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_instants(ground: str) -> None:
    """Two hundred kills, uniformly over an undisturbed run; a fair share falls into the work."""
    chance, kills, met = random.Random(5), 0, 0
    folder = f"{ground}/measured"
    seconds = run(words(build(folder, MANY)), folder).seconds
    while kills < 200:
        folder = f"{ground}/{kills}"
        paths, spans = build(folder, MANY), instants(chance, seconds)
        while (before := stored(paths)) > CONTENTS:
            if interrupted(words(paths), folder, next(spans), SIGKILL).code < 0:
                kills += 1
                met += stored(paths) < before
            refuse_lost(paths, MANY)
        refuse_unfinished(folder, paths, run(words(paths), folder))
        shutil.rmtree(folder)
    assert met >= kills // 3


@pytest.mark.parametrize("number", range(5))
def test_three_at_once_and_cleans(ground: str, number: int) -> None:
    """Each waits for the others or leaves what is busy; what a clean takes is gone whole."""
    chance = random.Random(number)
    paths = build(f"{ground}/caches", MANY)
    works = [words(chance.sample(paths, 3)) for _ in range(3)]
    works += [["clean", "unsloth/Qwen", "--yes", "--cache-dir", path] for path in paths]
    children = []
    for one, work in enumerate(works):
        os.mkdir(f"{ground}/{one}")
        children.append(start(work, f"{ground}/{one}"))
        time.sleep(chance.uniform(0, 0.01))
    done = [ended(child, f"{ground}/{one}") for one, child in enumerate(children)]
    assert {one.code for one in done[:3]} <= {0, 6}, done
    assert {one.code for one in done[3:]} <= {0, 1, 6}, done
    left = MANY.keys() - {"unsloth/Qwen"}
    refuse_lost(paths, left)
    assert run(words(paths), f"{ground}/0").code == 0
    refuse_lost(paths, left)
    assert stored(paths) == CONTENTS
    refuse_remains(f"{ground}/caches")
