"""`move` killed at any instant: what the settings name is whole, and the same command ends it.

Chosen instants: before the n-th change to the disk. Within a file system and to another one; with a
settings file that names the cache, with all that `init` writes, with another project that keeps to
the old place, and with a variable: in the last two, links stay in the old place.
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
NAMED_BY = ("settings", "variable", "init", "shared")
LINKED = "Links in {}/old lead to the new place"
START = "#!/bin/bash\nset -e\n\npython train.py\n"
TRAIN = 'from transformers import AutoModel\nAutoModel.from_pretrained("org/links")\n'


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
        self.script = f"{self.project}/run.sh"
        self.other = ""
        build(self.old)
        os.makedirs(self.project)
        targets = [Target("model", "org/links", "main")]
        add_root(self.old, Environment.current(), self.project, targets)

    def name_by_settings(self) -> None:
        """Let the settings file name the cache."""
        with open(self.settings, "x") as file:
            file.write(f'# mine\n[cache]\ndir = "{self.old}"\n')

    def name_by_init(self) -> None:
        """Let the settings file and a start script name the cache, as `init` writes them."""
        for path, text in ((self.script, START), (f"{self.project}/train.py", TRAIN)):
            with open(path, "x") as file:
                file.write(text)
        assert run(["init", "--dir", self.old, "--yes"], self.folder, cwd=self.project).code == 0

    def share(self) -> None:
        """Let another project, of which nothing tells what it uses, need the cache too."""
        self.other = f"{self.folder}/other"
        os.makedirs(self.other)
        targets = [Target("model", "org/twin", "main")]
        add_root(self.old, Environment.current(), self.other, targets)

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
        if os.path.exists(self.script):
            refuse_harm(self.exported)
        if self.other:
            assert self.other in self.rooted(self.old)

    @property
    def exported(self) -> str:
        """The cache that the start script names by itself."""
        with open(self.script) as file:
            return file.read().partition("HF_HUB_CACHE:-")[2].partition("}")[0]

    @staticmethod
    def rooted(cache: str) -> list[str]:
        """Return the projects that a cache knows."""
        return sorted(root.project for root in roots(cache, Environment.current()))

    def refuse_unfinished(self, done: Ended) -> None:
        """Fail unless the move has ended well, and left nothing of a killed one."""
        assert done.code == 0, done
        refuse_harm(self.new)
        refuse_remains(self.folder, partials=(PARTIAL,))
        refuse_remains(os.path.dirname(self.new), partials=(PARTIAL,))
        refuse_warnings(self.old, self.new)
        partials = [f"{place}/.locks/.swarmcache/partial" for place in (self.old, self.new)]
        assert [os.listdir(one) for one in partials if os.path.isdir(one)] == [[], [PARTIAL]]
        others = [self.other] if self.other else []
        assert self.rooted(self.new) == [*others, self.project]
        repos = glob.glob(f"{self.old}/*--*")
        if os.path.exists(self.settings):
            assert self.named == self.new
            assert self.rooted(self.old) == others
        if os.path.exists(self.settings) and not others:
            assert repos == []
        else:
            refuse_harm(self.old)
            assert [os.path.islink(one) for one in repos] == [True] * REPOS
        if os.path.exists(self.script):
            assert self.exported == self.new
            self.refuse_no_way_back()

    def refuse_no_way_back(self) -> None:
        """Fail unless `init --undo` gives the files back that were there before."""
        assert run(["init", "--undo"], self.folder, cwd=self.project).code == 0
        assert sorted(os.listdir(self.project)) == ["run.sh", "train.py"]
        with open(self.script) as file:
            assert file.read() == START

    def forget(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)
        shutil.rmtree(os.path.dirname(self.new), ignore_errors=True)


def project(
    ground: str, disk: str, name: object, named_by: str, patch: pytest.MonkeyPatch
) -> Project:
    """Return a new project whose cache is named by its settings, or by a variable."""
    made = Project(ground, disk, name)
    patch.setenv("HF_HUB_CACHE", made.old)
    if named_by != "variable":
        patch.delenv("HF_HUB_CACHE")
    if named_by in {"settings", "shared"}:
        made.name_by_settings()
    if named_by == "init":
        made.name_by_init()
    if named_by == "shared":
        made.share()
    return made


def changes(ground: str, disk: str, named_by: str, patch: pytest.MonkeyPatch) -> int:
    """Return how many changes an undisturbed move makes; the real `hf` has no complaint after."""
    measured = project(ground, disk, "measured", named_by, patch)
    done = measured.move()
    measured.refuse_unfinished(done)
    refuse_complaints(measured.new)
    assert (LINKED.format(measured.folder) in done.said) is (named_by in {"variable", "shared"})
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
    first = {"settings": 40, "variable": 140, "init": 90, "shared": 160}[named_by]
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
@pytest.mark.parametrize("named_by", ["init", "shared"])
def test_killed_before_the_last_changes(
    ground: str, disk: str, named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While files are switched, roots written, and the old place is given up."""
    last = changes(ground, disk, named_by, monkeypatch)
    for instant in range(last - 1, last - 400, -7):
        killed_at(ground, disk, instant, named_by, monkeypatch)


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


@pytest.mark.parametrize("named_by", ["settings"])
def test_unfinished_downloads_survive_kills(
    ground: str, disk: str, named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the Hub's clients: whole in one of both places, and in the new one in the end."""
    content = os.urandom(70_000)
    name = "models--org--begun/blobs/" + "d" * 64 + ".incomplete"

    def begun(number: object) -> Project:
        made = project(ground, disk, number, named_by, monkeypatch)
        for repo in glob.glob(f"{made.old}/*--*"):
            shutil.rmtree(repo)
        shutil.rmtree(f"{made.old}/blobs")
        os.makedirs(os.path.dirname(f"{made.old}/{name}"))
        with open(f"{made.old}/{name}", "xb") as file:
            file.write(content)
        return made

    def kept(made: Project) -> list[str]:
        found = [one for one in (made.old, made.new) if os.path.exists(f"{one}/{name}")]
        for one in found:
            with open(f"{one}/{name}", "rb") as file:
                assert file.read() == content, one
        return found

    measured = begun("measured")
    done = measured.move()
    assert (done.code, kept(measured)) == (0, [measured.new]), done
    for instant in range(1, done.changes, 3):
        moved = begun(instant)
        assert moved.move(die_at=instant).code == -signal.SIGKILL
        assert kept(moved), instant
        assert moved.move().code == 0
        assert (kept(moved), moved.named) == ([moved.new], moved.new), instant
        assert not os.path.exists(f"{moved.old}/models--org--begun"), instant
        refuse_remains(moved.folder, partials=(PARTIAL,))
        refuse_remains(os.path.dirname(moved.new), partials=(PARTIAL,))
        moved.forget()
