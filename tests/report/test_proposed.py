"""A proposed command means the cache that was typed."""

from __future__ import annotations

import pytest

from swarmcache.report.proposed import proposed


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("swarmcache pull", "swarmcache pull --cache-dir '/a b'"),
        ("swarmcache pull org/x", "swarmcache pull --cache-dir '/a b' org/x"),
        ("swarmcache run -- ./x  'y z'", "swarmcache run --cache-dir '/a b' -- ./x  'y z'"),
        ("swarmcache adopt /o --cache-dir /n", "swarmcache adopt /o --cache-dir /n"),
        ("swarmcache init --group staff", "swarmcache init --group staff"),
        ("swarmcache generation diagnose", "swarmcache generation diagnose"),
        ("ls -ld '/a b'", "ls -ld '/a b'"),
        ("", ""),
    ],
)
def test_the_cache_is_named_where_a_verb_takes_it(command: str, expected: str) -> None:
    """And nowhere twice; where none was typed, the command is as it was."""
    assert proposed(command, "/a b") == expected
    assert proposed(command, None) == command
