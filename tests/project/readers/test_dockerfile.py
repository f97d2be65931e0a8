"""Dockerfiles as steps, by BuildKit's rules about lines, words and here-documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.dockerfile import read_dockerfile
from swarmcache.project.readers.dockerfile.syntax import Dockerfile, Entry, Env, Run
from swarmcache.project.sources import Source


def read(text: str | bytes) -> Dockerfile:
    """Read a text as a Dockerfile."""
    data = text.encode() if isinstance(text, str) else text
    return read_dockerfile(Source("Dockerfile", "/p/Dockerfile", data))


def steps(text: str) -> list[object]:
    """Return the steps of one stage."""
    (stage,) = read(f"FROM x\n{text}").stages
    return list(stage.steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ENV A=1 B=2", {"A": "1", "B": "2"}),
        ("ENV A the rest of it", {"A": "the rest of it"}),
        ("ENV A=x\\ y", {"A": "x y"}),
        ("ENV A=\"x y\" B='$C'", {"A": "x y", "B": "$C"}),
        ('ENV A="say \\"hi\\"" B=\\$C', {"A": 'say "hi"', "B": "$C"}),
        ("ENV A=1 \\\n  # why\n\n  B=2\nENV C=3", {"A": "1", "B": "2", "C": "3"}),
        ("env a=1", {"a": "1"}),
        ("ENV A=", {"A": ""}),
        ("ENV A=1\r\nENV B=2\r\n", {"A": "1", "B": "2"}),
    ],
)
def test_env(text: str, expected: dict[str, str]) -> None:
    """In both forms, quoted, continued over comments and empty lines."""
    found = {one.name: one.value.literal for one in steps(text) if isinstance(one, Env)}
    assert found == expected


def test_positions_are_those_of_the_file() -> None:
    """Also behind continued lines."""
    env = [one for one in steps("ENV A=1 \\\n  # why\n    B=2\n") if isinstance(one, Env)]
    assert [(one.span.line, one.span.column) for one in env] == [(2, 5), (4, 5)]


def test_the_lines_of_a_heredoc_are_no_instructions() -> None:
    """They are a script, and what stands in it changes nothing else."""
    (run,) = steps("RUN <<EOF\nENV A=1\nUSER nobody\nEOF\n")
    assert isinstance(run, Run)
    assert run.script.data == b"ENV A=1\nUSER nobody\n"


def test_a_heredoc_that_another_program_reads_is_no_script() -> None:
    """Python's, for one."""
    assert steps("RUN python3 <<EOF\nexport A=1\nEOF\n") == []


@pytest.mark.parametrize(
    ("text", "words", "script"),
    [
        ('CMD ["a", "b c"]', ["a", "b c"], None),
        ("CMD a b && c", [], b"a b && c"),
        ("CMD ['a']", [], b"['a']"),
    ],
)
def test_exec_and_shell_form(text: str, words: list[str], script: bytes | None) -> None:
    """What is no JSON list goes to a shell, also where somebody meant a list."""
    (entry,) = steps(text)
    assert isinstance(entry, Entry)
    assert [word.literal for word in entry.start.words] == words
    assert (entry.start.script and entry.start.script.data) == script


def test_stages_and_arguments() -> None:
    """An ARG before the first FROM belongs to none."""
    file = read("ARG A=1\nFROM --platform=x base:$A AS One\nFROM one\nARG B\n")
    assert [arg.name for arg in file.arguments] == ["A"]
    assert [stage.name for stage in file.stages] == ["one", ""]


def test_another_escape_character() -> None:
    """As images for Windows have it."""
    file = read("# escape=`\nFROM x\nRUN a `\n  b\n")
    (run,) = file.stages[0].steps
    assert isinstance(run, Run)
    assert run.script.data.split() == [b"a", b"b"]


@given(
    st.binary(max_size=300) | st.text("ENVFROMRUN \\\n\"'$<=#[]{}", max_size=300).map(str.encode)
)
def test_nothing_makes_it_fail(data: bytes) -> None:
    """Every span lies within the file."""
    for stage in read(b"FROM x\n" + data).stages:
        for step in stage.steps:
            assert 0 <= step.span.start <= step.span.end <= len(data) + 7  # type: ignore[attr-defined]
