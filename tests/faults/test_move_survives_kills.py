"""`move` killed at any instant: what the settings name is whole, and the same command ends it.

Chosen instants: before the n-th change to the disk. Within a file system and to another one; with a
settings file that names the cache, and with a variable, where links stay in the old place.
"""

from __future__ import annotations

import glob
import os
import random
import shutil
import signal
from typing import TYPE_CHECKING

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
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import Target
from swarmcache.hubcache.use.roots import add_root, roots

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults
NAMED_BY = ("settings", "variable")
LINKED = "Links in {}/old lead to the new place"


@pytest.fixture(params=["here", "elsewhere"])
def disk(request: pytest.FixtureRequest, ground: str) -> Iterator[str]:
    """Yield where caches are moved to: the same file system, or another one."""
    if request.param == "here":
        yield f"{ground}/disk"
        return
    with small_disk(f"{ground}/disk", "tmpfs") as folder:
        yield folder


class Project:
    """A project with its cache, which moves to a disk."""

    def __init__(self, ground: str, disk: str, name: object) -> None:
        self.folder = f"{ground}/{name}"
        self.old = f"{self.folder}/old"
        self.new = f"{disk}/{name}/new"
        self.project = f"{self.folder}/project"
        self.settings = f"{self.project}/swarmcache.toml"
        build(self.old)
        os.makedirs(self.project)
        targets = [Target("model", "org/links", "main")]
        add_root(self.old, Environment.current(), self.project, targets)

    def name_by_settings(self) -> None:
        """Let the settings file name the cache."""
        with open(self.settings, "x") as file:
            file.write(f'# mine\n[cache]\ndir = "{self.old}"\n')

    def move(self, die_at: int = 0, after: float | None = None) -> Ended:
        """Move the cache, unless the process is killed."""
        words = ["move", self.new, "--yes"]
        if after is None:
            return run(words, self.folder, die_at=die_at, cwd=self.project)
        return interrupted(words, self.folder, after, signal.SIGKILL, cwd=self.project)

    @property
    def named(self) -> str:
        """The cache that the settings file names."""
        with open(self.settings) as file:
            return file.read().partition('dir = "')[2].partition('"')[0]

    def refuse_harm(self) -> None:
        """Fail unless each model is whole: in the cache that counts, where a file tells which."""
        refuse_harm(self.old, self.new)
        if os.path.exists(self.settings):
            refuse_harm(self.named)

    def refuse_unfinished(self, done: Ended) -> None:
        """Fail unless the move has ended well, and left nothing of a killed one."""
        assert done.code == 0, done
        refuse_harm(self.new)
        refuse_remains(self.folder, partials=(PARTIAL,))
        refuse_remains(os.path.dirname(self.new), partials=(PARTIAL,))
        refuse_warnings(self.old, self.new)
        partials = [f"{place}/.locks/.swarmcache/partial" for place in (self.old, self.new)]
        assert [os.listdir(one) for one in partials if os.path.isdir(one)] == [[], [PARTIAL]]
        assert [root.project for root in roots(self.new, Environment.current())] == [self.project]
        repos = glob.glob(f"{self.old}/*--*")
        if os.path.exists(self.settings):
            assert self.named == self.new
            assert repos == []
        else:
            refuse_harm(self.old)
            assert [os.path.islink(one) for one in repos] == [True] * REPOS

    def forget(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)
        shutil.rmtree(os.path.dirname(self.new), ignore_errors=True)


def project(
    ground: str, disk: str, name: object, named_by: str, patch: pytest.MonkeyPatch
) -> Project:
    """Return a new project whose cache is named by its settings, or by a variable."""
    made = Project(ground, disk, name)
    if named_by == "settings":
        made.name_by_settings()
    else:
        patch.setenv("HF_HUB_CACHE", made.old)
    return made


def changes(ground: str, disk: str, named_by: str, patch: pytest.MonkeyPatch) -> int:
    """Return how many changes an undisturbed move makes; the real `hf` has no complaint after."""
    measured = project(ground, disk, "measured", named_by, patch)
    done = measured.move()
    measured.refuse_unfinished(done)
    refuse_complaints(measured.new)
    assert (LINKED.format(measured.folder) in done.said) is (named_by == "variable")
    return done.changes


def killed_at(
    ground: str, disk: str, instant: int, named_by: str, patch: pytest.MonkeyPatch
) -> None:
    """Kill a move there, and let a rerun finish."""
    moved = project(ground, disk, instant, named_by, patch)
    died = moved.move(die_at=instant)
    assert died.code == -signal.SIGKILL, (instant, died)
    moved.refuse_harm()
    moved.refuse_unfinished(moved.move())
    moved.forget()


@pytest.mark.parametrize("named_by", NAMED_BY)
def test_killed_before_some_changes(
    ground: str, disk: str, named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each 197th, others for each way to name it."""
    first = {"settings": 40, "variable": 140}[named_by]
    for instant in range(first, changes(ground, disk, named_by, monkeypatch), 197):
        killed_at(ground, disk, instant, named_by, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
def test_killed_before_each_change(
    ground: str, disk: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All on the way to another disk, each third within one; the settings file is switched."""
    step = 4 if os.path.ismount(disk) else 12
    for instant in range(1 + part, changes(ground, disk, "settings", monkeypatch), step):
        killed_at(ground, disk, instant, "settings", monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_instants(ground: str, disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred kills, uniformly over the time of an undisturbed run; kills follow on kills."""
    chance, kills = random.Random(6), 0
    seconds = project(ground, disk, "measured", "settings", monkeypatch).move().seconds
    while kills < 200:
        moved = project(ground, disk, f"{kills}", chance.choice(NAMED_BY), monkeypatch)
        spans = instants(chance, seconds)
        while (done := moved.move(after=next(spans))).code < 0:
            kills += 1
            moved.refuse_harm()
        moved.refuse_unfinished(done)
        moved.forget()


def test_a_move_to_another_place_makes_the_note_of_a_killed_one_void(
    ground: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed on the way to A, then moved to B: a later move to A is one of the cache in B."""
    moved = project(ground, f"{ground}/disk", "one", "settings", monkeypatch)
    first = moved.new
    assert moved.move(die_at=300).code == -signal.SIGKILL
    moved.new = f"{ground}/disk/one/second"
    assert moved.move().code == 0
    moved.new = first
    moved.refuse_unfinished(moved.move())
    assert glob.glob(f"{ground}/disk/one/second/*--*") == []
