"""JSON that somebody else wrote has one way to be wrong."""

from __future__ import annotations

import pytest

from swarmcache.hubcache.foreign_json import parse

DEEP = "[" * 200_000


@pytest.mark.parametrize("text", [DEEP, DEEP.encode(), b"\xff", b"{", "", b"1" * 5000])
def test_what_cannot_be_parsed_is_a_value_error(text: str | bytes) -> None:
    """Brackets without end, no UTF-8, half an object, nothing, endless digits."""
    with pytest.raises(ValueError, match=r"nested|codec|property|value|digits"):
        parse(text)


def test_what_can_be_parsed() -> None:
    """Bytes are UTF-8."""
    assert parse('{"a": ["中"]}'.encode()) == parse('{"a": ["中"]}') == {"a": ["中"]}
