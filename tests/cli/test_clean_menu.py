"""`swarmcache clean` without a word: what takes the space, a choice, and one question."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model, named
from processes import Screen
from swarmcache.cli.clean_menu import wished
from swarmcache.environment import Environment
from swarmcache.plans.clean import LEFTOVER_KINDS, Pin, Wishes
from swarmcache.plans.clean.offers import survey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.plans.clean.offers import Offers

DAY = 86400.0
ALL = frozenset(LEFTOVER_KINDS)


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """A large model that was not used for 50 days, a small one with all that may go besides."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    made = CacheMaker(tmp_path / "hub")
    made.repo("org/large", model(1, **{"more.dat": b"m" * 900_000}))
    made.repo("org/small", model(2, **{"pytorch_model.bin": b"p" * 90_000}))
    made.repo("org/small", model(3, **{"d.dat": b"d" * 50_000}), commit="2" * 40, refs=())
    orphan = f"{made.folder('org/small')}/blobs/{'a' * 64}"
    with open(orphan, "wb") as file:
        file.write(b"o" * 20_000)
    os.utime(orphan, (0, 0))
    for folder, _, files in os.walk(f"{made.folder('org/large')}/blobs"):
        for name in files:
            os.utime(f"{folder}/{name}", (time.time() - 50 * DAY,) * 2)
    return made


def look(maker: CacheMaker, *pins: Pin, budget: int | None = None) -> Offers:
    """Return what is offered."""
    return survey(maker.path, Environment.current(), pins=pins, budget=budget)


def test_what_takes_the_space_is_told_by_the_file_systems_count(maker: CacheMaker) -> None:
    """The largest first, with its last use; the sum is what the cache holds on disk."""
    offers = look(maker)
    assert [held.repo.id for held in offers.repos] == ["org/large", "org/small"]
    assert offers.held_bytes == sum(inodes(maker.path).values())
    assert sum(held.bytes for held in offers.repos) == offers.held_bytes
    assert 49 < (time.time() - offers.repos[0].last_used) / DAY < 51
    assert abs(time.time() - offers.repos[0].since) < 600
    assert offers.leftovers == {"orphan": 20_480}


def test_each_choice_frees_what_it_says(maker: CacheMaker) -> None:
    """Only choices that free something are offered, the least harm first."""
    offers = {offer.kind: offer.freed_bytes for offer in look(maker).offers}
    assert list(offers) == ["leftovers", "repeated", "detached", "unused", "all"]
    assert offers["leftovers"] == 20_480
    assert offers["repeated"] == 90_112
    assert offers["detached"] > 50_000
    assert offers["unused"] > 900_000
    assert offers["all"] == sum(inodes(maker.path).values())


def test_a_budget_is_offered_where_it_is_missed(maker: CacheMaker) -> None:
    """As one more choice."""
    assert "budget" not in [offer.kind for offer in look(maker, budget=10**9).offers]
    offers = {offer.kind: offer for offer in look(maker, budget=10**6).offers}
    assert offers["budget"].wishes == Wishes(budget=10**6)


def test_what_stays_has_its_reason(maker: CacheMaker) -> None:
    """A pinned model."""
    offers = look(maker, Pin(named("org/large").repo, "main", "the settings pin it"))
    assert [held.kept for held in offers.repos] == ["the settings pin it", ""]
    assert "unused" not in [offer.kind for offer in offers.offers]


@pytest.mark.parametrize(
    ("answer", "wishes"),
    [
        ("1", Wishes(models=(named("org/large"),))),
        ("2, 1", Wishes(models=(named("org/small"), named("org/large")))),
        ("1-2", Wishes(models=(named("org/large"), named("org/small")))),
        (" 2、L ", Wishes(models=(named("org/small"),), leftovers=ALL)),
        ("l", Wishes(leftovers=ALL)),
        ("d", Wishes(everything=True, detached=True)),
        ("d l", Wishes(everything=True, detached=True, leftovers=ALL)),
        ("u", Wishes(everything=True, older_than=30 * DAY)),
        ("a", Wishes(everything=True, leftovers=ALL)),
    ],
)
def test_an_answer_is_a_wish(maker: CacheMaker, answer: str, wishes: Wishes) -> None:
    """Numbers, ranges, a letter; `l` goes with any."""
    assert wished(answer, look(maker)) == wishes


@pytest.mark.parametrize("answer", ["0", "3", "2-1", "1-3", "x", "1 d", "d u", "b", "-1", "٣"])
def test_an_answer_that_means_nothing_is_refused(maker: CacheMaker, answer: str) -> None:
    """With a sentence; nothing is guessed."""
    with pytest.raises(ValueError, match=r"none of the choices|One of these at a time"):
        wished(answer, look(maker))


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    opened: list[Screen] = []
    yield opened
    for screen in opened:
        screen.close()


def start(maker: CacheMaker, screens: list[Screen], *words: str) -> Screen:
    """Type `swarmcache clean` on a terminal, in Chinese."""
    command = [sys.executable, "-m", "swarmcache", "clean", *words, "--cache-dir", maker.path]
    screens.append(Screen(command, {**os.environ, "SWARMCACHE_LANG": "zh_CN", "TERM": "dumb"}))
    return screens[-1]


def test_one_chooses_sees_the_plan_and_is_asked(maker: CacheMaker, screens: list[Screen]) -> None:
    """In the original report's words; a wrong answer is asked again."""
    screen = start(maker, screens)
    shown = screen.wait_for("直接回车则不清理： ")
    assert "50 天前" in shown
    assert "残留：没有修订版本使用的 blob 20.5 kB" in shown
    screen.type("9\n")
    screen.wait_for("9 不在可选项中。")
    screen.wait_for("直接回车则不清理： ")
    screen.type("1\n")
    assert "将清理：org/large（全部）" in screen.wait_for("是否清理模型缓存? [y/N] ")
    screen.type("y\n")
    assert os.waitstatus_to_exitcode(screen.ending()) == 0
    assert not os.path.exists(maker.folder("org/large"))
    assert os.path.exists(maker.folder("org/small"))


@pytest.mark.parametrize(("keys", "code"), [("\n", 1), ("\x03", 130), ("\x04", 130)])
def test_enter_and_interrupts_change_nothing(
    maker: CacheMaker, screens: list[Screen], keys: str, code: int
) -> None:
    """At the choice, as at the question."""
    before = inodes(maker.path)
    screen = start(maker, screens)
    screen.wait_for("直接回车则不清理： ")
    screen.type(keys)
    assert os.waitstatus_to_exitcode(screen.ending()) == code
    assert inodes(maker.path) == before


def test_a_dry_run_shows_the_plan_of_the_choice(maker: CacheMaker, screens: list[Screen]) -> None:
    """And asks nothing more."""
    before = inodes(maker.path)
    screen = start(maker, screens, "--dry-run")
    screen.wait_for("直接回车则不清理： ")
    screen.type("a\n")
    screen.wait_for("将清理：org/large（全部）")
    assert os.waitstatus_to_exitcode(screen.ending()) == 0
    assert inodes(maker.path) == before


def test_with_no_terminal_there_is_no_menu(maker: CacheMaker) -> None:
    """A pipe gets the usage error, whatever it would answer."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", "clean", "--cache-dir", maker.path],
        input="a\ny\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Name what is to go" in done.stderr
