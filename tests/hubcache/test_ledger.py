"""The ledger is a hint: it says only what is certain, and survives whatever is done to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmcache.environment import Environment
from swarmcache.hubcache.intact.fingerprint import Fingerprint, fingerprint_of
from swarmcache.hubcache.intact.ledger import Ledger, known_corrupt
from swarmcache.hubcache.state import State, state_folder

if TYPE_CHECKING:
    from pathlib import Path

GOOD, OTHER = "a" * 64, "b" * 64
OLD = Fingerprint(7, 100, 10**18, 10**18, 1)
"""A file whose mtime lies years back."""


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The state beside an empty cache."""
    return state_folder(str(tmp_path), Environment({}, str(tmp_path / "home"), "/"))


def remember(state: State, found: Fingerprint = OLD, digest: str = GOOD) -> Ledger:
    """Record one hash and return the ledger that did."""
    ledger = Ledger(state)
    ledger.record("sha256", found, digest, [GOOD])
    ledger.flush()
    return ledger


def recalled(state: State, found: Fingerprint = OLD) -> str | None:
    """Return what a later run remembers."""
    known = Ledger(state).recall("sha256", found)
    return known and known.digest


def test_what_was_hashed_is_remembered_by_the_next_run(state: State) -> None:
    """With the time at which it was hashed."""
    remember(state)

    known = Ledger(state).recall("sha256", OLD)

    assert known is not None
    assert known.digest == GOOD
    assert abs(known.when - time.time()) < 60


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({"inode": 8}, None),
        ({"size": 101}, None),
        ({"mtime_ns": 10**18 + 1}, None),
        ({"ctime_ns": 10**18 + 1}, None),
        ({"ctime_ns": 10**18 + 1, "links": 2}, GOOD),
        ({"links": 2}, GOOD),
    ],
)
def test_any_change_makes_it_forget_but_a_further_link(
    state: State, changed: dict[str, int], known: str | None
) -> None:
    """Inode, size, mtime and ctime; linking moves ctime, so then it does not count."""
    remember(state)

    assert recalled(state, OLD._replace(**changed)) == known


def test_ctime_does_not_count_either_when_there_were_links_before(state: State) -> None:
    """Removing a hard link moves ctime as well."""
    remember(state, OLD._replace(links=2))

    assert recalled(state, OLD._replace(ctime_ns=10**18 + 1)) == GOOD


def test_a_second_name_that_went_again_is_none_the_less_known(state: State) -> None:
    """Who gives content a second name notes it; it counts as hashed when it was."""
    remember(state)
    ledger = Ledger(state)
    when = ledger.recall("sha256", OLD)
    ledger.relinked("sha256", OLD._replace(ctime_ns=10**18 + 1, links=2))
    ledger.relinked("sha256", OLD._replace(ctime_ns=10**18 + 1, links=2, inode=9))
    ledger.flush()

    alone = OLD._replace(ctime_ns=10**18 + 2)
    assert Ledger(state).recall("sha256", alone) == when
    assert recalled(state, alone._replace(mtime_ns=10**18 + 1)) is None


def test_a_changed_file_gets_no_note(state: State) -> None:
    """Else it would be taken for what it was."""
    remember(state)
    ledger = Ledger(state)
    changed = OLD._replace(mtime_ns=10**18 + 1, links=2)
    ledger.relinked("sha256", changed)
    ledger.flush()

    assert recalled(state, changed) is None


def test_the_other_hash_of_the_same_content_is_not_known(state: State) -> None:
    """A sha256 says nothing of git's name for it."""
    remember(state)

    assert Ledger(state).recall("git-sha1", OLD) is None


def test_a_file_younger_than_two_seconds_is_not_recorded(state: State) -> None:
    """On a coarse clock the next write may leave the same mtime."""
    now = time.time_ns()
    young = OLD._replace(mtime_ns=now - 10**9)
    older = OLD._replace(inode=8, mtime_ns=now - 3 * 10**9)
    remember(state, young)
    remember(state, older)

    assert recalled(state, young) is None
    assert recalled(state, older) == GOOD


def test_what_was_hashed_long_ago_can_be_asked_for_again(state: State) -> None:
    """`--older-than` counts from the time of hashing; a clock set back is no memory."""
    ledger = remember(state)

    assert ledger.recall("sha256", OLD, older_than=3600) is not None
    assert ledger.recall("sha256", OLD, older_than=0) is None


def test_a_torn_line_costs_itself_only(state: State) -> None:
    """A process killed while it wrote; the next line starts afresh."""
    remember(state)
    path = f"{state.path}/ledger/hashes"
    with open(path, "ab") as file:
        file.write(b"9s 100 1000 1000 1 1 cccc")
    remember(state, OLD._replace(inode=8))

    assert recalled(state) == GOOD
    assert recalled(state, OLD._replace(inode=8)) == GOOD
    assert recalled(state, OLD._replace(inode=9)) is None


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 200), value=st.integers(0, 255), cut=st.booleans())
def test_garbage_never_becomes_an_answer(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, cut: bool
) -> None:
    """Any byte changed, or the file cut there: the truth, or nothing."""
    folder = tmp_path_factory.mktemp("cache")
    state = state_folder(str(folder), Environment({}, str(folder), "/"))
    remember(state)
    path = f"{state.path}/ledger/hashes"
    with open(path, "rb") as file:
        content = bytearray(file.read())
    at %= len(content)
    content[at] = value
    with open(path, "wb") as file:
        file.write(content[:at] if cut else content)

    assert recalled(state) in {GOOD, None}
    assert recalled(state, OLD._replace(size=101)) is None


def test_a_deleted_ledger_costs_time_only(state: State) -> None:
    """`rm -rf .locks` between two runs, and within one."""
    ledger = remember(state)
    os.rename(state.path, f"{state.path}-gone")
    assert recalled(state) is None

    ledger.record("sha256", OLD, GOOD, [GOOD])
    ledger.flush()

    assert (ledger.failure, recalled(state)) == (None, GOOD)


@pytest.mark.timeout(30)
def test_a_pipe_in_the_place_of_the_ledger_is_not_waited_for(state: State) -> None:
    """It holds nothing, and what is recorded is a hint that was lost."""
    remember(state)
    path = f"{state.path}/ledger/hashes"
    os.unlink(path)
    os.mkfifo(path)
    assert recalled(state) is None
    remember(state)
    assert recalled(state) is None


def test_outdated_lines_are_dropped_when_they_are_many(state: State) -> None:
    """One inode recorded 3000 times is one line afterwards, and others learn of it."""
    ledger, other = remember(state), Ledger(state)
    for size in range(3000):
        ledger.record("sha256", OLD._replace(size=size), GOOD, [GOOD])
    ledger.flush()
    ledger.compact()
    remember(state, OLD._replace(inode=8))
    other.refresh()

    with open(f"{state.path}/ledger/hashes", "rb") as file:
        assert len(file.readlines()) == 2
    assert other.recall("sha256", OLD._replace(size=2999)) is not None
    assert other.recall("sha256", OLD._replace(inode=8)) is not None


def test_several_processes_write_without_losing_a_line(state: State) -> None:
    """Four processes, 200 lines each, one of them compacting all the time."""
    script = (
        "import sys\n"
        "from swarmcache.hubcache.intact.ledger import Ledger\n"
        "from swarmcache.hubcache.intact.fingerprint import Fingerprint\n"
        "from swarmcache.hubcache.state import State\n"
        "path, first = sys.argv[1], int(sys.argv[2])\n"
        "ledger = Ledger(State(path, True, path, 0o700))\n"
        "for inode in range(first, first + 200):\n"
        "    ledger.record('sha256', Fingerprint(inode, 1, 1, 1, 1), 'a' * 64, ['a' * 64])\n"
        "    ledger.flush()\n"
        "    if first == 0:\n"
        "        ledger._count = 10**6\n"
        "        ledger.compact()\n"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", script, state.path, str(n * 1000)])
        for n in range(4)
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0, 0]

    ledger = Ledger(state)
    inodes = [n * 1000 + k for n in range(4) for k in range(200)]
    assert [
        inode for inode in inodes if ledger.recall("sha256", Fingerprint(inode, 1, 1, 1, 1)) is None
    ] == []


def test_wrong_content_is_blamed_until_it_is_right(state: State) -> None:
    """Hashed wrong once (bad memory, say), then right: nobody is told any more that it is."""
    path = f"{state.path}/ledger/corrupt"
    remember(state, digest=OTHER)
    assert [wrong.expected for wrong in known_corrupt([path])[7]] == [GOOD]

    remember(state, digest=GOOD)

    assert known_corrupt([path]) == {}


def test_good_content_makes_no_file_of_corrupt_ones(state: State) -> None:
    """`check` looks for that file at each launch of a trainer."""
    remember(state)

    assert sorted(os.listdir(f"{state.path}/ledger")) == ["hashes"]


def test_where_nothing_can_be_written_it_still_remembers_for_itself(tmp_path: Path) -> None:
    """A file in the folder's place; the failure is kept for whoever wants to tell."""
    (tmp_path / ".locks").write_text("")
    state = State(f"{tmp_path}/.locks/.swarmcache", True, f"{tmp_path}/.locks/.swarmcache", 0o700)
    ledger = remember(state)

    assert isinstance(ledger.failure, OSError)
    assert ledger.recall("sha256", OLD) is not None


def test_real_files_are_known_again(state: State, tmp_path: Path) -> None:
    """Renamed and hard-linked is the same content; rewritten with its old mtime is not."""
    path = tmp_path / "blob"
    path.write_bytes(b"1")
    os.utime(path, (1e9, 1e9))
    remember(state, fingerprint_of(str(path)))

    os.link(path, tmp_path / "second")
    assert recalled(state, fingerprint_of(str(path))) == GOOD
    os.unlink(tmp_path / "second")
    remember(state, fingerprint_of(str(path)))
    path.write_bytes(b"2")
    os.utime(path, (1e9, 1e9))
    assert recalled(state, fingerprint_of(str(path))) is None
