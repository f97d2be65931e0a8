"""A journal is believed as far as it is whole; whatever else it holds costs bytes, never a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmcache.hubcache.intact.journal import sealed
from swarmcache.hubcache.use.owners import boot_id
from swarmcache.transfer.contents import SMALL_BYTES
from swarmcache.transfer.partial import Partial
from swarmcache.transfer.recall import Recall

if TYPE_CHECKING:
    import pathlib

SIZE = SMALL_BYTES + 1000
HERE = boot_id().encode()
ELSEWHERE = b"another-boot"
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def recalled(folder: pathlib.Path, *lines: bytes, torn: bytes = b"") -> Recall:
    """Return what a journal with these lines tells."""
    (folder / "journal").write_bytes(b"".join(map(sealed, lines)) + torn)
    return Recall.read(str(folder))


@pytest.mark.parametrize(
    ("lines", "have"),
    [
        ([], []),
        ([b"written 0 5"], [(0, 5)]),
        ([b"durable 0 5", b"written 5 9"], [(0, 9)]),
        ([b"written 0 5", b"reset"], []),
        ([b"written 0 5", b"reset", b"size 10 %s" % HERE, b"written 7 8"], [(7, 8)]),
        ([b"written 5 0"], []),
        ([b"durable -5 5"], [(0, 5)]),
        ([b"news 1 2"], []),
    ],
)
def test_what_a_journal_tells(
    tmp_path: pathlib.Path, lines: list[bytes], have: list[tuple[int, int]]
) -> None:
    """Of the same boot."""
    assert list(recalled(tmp_path, b"size 10 %s" % HERE, *lines).have) == have


@pytest.mark.parametrize("boot", [ELSEWHERE, b"-"])
def test_after_a_power_cut_only_what_was_synced_counts(tmp_path: pathlib.Path, boot: bytes) -> None:
    """Of another boot, or where the system tells none."""
    found = recalled(tmp_path, b"size 10 %s" % boot, b"durable 0 3", b"written 3 9")
    assert list(found.have) == [(0, 3)]


@pytest.mark.parametrize(
    "line",
    [b"size", b"size x y", b"durable 5", b"durable x y", b"etag", b"etag \xff \xff", b"size 1"],
)
def test_lines_of_another_program_are_believed_in_nothing(
    tmp_path: pathlib.Path, line: bytes
) -> None:
    """Though their checksum is right."""
    found = recalled(tmp_path, b"size 10 %s" % HERE, b"durable 0 5", line)
    assert (found.size, list(found.have)) == (-1, [])


def test_an_absent_journal_tells_nothing(tmp_path: pathlib.Path) -> None:
    """And is no error."""
    assert Recall.read(str(tmp_path)).size == -1


def test_names_of_bytes_survive_any_letter(tmp_path: pathlib.Path) -> None:
    """Spaces, line breaks, and those of other languages."""
    with Partial(str(tmp_path), SIZE) as partial:
        partial.name("http://a b", '"\u00e9\n %"')
        partial.write(0, memoryview(b"x" * 10))
    assert Recall.read(str(tmp_path)).etags == {"http://a b": '"\u00e9\n %"'}


@SAME_FOLDER
@given(st.binary(max_size=300))
def test_a_tail_of_garbage_takes_nothing_away(tmp_path: pathlib.Path, garbage: bytes) -> None:
    """It begins where a process was killed: in the middle of a line."""
    lines = [b"size 10 %s" % HERE, b"durable 0 5"]
    found = recalled(tmp_path, *lines, torn=b"written 5 8 00" + garbage.replace(b"\n", b""))
    assert (found.size, list(found.have)) == (10, [(0, 5)])


@SAME_FOLDER
@given(st.integers(0, 200))
def test_a_journal_cut_anywhere_tells_no_more_than_whole(tmp_path: pathlib.Path, at: int) -> None:
    """And what it tells is true."""
    lines = [b"size 90 %s" % HERE, b"durable 0 5", b"written 10 20", b"durable 10 20"]
    whole = b"".join(map(sealed, lines))
    found = recalled(tmp_path, torn=whole[:at])
    assert list(found.have) in ([], [(0, 5)], [(0, 5), (10, 20)])
    if found.have.size:
        assert found.size == 90


LINES = st.lists(
    st.one_of(
        st.builds(lambda a, b: b"written %d %d" % (a, b), st.integers(), st.integers()),
        st.builds(lambda a, b: b"durable %d %d" % (a, b), st.integers(), st.integers()),
        st.just(b"reset"),
        st.binary(max_size=20).filter(lambda line: b"\n" not in line),
    ),
    max_size=8,
)


@SAME_FOLDER
@given(LINES, st.integers(0, 2 * SIZE))
def test_whatever_a_journal_says_a_partial_opens_within_its_file(
    tmp_path: pathlib.Path, lines: list[bytes], there: int
) -> None:
    """No byte counts that is not in the file, or behind the end; and what lacks can be brought."""
    (tmp_path / "data").write_bytes(b"d" * there)
    recalled(tmp_path, b"size %d %s" % (SIZE, HERE), *lines)
    with Partial(str(tmp_path), SIZE) as partial:
        missing = partial.missing()
        assert partial.have + sum(part.size for part in missing) == SIZE
        assert partial.have <= min(there, SIZE)
        assert partial.prefix <= SIZE
        for part in missing:
            partial.write(part.start, memoryview(b"n" * part.size))
        assert (partial.have, partial.prefix, partial.missing()) == (SIZE, SIZE, [])
    os.unlink(tmp_path / "data")


@SAME_FOLDER
@given(
    st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=6),
    st.integers(0, SIZE - 1),
)
def test_what_was_written_is_there_again_byte_for_byte(
    tmp_path: pathlib.Path, parts: list[tuple[int, int]], probe: int
) -> None:
    """After whatever ended the process that wrote it, in the same boot."""
    data = bytes(range(256)) * (SIZE // 256 + 1)
    with Partial(str(tmp_path), SIZE) as partial:
        partial.reset()
        for start, stop in parts:
            partial.write(start, memoryview(data[start:stop]))
        before = (partial.have, partial.missing())
    with Partial(str(tmp_path), SIZE) as partial:
        assert (partial.have, partial.missing()) == before
        there = not any(start <= probe < stop for start, stop in partial.missing())
        if there:
            assert os.pread(partial.handle, 1, probe) == data[probe : probe + 1]
