"""`adopt` killed at any instant: each model is whole in one place, and a rerun ends the work.

Chosen instants: before the n-th change to the disk (each file opened for writing, rename, link,
folder, removal, sync), for what becomes of the old place: it stays, links, or nothing.
"""

from __future__ import annotations

import glob
import os
import random
import shutil
from signal import SIGKILL

import pytest

from faults.bringing import (
    PARTIAL,
    REPOS,
    Ended,
    build,
    instants,
    interrupted,
    refuse_complaints,
    refuse_harm,
    refuse_remains,
    refuse_warnings,
    run,
)

pytestmark = pytest.mark.faults
OLD = ("keep", "link", "remove")


def words(folder: str, old: str) -> list[str]:
    """Return the command."""
    return ["adopt", f"{folder}/old", "--old", old, "--yes", "--cache-dir", f"{folder}/new"]


def made(ground: str, name: object) -> str:
    """Return a folder with a source in it."""
    folder = f"{ground}/{name}"
    build(f"{folder}/old")
    return folder


def changes(ground: str, old: str) -> int:
    """Return how many changes an undisturbed adopt makes; the real `hf` has no complaint after."""
    folder = made(ground, f"measured-{old}")
    done = run(words(folder, old), folder)
    refuse_unfinished(folder, old, done)
    refuse_complaints(f"{folder}/new")
    return done.changes


def refuse_unfinished(folder: str, old: str, done: Ended) -> None:
    """Fail unless an adopt has ended well, and left nothing of a killed one."""
    places = [f"{folder}/old", f"{folder}/new"]
    is_gone = done.code == 3 and "holds no repos" in done.said
    assert done.code == 0 or (old == "remove" and is_gone), done
    refuse_harm(places[1])
    refuse_remains(folder, partials=(PARTIAL,))
    refuse_warnings(*places)
    repos = glob.glob(f"{folder}/old/*--*")
    if old == "remove":
        assert repos == []
    else:
        refuse_harm(places[0])
        assert [os.path.islink(one) for one in repos] == [old == "link"] * REPOS


def killed_at(ground: str, instant: int, old: str) -> None:
    """Kill an adopt there, and let a rerun finish."""
    folder = made(ground, instant)
    died = run(words(folder, old), folder, die_at=instant)
    assert died.code == -SIGKILL, (instant, died)
    refuse_harm(f"{folder}/old", f"{folder}/new")
    refuse_unfinished(folder, old, run(words(folder, old), folder))
    shutil.rmtree(folder)


@pytest.mark.parametrize("old", OLD)
def test_killed_before_some_changes(ground: str, old: str) -> None:
    """Each 61st; what comes before the old place is given up is the same for all three."""
    first = 1 if old == "keep" else changes(ground, "keep")
    for instant in range(first, changes(ground, old), 61):
        killed_at(ground, instant, old)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("old", OLD)
def test_killed_before_each_change(ground: str, old: str) -> None:
    """All of them; for links and removal, all from when everything is there."""
    first = 1 if old == "keep" else changes(ground, "keep") - 10
    for instant in range(first, changes(ground, old)):
        killed_at(ground, instant, old)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_instants(ground: str) -> None:
    """Two hundred kills, uniformly over the time of an undisturbed run; kills follow on kills."""
    chance, kills = random.Random(5), 0
    folder = made(ground, "measured")
    seconds = run(words(folder, "remove"), folder).seconds
    while kills < 200:
        old, spans = chance.choice(OLD), instants(chance, seconds)
        folder = made(ground, f"{kills}-{old}")
        while (done := interrupted(words(folder, old), folder, next(spans), SIGKILL)).code < 0:
            kills += 1
            refuse_harm(f"{folder}/old", f"{folder}/new")
        refuse_unfinished(folder, old, done)
        shutil.rmtree(folder)
