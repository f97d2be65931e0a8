"""The list of caches known on this machine: a hint that several processes write, and people may."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.hubcache.registry import forget, known_caches, note, remember

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

MANY = 12


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the list is; it is not there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/swarmcache/caches.toml"


def folders(tmp_path: Path, count: int) -> list[str]:
    """Make caches."""
    found = [os.path.realpath(tmp_path / f"cache-{number}") for number in range(count)]
    for one in found:
        os.mkdir(one)
    return found


def test_the_last_used_is_first_and_what_is_forgotten_is_gone(tmp_path: Path, listed: Path) -> None:
    """A second use moves a cache up; a look does not."""
    first, second, third = folders(tmp_path, 3)
    for one in (first, second, third, second):
        remember(one, Environment.current())
    note(first, Environment.current())
    assert known_caches(Environment.current()) == [second, third, first]
    forget(third, Environment.current())
    assert known_caches(Environment.current()) == [second, first]
    assert [line for line in listed.read_text("utf-8").splitlines() if line] == [
        "[[caches]]",
        f'path = "{second}"',
        "[[caches]]",
        f'path = "{first}"',
    ]


def test_first_looks_at_the_same_moment_are_all_listed(tmp_path: Path, listed: Path) -> None:
    """As of twelve projects that start with the machine."""
    del listed
    caches = folders(tmp_path, MANY)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(MANY)
    processes = [context.Process(target=_look, args=(one, barrier)) for one in caches]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted(known_caches(Environment.current())) == sorted(caches)


def _look(cache: str, barrier: Barrier) -> None:
    barrier.wait(60)
    note(cache, Environment.current())


@pytest.mark.parametrize(
    "text", ["caches = 3", "caches = {path = 3}", "caches = [3]", "[[caches]]\npath = 3", "\0", "="]
)
def test_what_somebody_wrote_there_is_no_list_and_heals(
    tmp_path: Path, listed: Path, text: str
) -> None:
    """It is no error, and the next use writes it anew."""
    listed.parent.mkdir(parents=True)
    listed.write_text(text)
    (cache,) = folders(tmp_path, 1)
    assert known_caches(Environment.current()) == []
    note(cache, Environment.current())
    assert known_caches(Environment.current()) == [cache]
