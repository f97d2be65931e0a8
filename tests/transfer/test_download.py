"""Bytes come through whatever goes wrong on their way, or are refused; none are seen half."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.refs import read_ref
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
    published,
    pull,
    repo,
    told,
    whole,
)

if TYPE_CHECKING:
    import pathlib

    from transfer.faulty_hub.faults import Fault

pytestmark = pytest.mark.usefixtures("short_pauses")
NAME = RepoName("model", "org/name")
LONG = "9" * 5000


def refused(cache: pathlib.Path, hub: FaultyHub) -> tuple[str, int]:
    """Pull, and return the refusal: of what is wrong, nothing is visible."""
    result = pull(cache, hub.url)
    assert not any(LARGE in path or "refs" in path for path in published(cache))
    assert blob(NOISE) not in published(cache)
    return told(result)


def test_every_file_arrives(tmp_path: pathlib.Path) -> None:
    """With an honest Hub each byte is served once, and the ref is there."""
    with FaultyHub(repo()) as hub:
        result = pull(tmp_path, hub.url)
        assert hub.served() == SIZE + len(TEXT)
    assert (result.error, result.downloaded_bytes) == (None, SIZE + len(TEXT))
    assert holds(tmp_path, hub.honest.repos[0].main, LARGE, NOISE)
    assert holds(tmp_path, hub.honest.repos[0].main, SMALL, TEXT)
    assert read_ref(str(tmp_path), NAME, "main") == hub.honest.repos[0].main


@pytest.mark.parametrize("cdn", [False, True])
@pytest.mark.parametrize("tenth", range(11))
def test_a_cut_costs_no_byte(tmp_path: pathlib.Path, tenth: int, cdn: bool) -> None:
    """It goes on with exactly those that are missing."""
    with FaultyHub(repo(), cdn=cdn) as hub:
        hub.add(faults.cut(tenth / 10), path=LARGE, route="cdn" if cdn else "resolve", times=1)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE
        assert len(hub.seen(path=LARGE, route="cdn" if cdn else "resolve")) == 2
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert result.downloaded_bytes == SIZE + len(TEXT)


def test_a_cut_at_each_tenth_one_after_the_other_costs_no_byte(tmp_path: pathlib.Path) -> None:
    """However often, as long as some bytes come each time."""
    with FaultyHub(repo()) as hub:
        for _ in range(8):
            hub.add(faults.cut(0.3), path=LARGE, times=1, skip=0)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_reset_costs_at_most_what_was_on_the_way(tmp_path: pathlib.Path) -> None:
    """A reset throws away what the client has not read yet: no more than socket buffers hold."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5, reset=True), path=LARGE, times=1)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) <= 1.5 * SIZE
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


@pytest.mark.parametrize(
    ("fraction", "lost"), [(None, 0), (0, 0), (0.5, 2**18)], ids=["head", "body", "midway"]
)
def test_silence_is_ended_and_gone_on_from(
    tmp_path: pathlib.Path, fraction: float | None, lost: int
) -> None:
    """Before the headers, after them, midway: the next request fetches what was not yet read."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(faults.silent(fraction), path=LARGE, times=1)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) <= SIZE + lost
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "fault",
    [faults.silent(), faults.silent(0), faults.slow(1), faults.slow_head(20)],
    ids=["silent", "silent body", "1 B/s", "headers dripping"],
)
def test_no_progress_for_ever_ends_in_bounded_time(tmp_path: pathlib.Path, fault: Fault) -> None:
    """It is a network error, whether no byte comes or ever another one."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(fault, path=LARGE)
        result = pull(tmp_path, hub.url, bounds=replace(QUICK, attempts=2))
    assert told(result) == ("EndpointUnreachable", 4)
    assert time.monotonic() - began < 8
    assert blob(NOISE) not in published(tmp_path)


@pytest.mark.parametrize("more", [-1000, -1, 1, 1000])
def test_a_wrong_length_is_refused(tmp_path: pathlib.Path, more: int) -> None:
    """What announces another size than the listing is not the file."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.wrong_length(more), path=LARGE)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


@pytest.mark.parametrize("more", [-1000, 1000])
def test_a_wrong_length_of_a_part_loses_nothing(tmp_path: pathlib.Path, more: int) -> None:
    """A range that promises more or less than it says to be is taken for what it brings."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.wrong_length(more), path=LARGE, skip=1, times=1)
        result = pull(tmp_path, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


@pytest.mark.parametrize("path", [LARGE, SMALL])
def test_wrong_bytes_of_the_right_size_are_refused(tmp_path: pathlib.Path, path: str) -> None:
    """By their hash, LFS's and git's alike; and nobody gets to see them."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.wrong_bytes(), path=path)
        result = pull(tmp_path, hub.url)
    assert told(result) == ("WrongBytes", 5)
    assert not any("snapshots" in name or "refs" in name for name in published(tmp_path))
    assert len([name for name in published(tmp_path) if "blobs" in name]) == 1


@pytest.mark.parametrize("path", [LARGE, SMALL])
def test_the_next_endpoint_supplies_what_the_first_has_wrong(
    tmp_path: pathlib.Path, path: str
) -> None:
    """The hash is the first's, the bytes the second's."""
    with FaultyHub(repo()) as wrong, FaultyHub(repo()) as right:
        wrong.add(faults.wrong_bytes(), path=path)
        result = pull(tmp_path, wrong.url, right.url)
        assert right.served(path) == (SIZE if path == LARGE else len(TEXT))
    assert result.error is None
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert holds(tmp_path, result.commit or "", SMALL, TEXT)


def test_the_whole_file_where_a_part_was_asked_for(tmp_path: pathlib.Path) -> None:
    """200 instead of 206: what is there already is read over, and not counted twice."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.whole_file(), path=LARGE, skip=1)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE // 2 + SIZE
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert result.downloaded_bytes == SIZE + len(TEXT)


@pytest.mark.parametrize(
    "said",
    ["bytes 9-5/3000000", "bytes 1500000-5/3000000", "pages 1-2/3", f"bytes {LONG}-{LONG}/*"],
)
def test_a_senseless_content_range_is_refused(tmp_path: pathlib.Path, said: str) -> None:
    """It is no reason to ask for ever."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.headers(content_range=said), path=LARGE, skip=1)
        assert refused(tmp_path, hub)[1] in {4, 5}
        assert len(hub.seen(path=LARGE)) == 2


@pytest.mark.parametrize("by", [1, -1])
def test_a_shifted_range_is_refused(tmp_path: pathlib.Path, by: int) -> None:
    """Bytes that were not asked for have no place."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.shifted_range(by), path=LARGE, skip=1)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


def test_shorter_ranges_than_asked_for_are_taken_in_turn(tmp_path: pathlib.Path) -> None:
    """A server may send less (RFC 9110, 15.3.7); without a pause between two."""

    def at_most_a_megabyte(_: object, answer: faults.Answer) -> faults.Answer:
        stop = min(answer.stop, answer.start + 1_000_000)
        said = f"bytes {answer.start}-{stop - 1}/{SIZE}"
        return replace(answer, status=206, stop=stop).having(
            content_length=str(stop - answer.start), content_range=said
        )

    with FaultyHub(repo()) as hub:
        hub.add(at_most_a_megabyte, path=LARGE)
        result = pull(tmp_path, hub.url)
        assert (hub.served(LARGE), len(hub.seen(path=LARGE))) == (SIZE, 3)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_ranges_of_one_byte_each_are_no_progress(tmp_path: pathlib.Path) -> None:
    """Nobody fetches a model with three million requests."""

    def one_byte(_: object, answer: faults.Answer) -> faults.Answer:
        said = f"bytes {answer.start}-{answer.start}/{SIZE}"
        short = replace(answer, status=206, stop=answer.start + 1)
        return short.having(content_length="1", content_range=said)

    with FaultyHub(repo()) as hub:
        hub.add(one_byte, path=LARGE)
        assert refused(tmp_path, hub) == ("EndpointUnreachable", 4)
        assert len(hub.seen(path=LARGE)) == QUICK.attempts


def test_416_is_refused(tmp_path: pathlib.Path) -> None:
    """The file there ends before ours does."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.range_refused(), path=LARGE, skip=1)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


@pytest.mark.parametrize("fault", [faults.too_many(1), faults.rate_limited(1)])
def test_the_pause_that_is_asked_for_is_kept(tmp_path: pathlib.Path, fault: Fault) -> None:
    """429 with Retry-After, or as the Hub says it."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(fault, path=LARGE, times=1)
        result = pull(tmp_path, hub.url)
        assert len(hub.seen(path=LARGE)) == 2
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert 1 <= time.monotonic() - began < 4


def test_a_date_to_retry_after_is_waited_for(tmp_path: pathlib.Path) -> None:
    """In whole seconds, so two of them are at least one."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(faults.too_many(formatdate(time.time() + 2, usegmt=True)), path=LARGE, times=1)
        assert pull(tmp_path, hub.url).error is None
    assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("text", ["soon", "Wed, 99 Foo 2099", "Wed, 21 Oct 1999 07:28:00 GMT"])
def test_no_date_and_a_past_one_hold_nobody_up(tmp_path: pathlib.Path, text: str) -> None:
    with FaultyHub(repo()) as hub:
        hub.add(faults.too_many(text), path=LARGE, times=1)
        assert pull(tmp_path, hub.url).error is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_is_not_well_twice_is_asked_a_third_time(
    tmp_path: pathlib.Path, status: int
) -> None:
    """And the file comes."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.refused(status), path=LARGE, times=2)
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(path=LARGE)) == 3


def test_a_server_that_is_never_well_is_given_up(tmp_path: pathlib.Path) -> None:
    """After as many tries as the bounds say."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.refused(503), path=LARGE)
        assert refused(tmp_path, hub) == ("EndpointUnreachable", 4)
        assert len(hub.seen(path=LARGE)) == QUICK.attempts


def test_a_file_that_changes_midway_is_never_spliced(tmp_path: pathlib.Path) -> None:
    """The Hub itself says that it has another one now: no byte of it is taken."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.other(OTHER), path=LARGE, skip=1)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


def test_a_storage_whose_file_changes_midway_is_never_spliced(tmp_path: pathlib.Path) -> None:
    """By its hash, where nobody says a word."""
    with FaultyHub(repo(), cdn=True) as hub:
        hub.add(faults.cut(0.5), path=LARGE, route="cdn", times=1)

        def silently_other(_: object, answer: faults.Answer) -> faults.Answer:
            return replace(answer, content=OTHER)

        hub.add(silently_other, path=LARGE, route="cdn", skip=1)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


def test_a_new_name_for_the_bytes_midway_drops_the_old_ones(tmp_path: pathlib.Path) -> None:
    """An ETag that changes may mean other bytes, so all are fetched under the new one."""
    with FaultyHub(repo(), cdn=True) as hub:
        hub.add(faults.cut(0.5), path=LARGE, route="cdn", times=1)
        hub.add(faults.headers(etag='"new"'), path=LARGE, route="cdn", skip=1)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE // 2 + SIZE // 2 + SIZE
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_new_name_in_each_answer_is_seen_through(tmp_path: pathlib.Path) -> None:
    """Then the hash alone decides, and it ends."""
    names = (f'"{number}"' for number in itertools.count())
    with FaultyHub(repo(), cdn=True) as hub:
        hub.add(lambda _, answer: answer.having(etag=next(names)), route="cdn")
        hub.add(faults.cut(0.4), path=LARGE, route="cdn", times=8)
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) <= 3 * SIZE
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_branch_that_moves_midway_changes_nothing(tmp_path: pathlib.Path) -> None:
    """The pull stays with the commit that it planned."""
    moving = repo()
    planned = moving.main
    with FaultyHub(moving) as hub:
        new = faults.then(lambda: moving.commit({LARGE: OTHER, SMALL: b"new"}))
        hub.add(new, route="resolve", times=1)
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        result = pull(tmp_path, hub.url)
    assert moving.main != planned
    assert (result.error, result.commit) == (None, planned)
    assert holds(tmp_path, planned, LARGE, NOISE)
    assert read_ref(str(tmp_path), NAME, "main") == planned


@pytest.mark.parametrize(
    "fault",
    [
        faults.redirect_loop(),
        faults.redirected("ftp://127.0.0.1/x"),
        faults.redirected("file:///etc/passwd"),
        faults.redirected("http://[::bad/x"),
        faults.redirected("http://127.0.0.1:99999/x"),
        faults.redirected("javascript:alert(1)"),
    ],
    ids=["loop", "ftp", "file", "no address", "no port", "no web"],
)
def test_redirects_that_lead_nowhere_are_refused(tmp_path: pathlib.Path, fault: Fault) -> None:
    """At once, and with a sentence."""
    with FaultyHub(repo()) as hub:
        hub.add(fault, path=LARGE)
        assert refused(tmp_path, hub) == ("TransferError", 4)
        assert len(hub.seen(path=LARGE)) <= 6


def test_a_redirect_in_unescaped_letters_is_followed(tmp_path: pathlib.Path) -> None:
    """As browsers do: servers write names with accents and spaces there."""
    with FaultyHub(repo()) as hub:
        there = f"/org/name/resolve/main/{LARGE}?name=\u00e9 b"
        hub.add(faults.redirected(there), path=LARGE, times=1)
        assert pull(tmp_path, hub.url).error is None
        (_, followed) = hub.seen(path=LARGE)
    assert followed.target.endswith("?name=%E9%20b")


@pytest.mark.parametrize("labelled", [True, False])
def test_gzip_where_identity_was_asked_for_is_refused(
    tmp_path: pathlib.Path, labelled: bool
) -> None:
    """With or without saying so."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.gzipped(labelled=labelled), path=LARGE)
        assert refused(tmp_path, hub) == ("WrongBytes", 5)


@pytest.mark.parametrize("path", [LARGE, SMALL])
def test_no_length_is_no_obstacle(tmp_path: pathlib.Path, path: str) -> None:
    """The listing tells it."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.no_length(), path=path)
        result = pull(tmp_path, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert holds(tmp_path, result.commit or "", SMALL, TEXT)


def test_more_than_the_whole_without_a_length_is_not_taken(tmp_path: pathlib.Path) -> None:
    """Bytes behind the end are no part of the file, which is proven without them."""
    longer = Noise(SIZE + 1, seed=1)
    with FaultyHub(repo()) as hub:
        hub.add(lambda _, answer: answer.holding(longer), path=LARGE)
        hub.add(faults.headers(x_linked_size=None), path=LARGE)
        hub.add(faults.no_length(), path=LARGE)
        result = pull(tmp_path, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_more_than_the_whole_without_a_length_or_a_hash_is_refused(tmp_path: pathlib.Path) -> None:
    """Nothing but its end could tell that it is another file."""
    odd = Repo("org/name", {"odd.txt": Noise(SIZE + 1, seed=1)})
    with FaultyHub(odd) as hub:
        entry = {"type": "file", "path": "odd.txt", "size": SIZE, "oid": "no-hash-at-all"}
        hub.add(faults.listed([entry]), route="tree")
        hub.add(faults.no_length(), path="odd.txt")
        assert told(pull(tmp_path, hub.url)) == ("WrongBytes", 5)
    assert published(tmp_path) == set()


def test_a_page_of_a_hotel_is_no_file(tmp_path: pathlib.Path) -> None:
    """200, and something else."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.page(), path="*.*")
        result = pull(tmp_path, hub.url)
    assert told(result) == ("WrongBytes", 5)
    assert published(tmp_path) == set()


@pytest.mark.parametrize(
    "said",
    [
        {"etag": '"' + "e" * 60_000 + '"'},
        {"etag": "\x00\x7f"},
        {"etag": 'W/"\u00e9"'},
        {"etag": ""},
        {"x_linked_etag": '"../../x"'},
        {"x_linked_etag": "\u00ff" * 3000},
        {"x_linked_size": LONG},
        {"x_linked_size": "-1"},
        {"x_linked_size": "1e9"},
        {"x_repo_commit": "../../x"},
        {"content_type": "\u00e9"},
        {"retry_after": LONG},
    ],
    ids=str,
)
def test_hostile_headers_name_nothing_and_break_nothing(
    tmp_path: pathlib.Path, said: dict[str, str]
) -> None:
    """The blob is named by the listing, and proven; headers can at most have it refused."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.headers(**said), path=LARGE)
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        result = pull(tmp_path, hub.url)
    if said.get("x_linked_size") == LONG:
        assert told(result)[1] in {4, 5}
    else:
        assert result.error is None
        assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert {path.split("/")[0] for path in published(tmp_path)} <= {"models--org--name"}


def test_content_without_a_hash_is_never_spliced(tmp_path: pathlib.Path) -> None:
    """Of two answers nothing could prove that they belong together, so one must bring it all."""
    odd = Repo("org/name", {"odd.txt": NOISE})
    with FaultyHub(odd) as hub:
        entry = {"type": "file", "path": "odd.txt", "size": SIZE, "oid": "no-hash-at-all"}
        hub.add(faults.listed([entry]), route="tree")
        hub.add(faults.headers(etag=None), path="odd.txt")
        hub.add(faults.cut(0.5), path="odd.txt", times=1)
        hub.add(lambda _, answer: replace(answer, content=OTHER), path="odd.txt", skip=1)
        result = pull(tmp_path, hub.url)
    assert result.error is None
    assert holds(tmp_path, result.commit or "", "odd.txt", OTHER)


def test_content_without_a_hash_that_is_always_cut_is_given_up(tmp_path: pathlib.Path) -> None:
    """It begins anew each time, so bytes are no progress."""
    odd = Repo("org/name", {"odd.txt": NOISE})
    with FaultyHub(odd) as hub:
        entry = {"type": "file", "path": "odd.txt", "size": SIZE, "oid": "no-hash-at-all"}
        hub.add(faults.listed([entry]), route="tree")
        hub.add(faults.cut(0.5), path="odd.txt")
        assert told(pull(tmp_path, hub.url)) == ("EndpointUnreachable", 4)
        assert len(hub.seen(path="odd.txt")) == QUICK.attempts


def test_what_a_broken_pull_left_is_not_fetched_again(tmp_path: pathlib.Path) -> None:
    """Across pulls: the second one fetches what lacks, and says what it found."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.refused(404), path=LARGE, skip=1)
        assert pull(tmp_path, hub.url).error is not None
        hub.mend()
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE
    assert (result.resumed_bytes, result.downloaded_bytes) == (SIZE // 2, SIZE // 2)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_wrong_half_of_a_broken_pull_is_found_and_fetched_again(tmp_path: pathlib.Path) -> None:
    """The source of the second half is not blamed for the first."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.wrong_bytes(0.1), path=LARGE, times=1)
        hub.add(faults.cut(0.5), path=LARGE, times=1)
        hub.add(faults.refused(404), path=LARGE, skip=1)
        assert pull(tmp_path, hub.url).error is not None
        hub.mend()
        result = pull(tmp_path, hub.url)
        assert hub.served(LARGE) == SIZE // 2 + SIZE // 2 + SIZE
    assert (result.error, result.resumed_bytes) == (None, 0)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_low_rate_is_no_stall(tmp_path: pathlib.Path) -> None:
    """Who is told to be slow does not take the endpoint for slow."""
    small = Repo("org/name", {LARGE: whole(Noise(60_000, seed=4))})
    with FaultyHub(small) as hub:
        assert pull(tmp_path, hub.url, max_rate=20_000).error is None
        assert len(hub.seen(path=LARGE)) == 1
