"""One file, three readers: compose, `docker run --env-file` and a shell differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.readers.shell.syntax import Variable
from swarmcache.project.sources import Source


def read(text: str, dialect: str = "compose") -> dict[str, str | None]:
    """Return names and values that depend on nothing; None for a name alone."""
    source = Source(".env", "/p/.env", text.encode())
    found = read_dotenv(source, dialect)  # type: ignore[arg-type]
    return {one.name: one.value.literal if one.value else None for one in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=\"x y\"\nB='z'\n", {"A": "x y", "B": "z"}),
        ('A="a\\nb"\n', {"A": "a\nb"}),
        ("A='a\\nb'\n", {"A": "a\\nb"}),
        ("A=a\\nb\n", {"A": "a\\nb"}),
        ("export A=1\n", {"A": "1"}),
        ("A = 1\n", {"A": "1"}),
        ("A=x # note\nB=x#y\n", {"A": "x", "B": "x#y"}),
        ("# A=1\n\nA\n", {"A": None}),
        ("A=\n", {"A": ""}),
        ("A=~/x\n", {"A": "~/x"}),
        ("A='two\nlines'\nB=1\n", {"A": "two\nlines", "B": "1"}),
    ],
)
def test_compose(text: str, expected: dict[str, str | None]) -> None:
    """As compose-go reads it."""
    assert read(text) == expected


def test_compose_fills_in_variables() -> None:
    """But not in single quotes."""
    source = Source(".env", "/p/.env", b"A=$B/x\nC='$B'\nD=\"${E:-f}\"\n")
    first, second, third = (one.value for one in read_dotenv(source) if one.value)
    assert first.parts == (Variable("B"), "/x")
    assert second.literal == "$B"
    assert isinstance(third.parts[0], Variable)
    assert third.parts[0].operator == ":-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('A="x"\r\n', {"A": '"x"'}),
        ("A=x # note\n", {"A": "x # note"}),
        ("A=$B\n", {"A": "$B"}),
    ],
)
def test_docker_run(text: str, expected: dict[str, str | None]) -> None:
    """`--env-file` of docker takes what is there."""
    assert read(text, "raw") == expected


@given(st.text("AB=\"'$#\\\r\n {}:-", max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read(text)
    read(text, "raw")
