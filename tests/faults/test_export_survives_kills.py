"""`export` and `import` killed at any instant: nothing half stands under a final name.

Chosen instants: before the n-th change to the disk. Neither changes what it reads from.
"""

from __future__ import annotations

import glob
import json
import os
import random
import shutil
import signal
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cleaning import contents, tree
from faults.bringing import (
    FILES,
    LATER,
    Ended,
    build,
    instants,
    interrupted,
    refuse_complaints,
    refuse_harm,
    refuse_illegal,
    refuse_remains,
    refuse_warnings,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str], None]

pytestmark = pytest.mark.faults
NAMES = ("org/links", "org/links@v1", f"org/links@{LATER}", "org/shared")
ASKED = ["org/links", f"org/links@{LATER}", "org/shared"]
WORKS = ("to a tar", "to a folder", "to a plain folder", "from a tar", "from a folder", "by a pipe")


class Work:
    """One command that reads something and makes something, in a folder of its own."""

    def __init__(self, ground: str, what: str) -> None:
        self.what = what
        self.source = build(f"{ground}/read/hub").path
        self.given = {"from a tar": "x.tar", "by a pipe": "x.tar", "from a folder": "x"}.get(what)
        if self.given:
            done = run(["export", *ASKED, self.given, "--cache-dir", self.source], f"{ground}/read")
            assert done.code == 0, done
            self.given = f"{ground}/read/{self.given}"
        self.before = tree(f"{ground}/read")
        self.read = f"{ground}/read"

    def words(self, folder: str) -> list[str]:
        """Return the command."""
        if self.what == "by a pipe":
            return ["import", "-", "--cache-dir", f"{folder}/dest"]
        if self.given:
            return ["import", self.given, "--cache-dir", f"{folder}/dest"]
        asked = ASKED[:1] if self.what == "to a plain folder" else ASKED
        words = ["export", *asked, self.place(folder), "--cache-dir", self.source]
        return [*words, "--plain"] if self.what == "to a plain folder" else words

    def place(self, folder: str) -> str:
        """Return what it makes."""
        return f"{folder}/dest.tar" if self.what == "to a tar" else f"{folder}/dest"

    @property
    def stdin(self) -> str:
        """What is piped in."""
        return str(self.given) if self.what == "by a pipe" else ""

    def run(
        self,
        folder: str,
        die_at: int = 0,
        after: float | None = None,
        die_of: int = signal.SIGKILL,
    ) -> Ended:
        """Do it, unless it is killed."""
        os.makedirs(folder, exist_ok=True)
        if after is None:
            words = self.words(folder)
            return run(words, folder, die_at=die_at, die_of=die_of, stdin=self.stdin)
        return interrupted(self.words(folder), folder, after, signal.SIGKILL, stdin=self.stdin)

    def refuse_harm(self, folder: str) -> None:
        """Fail where what stands under the final name is not whole, or not legal."""
        place = self.place(folder)
        if self.what == "to a tar":
            if os.path.lexists(place):
                self._refuse_half_a_tar(place)
        elif self.what == "to a plain folder":
            assert not os.path.lexists(place) or contents(place) == FILES["org/links"]
        else:
            refuse_illegal(place)

    def refuse_unfinished(self, folder: str, done: Ended) -> None:
        """Fail unless it has ended well, and left nothing of a killed one."""
        is_there = not self.given and done.code == 3 and "exists already" in done.said
        assert done.code == 0 or is_there, done
        self.refuse_harm(folder)
        place = self.place(folder)
        assert os.path.lexists(place)
        if self.what == "to a plain folder":
            with open(f"{place}.hashes.json") as file:
                assert json.load(file)["files"].keys() == FILES["org/links"].keys()
        elif self.what != "to a tar":
            refuse_harm(place, names=NAMES)
            refuse_warnings(place)
        names = {os.path.basename(place), "dest.hashes.json", "changes", "state"}
        assert set(os.listdir(folder)) <= names
        refuse_remains(folder)

    def refuse_changes(self) -> None:
        """Fail where what was read is not what it was."""
        assert tree(self.read) == self.before

    @staticmethod
    def _refuse_half_a_tar(place: str) -> None:
        with tarfile.open(place) as tar:
            names = tar.getnames()
        assert len([name for name in names if "/refs/" in name]) == 3


def changes(work: Work, ground: str) -> int:
    """Return how many changes it makes undisturbed; the real `hf` has no complaint after."""
    done = work.run(f"{ground}/measured")
    assert done.code == 0, done.out + done.said
    work.refuse_unfinished(f"{ground}/measured", done)
    if work.what not in {"to a tar", "to a plain folder"}:
        refuse_complaints(work.place(f"{ground}/measured"))
    return done.changes


def killed_at(work: Work, folder: str, instant: int) -> None:
    """Kill one there, and let a rerun finish."""
    died = work.run(folder, die_at=instant)
    assert died.code == -signal.SIGKILL, (instant, died)
    work.refuse_harm(folder)
    work.refuse_unfinished(folder, work.run(folder))
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", WORKS)
def test_killed_before_some_changes(ground: str, what: str) -> None:
    """Eight of them, spread over all."""
    work = Work(ground, what)
    count = changes(work, ground)
    for instant in range(1, count, max(1, count // 8)):
        killed_at(work, f"{ground}/{instant}", instant)
    work.refuse_changes()


@pytest.mark.parametrize("what", ["to a tar", "to a plain folder", "from a tar", "by a pipe"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_before_some_changes(ground: str, what: str, number: signal.Signals) -> None:
    """Unlike a killed one it leaves nothing for the next to take away."""
    work = Work(ground, what)
    count = changes(work, ground)
    for instant in (2, count // 4, count // 2):
        folder = f"{ground}/{instant}"
        assert work.run(folder, die_at=instant, die_of=number).code == 128 + number
        for one in glob.glob(f"{folder}/**/partial/new-*", recursive=True, include_hidden=True):
            with suppress(OSError):  # Perhaps it was being removed just then: it is empty.
                os.rmdir(one)
        refuse_remains(folder)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", WORKS)
def test_killed_before_each_change(ground: str, what: str) -> None:
    """All of them."""
    work = Work(ground, what)
    for instant in range(1, changes(work, ground)):
        killed_at(work, f"{ground}/{instant}", instant)
    work.refuse_changes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", WORKS)
def test_killed_at_random_instants(ground: str, what: str) -> None:
    """Two hundred exports and two hundred imports are killed, over the time that one takes."""
    work = Work(ground, what)
    chance, kills = random.Random(what), 0
    seconds = work.run(f"{ground}/measured").seconds
    while kills < 67:
        folder, spans = f"{ground}/{kills}", instants(chance, seconds)
        while (done := work.run(folder, after=next(spans))).code < 0:
            kills += 1
            work.refuse_harm(folder)
        work.refuse_unfinished(folder, done)
        shutil.rmtree(folder)
    work.refuse_changes()
