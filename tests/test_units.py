"""Bytes as people write and read them."""

from __future__ import annotations

import pytest

from swarmcache.units import human_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4096", 4096),
        ("200GB", 200 * 10**9),
        ("1.5 TiB", 3 * 2**39),
        (" 3 k ", 3000),
        ("0", 0),
        ("7KiB", 7168),
    ],
)
def test_sizes_are_read(text: str, count: int) -> None:
    """Decimal and binary units, with and without a blank."""
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "GB", "1 XB", "ten", "inf", "infGB", "nan", "-1", "1e999"])
def test_what_is_no_size_is_a_value_error(text: str) -> None:
    """Endless and negative counts too, and nothing but ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is float's own for most
        parse_bytes(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1300, "1.3 kB"), (999_600, "1.0 MB"), (954 * 10**6, "954 MB")],
)
def test_sizes_are_written_with_three_digits(count: int, text: str) -> None:
    """As on the Hub's pages."""
    assert human_bytes(count) == text
