"""Bytes are taken from this machine first, then from the endpoints in their order; right ones."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.plans.pull.wishes import Wishes
from swarmcache.transfer.hub import Hub
from transfer.faulty_hub import FaultyHub, Noise, Repo, faults
from transfer.pulling import (
    LARGE,
    NOISE,
    OTHER,
    QUICK,
    SIZE,
    SMALL,
    TEXT,
    blob,
    holds,
    pull,
    repo,
    told,
    whole,
)

if TYPE_CHECKING:
    import pathlib

    from transfer.faulty_hub.faults import Fault

pytestmark = pytest.mark.usefixtures("short_pauses")
ALL = SIZE + len(TEXT)


def flip(path: pathlib.Path, at: int) -> None:
    """Change one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_a_cache_known_on_this_machine_is_taken_from(tmp_path: pathlib.Path) -> None:
    """The second cache costs a list, and no byte of a file."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        result = pull(tmp_path / "2", hub.url)
        assert hub.served() == ALL
    assert (result.downloaded_bytes, result.linked_bytes, result.error) == (0, ALL, None)
    assert result.source == str(tmp_path / "1" / blob(NOISE))
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)


def test_a_tier_is_copied_from_before_other_caches(tmp_path: pathlib.Path) -> None:
    """It is what settings name first; it is not written to."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "tier", hub.url)
        pull(tmp_path / "known", hub.url)
        before = sorted(os.walk(tmp_path / "tier"))
        result = pull(tmp_path / "mine", hub.url, tiers=[str(tmp_path / "tier")])
        assert hub.served() == ALL
    assert result.source == str(tmp_path / "tier" / blob(NOISE))
    assert sorted(os.walk(tmp_path / "tier")) == before


def test_content_of_another_repo_here_is_not_fetched_again(tmp_path: pathlib.Path) -> None:
    """Equal bytes are equal, whatever repo they came with."""
    same = Repo("org/other", {"weights.bin": NOISE})
    with FaultyHub(repo(), same) as hub:
        pull(tmp_path, hub.url)
        result = pull(tmp_path, hub.url, target="org/other")
        assert hub.served() == ALL
    assert (result.error, result.downloaded_bytes, result.linked_bytes) == (None, 0, SIZE)


@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE - 1])
def test_a_corrupt_copy_is_struck_and_the_endpoint_asked(tmp_path: pathlib.Path, at: int) -> None:
    """It has the right name and size; its hash tells, and it is left as it is."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        flip(tmp_path / "1" / blob(NOISE), at)
        result = pull(tmp_path / "2", hub.url)
        assert hub.served(LARGE) == 2 * SIZE
    assert (result.error, result.downloaded_bytes) == (None, SIZE)
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)
    assert not holds(tmp_path / "1", result.commit or "", LARGE, NOISE)


def test_a_corrupt_copy_is_struck_and_the_next_copy_taken(tmp_path: pathlib.Path) -> None:
    """Before any endpoint."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        shutil.copytree(tmp_path / "1", tmp_path / "2", symlinks=True)
        pull(tmp_path / "2", hub.url)
        flip(tmp_path / "1" / blob(NOISE), 5)
        result = pull(tmp_path / "3", hub.url, tiers=[str(tmp_path / "1")])
        assert hub.served() == ALL
    assert (result.error, result.downloaded_bytes) == (None, 0)
    assert holds(tmp_path / "3", result.commit or "", LARGE, NOISE)


def test_a_truncated_copy_is_none(tmp_path: pathlib.Path) -> None:
    """Its size tells before it is read."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        os.truncate(tmp_path / "1" / blob(NOISE), SIZE - 1)
        result = pull(tmp_path / "2", hub.url)
    assert (result.error, result.downloaded_bytes) == (None, SIZE)
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)


def test_a_copy_that_goes_meanwhile_is_replaced_by_the_endpoint(tmp_path: pathlib.Path) -> None:
    """A plan is no promise of others."""
    with FaultyHub(repo()) as server:
        pull(tmp_path / "1", server.url)
        with Hub([server.url], Environment.current(), bounds=QUICK) as hub:
            wishes = Wishes(all_files=True)
            plan = plan_pull([parse_target("org/name")], str(tmp_path / "2"), hub, wishes=wishes)
            assert plan.models[0].nearby_bytes == ALL
            shutil.rmtree(tmp_path / "1")
            (result,) = apply_pull(plan, hub)
    assert (result.error, result.downloaded_bytes) == (None, ALL)


@pytest.mark.parametrize(
    "fault",
    [
        faults.silent(),
        faults.silent(0.5),
        faults.slow(1),
        faults.slow_head(10),
        faults.cut(0.001),
        faults.refused(404),
        faults.refused(403),
        faults.refused(503),
        faults.too_many(300),
        faults.wrong_bytes(),
        faults.wrong_length(5),
        faults.redirect_loop(),
        faults.redirected("ftp://127.0.0.1/x"),
        faults.gzipped(),
        faults.page(),
        faults.other(OTHER),
    ],
    ids=[
        "silent", "midway", "slow", "headers dripping", "cut", "404", "403", "503", "429", "wrong",
        "length", "loop", "ftp", "gzip", "page", "other",
    ],
)  # fmt: skip
def test_the_next_endpoint_is_asked_for_what_the_first_does_not_give(
    tmp_path: pathlib.Path, fault: Fault
) -> None:
    """Whatever is the matter; what of it is right is kept, and the whole is proven."""
    with FaultyHub(repo()) as first, FaultyHub(repo()) as second:
        first.add(fault, path=LARGE)
        result = pull(tmp_path, first.url, second.url)
        assert second.served(LARGE) <= SIZE
    assert result.error is None
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_an_endpoint_that_gave_no_file_is_asked_last_from_then_on(tmp_path: pathlib.Path) -> None:
    """Not each of a hundred files waits for it."""
    files = {f"{number}.bin": whole(Noise(1000, seed=number)) for number in range(100)}
    both = Repo("org/name", files)
    with FaultyHub(both) as first, FaultyHub(both) as second:
        first.add(faults.refused(503), route="resolve")
        assert pull(tmp_path, first.url, second.url).error is None
        assert len(second.seen(route="resolve")) == 100
        assert len(first.seen(route="resolve")) <= 2 * 16


def test_what_failed_worst_is_told_when_nobody_has_it(tmp_path: pathlib.Path) -> None:
    """Wrong bytes weigh more than an endpoint that is down."""
    with FaultyHub(repo()) as first, FaultyHub(repo()) as second:
        first.add(faults.wrong_bytes(), path=LARGE)
        second.add(faults.refused(503), path=LARGE)
        assert told(pull(tmp_path, first.url, second.url)) == ("WrongBytes", 5)


def test_a_file_that_nobody_gives_keeps_the_others(tmp_path: pathlib.Path) -> None:
    """The next pull fetches only that one."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.refused(404), path=LARGE)
        assert told(pull(tmp_path, hub.url)) == ("RepoNotFound", 1)
        hub.mend()
        assert pull(tmp_path, hub.url).error is None
        assert (hub.served(SMALL), hub.served(LARGE)) == (len(TEXT), SIZE)
