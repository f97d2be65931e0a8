"""A commit by its first digits, as swarmcache itself prints them: every verb takes them."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

import swarmcache
from cachemaker import CacheMaker
from cleaning import model
from swarmcache.cli import main
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import in_full, read_ref
from swarmcache.lockfile import read_lock
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

ONES, OTHER = "1" * 40, "1" * 12 + "2" * 28
SHORT = "1" * 12
NAME = f"org/a@{SHORT}"


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """A cache with a revision that no ref names, and without a network."""
    made = CacheMaker(tmp_path / "hub")
    made.repo("org/a", model(1), commit=ONES, refs=())
    made.repo("org/a", model(2), commit="2" * 40)
    monkeypatch.setenv("HF_HUB_CACHE", made.path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return made


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    """An endpoint that knows whole commits and refs, as the Hub does."""
    served = CacheMaker(tmp_path / "served")
    served.repo("org/a", model(1), commit=ONES, refs=())
    served.repo("org/a", model(2), commit="2" * 40)
    with running([served.path]) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint.url)
        yield endpoint


def lacks_weights(maker: CacheMaker) -> None:
    """Let the revision that no ref names be incomplete."""
    os.unlink(f"{maker.folder('org/a')}/snapshots/{ONES}/model.safetensors")


def snapshots(cache: str) -> set[str]:
    return set(os.listdir(f"{cache}/models--org--a/snapshots"))


@pytest.mark.parametrize("short", [SHORT, "1" * 7, "1" * 39])
@pytest.mark.parametrize("verb", ["check", "verify"])
def test_what_is_cached_is_found_by_its_first_digits(
    maker: CacheMaker, verb: str, short: str
) -> None:
    assert main([verb, f"org/a@{short}"]) == 0


@pytest.mark.parametrize("short", ["1" * 6, "1" * 41, "3" * 12, "zzzzzzzzzzzz"])
def test_what_is_no_beginning_of_a_cached_commit_is_not(
    maker: CacheMaker, short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"org/a@{short}"]) == 1
    assert f"No revision {short} is cached; cached: {SHORT}, main." in capsys.readouterr().out


def test_a_ref_of_that_name_wins(maker: CacheMaker) -> None:
    maker.repo("org/a", model(3), commit="3" * 40, refs=(SHORT,))

    assert swarmcache.check(NAME).commit == "3" * 40
    assert in_full(parse_target(NAME), maker.path) == parse_target(NAME)


@pytest.mark.parametrize("verb", [["check"], ["verify"], ["clean", "--yes"]])
def test_of_several_commits_that_begin_so_none_is_taken_and_all_are_told(
    maker: CacheMaker, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    maker.repo("org/a", model(3), commit=OTHER, refs=())

    assert main([*verb, NAME]) == 1
    said = capsys.readouterr()
    assert f"{ONES}, {OTHER}" in said.out + said.err
    assert snapshots(maker.path) == {ONES, OTHER, "2" * 40}


@pytest.mark.parametrize("dest", ["new", "new.tar"])
def test_export_takes_that_revision_alone(maker: CacheMaker, tmp_path: Path, dest: str) -> None:
    place = str(tmp_path / "new")

    assert main(["export", NAME, str(tmp_path / dest)]) == 0
    if dest != "new":
        assert main(["import", str(tmp_path / dest), "--cache-dir", place]) == 0
    assert snapshots(place) == {ONES}
    assert not os.path.exists(f"{place}/models--org--a/refs")


def test_clean_takes_that_revision_alone(maker: CacheMaker) -> None:
    assert main(["clean", NAME, "--yes"]) == 0
    assert snapshots(maker.path) == {"2" * 40}


def test_a_lock_gets_the_whole_commit_and_pins_both_names(
    maker: CacheMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", NAME, "--yes"]) == 0
    lock = read_lock(str(tmp_path / "project"))
    assert lock is not None
    assert [(pin.revision, pin.commit) for pin in lock.models] == [(ONES, ONES)]

    capsys.readouterr()
    assert main(["check", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["locked"]
    assert main(["lock", "--check", NAME]) == 0


def test_a_complete_one_is_neither_pulled_nor_made_a_ref(maker: CacheMaker) -> None:
    assert main(["pull", NAME]) == 0
    assert main(["run", "--offline", "--model", NAME, "--", sys.executable, "-c", ""]) == 0
    assert read_ref(maker.path, parse_target(NAME).name, SHORT) is None


@pytest.mark.parametrize("verb", [["pull", NAME], ["run", "--model", NAME, "--", "true"]])
def test_the_hub_is_asked_for_the_whole_commit(
    maker: CacheMaker, hub: RunningHub, verb: list[str]
) -> None:
    lacks_weights(maker)

    assert main(verb) == 0
    assert swarmcache.check(NAME).state == "complete"
    assert os.listdir(f"{maker.folder('org/a')}/refs") == ["main"]


def test_ensure_fetches_the_whole_commit(maker: CacheMaker, hub: RunningHub) -> None:
    lacks_weights(maker)

    assert os.path.basename(swarmcache.ensure(NAME)) == ONES


def test_what_is_not_cached_is_told_to_need_all_its_digits(
    tmp_path: Path, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", NAME, "--cache-dir", str(tmp_path / "empty")]) == 1
    assert "needs all its 40 digits" in capsys.readouterr().out


def test_the_next_step_of_verify_names_the_revision(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", "org/a@v9"])
    assert "swarmcache pull org/a@v9" in capsys.readouterr().err

    with open(f"{maker.folder('org/a')}/snapshots/{ONES}/model.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    main(["verify", NAME])
    assert f"swarmcache verify --repair {NAME}\n" in capsys.readouterr().err
    main(["verify", "--all"])
    assert f"swarmcache verify --repair {NAME}\n" in capsys.readouterr().err
    main(["verify", "org/a@main"])
    assert "swarmcache verify --repair" not in capsys.readouterr().err
