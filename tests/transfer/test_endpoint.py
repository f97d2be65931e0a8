"""What an endpoint says of a repo is had in bounded time, or told to be lacking; never half."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.refs import read_ref, write_ref
from transfer.faulty_hub import FaultyHub, Repo, faults
from transfer.pulling import (
    LARGE,
    NOISE,
    OTHER,
    QUICK,
    SIZE,
    SMALL,
    TEXT,
    holds,
    published,
    pull,
    repo,
    told,
)

if TYPE_CHECKING:
    import pathlib

    from transfer.faulty_hub.faults import Fault

pytestmark = pytest.mark.usefixtures("short_pauses")
NAME = RepoName("model", "org/name")
MANY = {f"{number:03}.txt": b"%d" % number for number in range(60)}


@pytest.mark.parametrize("route", ["info", "tree"])
@pytest.mark.parametrize(
    "fault",
    [
        faults.silent(),
        faults.silent(0),
        faults.silent(0.5),
        faults.slow(10),
        faults.slow_head(10),
    ],
    ids=["silent", "silent body", "midway", "10 B/s", "headers dripping"],
)
def test_no_answer_for_ever_ends_in_bounded_time(
    tmp_path: pathlib.Path, fault: Fault, route: str
) -> None:
    """Each is a network error, and no file of the cache is there."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(fault, route=route)
        result = pull(tmp_path / "hub", hub.url, bounds=replace(QUICK, listing=1))
    assert told(result) == ("EndpointUnreachable", 4)
    assert time.monotonic() - began < 4
    assert not os.path.exists(tmp_path / "hub")


@pytest.mark.parametrize("fault", [faults.silent(), faults.slow(10), faults.slow_head(10)])
def test_the_next_endpoint_is_asked_then(tmp_path: pathlib.Path, fault: Fault) -> None:
    """And the one that did not answer is asked for no file, as long as the next one has them."""
    with FaultyHub(repo()) as slow, FaultyHub(repo()) as quick:
        slow.add(fault)
        result = pull(tmp_path, slow.url, quick.url, bounds=replace(QUICK, listing=1))
        assert [each.route for each in slow.seen()] == ["info"]
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("route", ["info", "tree"])
def test_a_cut_is_asked_again(tmp_path: pathlib.Path, route: str, tenth: int) -> None:
    """Half a list is no list."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(tenth / 10), route=route, times=1)
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route=route)) == 2


@pytest.mark.parametrize("route", ["info", "tree"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_not_well_twice_is_asked_a_third_time(
    tmp_path: pathlib.Path, route: str, status: int
) -> None:
    """And answers."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.refused(status), route=route, times=2)
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route=route)) == 3


@pytest.mark.parametrize("fault", [faults.too_many(1), faults.rate_limited(1)])
def test_the_pause_that_is_asked_for_is_kept(tmp_path: pathlib.Path, fault: Fault) -> None:
    """429 with Retry-After, or as the Hub says it."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(fault, route="info", times=1)
        assert pull(tmp_path, hub.url, bounds=replace(QUICK, listing=5)).error is None
    assert 1 <= time.monotonic() - began < 4


def test_a_pause_longer_than_our_time_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    """The status is told at once."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(faults.too_many(3600), route="info")
        result = pull(tmp_path, hub.url)
        assert result.error is not None
        assert result.error.message == f"{hub.url} answers with error 429."
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.page(), ("EndpointUnreachable", 4)),
        (faults.gzipped(), ("EndpointUnreachable", 4)),
        (faults.redirect_loop(), ("TransferError", 4)),
        (faults.redirected("file:///etc/passwd"), ("TransferError", 4)),
        (faults.refused(400), ("EndpointUnreachable", 4)),
        (faults.refused(404), ("RepoNotFound", 1)),
    ],
    ids=["page", "gzip", "loop", "file", "400", "404"],
)
@pytest.mark.parametrize("route", ["info", "tree"])
def test_what_is_no_list_is_refused(
    tmp_path: pathlib.Path, route: str, fault: Fault, expected: tuple[str, int]
) -> None:
    """With a sentence, and with nothing written."""
    with FaultyHub(repo()) as hub:
        hub.add(fault, route=route)
        assert told(pull(tmp_path, hub.url)) == expected
    assert published(tmp_path) == set()


@pytest.mark.parametrize("said", [None, {}, [], {"sha": "main"}, {"sha": 5}, {"sha": "../../x"}])
def test_what_is_no_commit_is_refused(tmp_path: pathlib.Path, said: object) -> None:
    """It would be the name of a folder."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.listed(said), route="info")
        assert told(pull(tmp_path, hub.url)) == ("UnsafeListing", 5)
    assert published(tmp_path) == set()


def test_a_renamed_repo_is_found_where_it_is_now(tmp_path: pathlib.Path) -> None:
    """The Hub redirects `gpt2` to `openai-community/gpt2`; the cache keeps the name asked for."""
    new = Repo("org/new", {LARGE: NOISE})
    with FaultyHub(new, renamed={"org/name": "org/new"}) as hub:
        result = pull(tmp_path, hub.url)
    assert result.error is None
    assert holds(tmp_path, new.main, LARGE, NOISE)


def test_all_pages_of_a_list_are_read(tmp_path: pathlib.Path) -> None:
    """Over one connection, however many."""
    with FaultyHub(Repo("org/name", MANY), page=7) as hub:
        result = pull(tmp_path, hub.url)
        assert len(hub.seen(route="tree")) == 9
    assert (result.error, result.files) == (None, 60)


def test_a_link_to_the_next_page_leads_to_the_same_endpoint(tmp_path: pathlib.Path) -> None:
    """Mirrors hand through the links of whom they mirror; nobody else is asked."""

    def elsewhere(_: object, answer: faults.Answer) -> faults.Answer:
        link = answer.headers.get("Link", "")
        return answer.having(link=link.replace(mirror.url, foreign.url)) if link else answer

    with FaultyHub(Repo("org/name", MANY), page=50) as mirror, FaultyHub() as foreign:
        mirror.add(elsewhere, route="tree")
        result = pull(tmp_path, mirror.url)
        assert foreign.seen() == []
    assert (result.error, result.files) == (None, 60)


def test_pages_without_an_end_are_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there are more files than any repo has."""
    monkeypatch.setattr("swarmcache.transfer.endpoint.MAX_FILES", 1000)
    with FaultyHub(repo()) as hub:
        hub.add(faults.endless_pages(), route="tree")
        assert told(pull(tmp_path, hub.url)) == ("UnsafeListing", 5)
        assert len(hub.seen(route="tree")) == 11
    assert published(tmp_path) == set()


def test_a_page_that_is_its_own_next_one_is_refused(tmp_path: pathlib.Path) -> None:
    """At once."""
    with FaultyHub(repo()) as hub:
        hub.add(
            lambda request, answer: answer.having(link=f'<{request.target}>; rel="next"'),
            route="tree",
        )
        assert told(pull(tmp_path, hub.url)) == ("UnsafeListing", 5)
        assert len(hub.seen(route="tree")) == 1


def test_one_page_with_more_files_than_any_repo_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a next page, too."""
    monkeypatch.setattr("swarmcache.transfer.endpoint.MAX_FILES", 59)
    with FaultyHub(Repo("org/name", MANY)) as hub:
        assert told(pull(tmp_path, hub.url)) == ("UnsafeListing", 5)


def test_a_page_larger_than_any_is_given_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr("swarmcache.transfer.endpoint._MAX_PAGE", 10_000)
    with FaultyHub(repo()) as hub:
        hub.add(faults.listed(["x" * 5_000_000]), route="tree")
        assert told(pull(tmp_path, hub.url)) == ("EndpointUnreachable", 4)
        (tree,) = hub.seen(route="tree")
        assert tree.sent < 5_000_000


def test_a_stale_mirror_does_not_turn_a_branch_back(tmp_path: pathlib.Path) -> None:
    """Where the first endpoint is down, another one fills the commit that is known, or nothing."""
    moved = repo()
    old = moved.main
    new = moved.commit({LARGE: OTHER, SMALL: TEXT})
    write_ref(str(tmp_path), NAME, "main", new)
    with FaultyHub(moved.stale()) as mirror:
        result = pull(tmp_path, "http://127.0.0.1:9", mirror.url)
    assert old != new
    assert told(result) == ("EndpointUnreachable", 4)
    assert read_ref(str(tmp_path), NAME, "main") == new


def test_a_stale_mirror_fills_the_commit_that_is_known(tmp_path: pathlib.Path) -> None:
    """Though its own branch is elsewhere."""
    moved = repo()
    old = moved.main
    write_ref(str(tmp_path), NAME, "main", old)
    moved.commit({LARGE: OTHER, SMALL: TEXT})
    with FaultyHub(moved) as mirror:
        result = pull(tmp_path, "http://127.0.0.1:9", mirror.url)
    assert (result.error, result.commit) == (None, old)
    assert holds(tmp_path, old, LARGE, NOISE)
    assert read_ref(str(tmp_path), NAME, "main") == old


def test_a_list_that_no_cache_can_hold_is_told_before_an_endpoint_that_is_down(
    tmp_path: pathlib.Path,
) -> None:
    """Somebody should know."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.listed([None]), route="tree")
        assert told(pull(tmp_path, hub.url, "http://127.0.0.1:9")) == ("UnsafeListing", 5)


def test_bytes_of_a_stale_mirror_serve_the_commit_of_the_first_endpoint(
    tmp_path: pathlib.Path,
) -> None:
    """A file that did not change is at both; one that did comes from the first alone."""
    moved = repo()
    new = moved.commit({LARGE: OTHER, SMALL: TEXT})
    with FaultyHub(moved) as first, FaultyHub(moved.stale()) as mirror:
        first.add(faults.cut(0.5), path=LARGE, times=1)
        result = pull(tmp_path, first.url, mirror.url)
        assert (first.served(LARGE), mirror.served()) == (SIZE, 0)
    assert (result.error, result.commit) == (None, new)
    assert holds(tmp_path, new, LARGE, OTHER)
