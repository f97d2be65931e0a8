"""Sets of bytes, against sets of numbers."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from swarmcache.transfer.ranges import Range, Ranges

RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: Range(*pair)), max_size=12
)


def numbers(ranges: list[Range]) -> set[int]:
    return {at for start, stop in ranges for at in range(start, stop)}


def test_ranges_that_touch_are_one() -> None:
    """In whatever order they come."""
    found = Ranges([Range(5, 7), Range(0, 2), Range(7, 9), Range(2, 3)])
    assert list(found) == [(0, 3), (5, 9)]
    assert (found.size, found.prefix) == (7, 3)
    assert list(found.missing(12)) == [(3, 5), (9, 12)]
    assert list(found.missing(4)) == [(3, 4)]


@given(RANGES)
def test_a_set_of_ranges_is_the_set_of_their_numbers(ranges: list[Range]) -> None:
    """Sorted, disjoint, none touching the next, and of that size."""
    found = Ranges(ranges)
    listed = list(found)
    assert numbers(listed) == numbers(ranges)
    assert all(one.stop < other.start for one, other in itertools.pairwise(listed))
    assert found.size == len(numbers(ranges))


@given(RANGES, st.integers(0, 45))
def test_what_is_missing_is_the_rest(ranges: list[Range], size: int) -> None:
    """Of the first bytes, in order."""
    missing = list(Ranges(ranges).missing(size))
    assert numbers(missing) == set(range(size)) - numbers(ranges)
    assert missing == sorted(missing)


@given(RANGES)
def test_the_prefix_ends_at_the_first_gap(ranges: list[Range]) -> None:
    """Which is at the first byte that is not there."""
    there = numbers(ranges)
    assert Ranges(ranges).prefix == next(at for at in range(50) if at not in there)


@given(RANGES, st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_what_lacks_of_a_range_is_what_it_adds(ranges: list[Range], pair: tuple[int, int]) -> None:
    """No more, no less."""
    wanted = Range(*pair)
    assert numbers(list(Ranges(ranges).lacking(wanted))) == numbers([wanted]) - numbers(ranges)
