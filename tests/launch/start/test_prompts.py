"""What a start script asks, as far as its text tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.launch.start.prompts import Prompt, find_script

if TYPE_CHECKING:
    import pathlib


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('read -p ">> Enter the model, or press [Enter]. " MODEL_NAME', {"MODEL_NAME"}),
        ("read -r FIRST SECOND", {"FIRST", "SECOND"}),
        ("if read -t 5 -r yn; then", {"yn"}),
        ("# read MODEL_NAME", set()),
        ('echo "read MODEL_NAME"', set()),
        ("bread MODEL_NAME", set()),
        ("export MODEL_NAME", set()),
    ],
)
def test_names_after_read_are_asked_for(tmp_path: pathlib.Path, line: str, names: set[str]) -> None:
    """Options, quoted questions and comments are none of them."""
    (tmp_path / "start.sh").write_text(f"set -e\n{line}\nexec train\n")
    for command in (["./start.sh"], ["bash", "start.sh"], ["env", "A=1", "nohup", "./start.sh"]):
        script = find_script(command, str(tmp_path))
        assert script is not None
        assert script.asked == names


@pytest.mark.parametrize(
    ("command", "first", "is_bash"),
    [
        (["./start.sh"], "#!/bin/bash", True),
        (["./start.sh"], "#!/usr/bin/env bash", True),
        (["./start.sh"], "#!/bin/sh", False),
        (["./start.sh"], "#!/usr/bin/env zsh", False),
        (["./start.sh"], "", False),
        (["bash", "start.sh"], "#!/bin/sh", True),
        (["/bin/sh", "start.sh"], "#!/bin/bash", False),
        (["bash", "--posix", "start.sh"], "", False),
        (["bash", "-ep", "start.sh"], "", False),
        (["bash", "-eu", "start.sh"], "", True),
        (["./start.sh"], "#!/bin/bash -eu", True),
        (["./start.sh"], "#!/bin/bash -p", False),
        (["nohup", "bash", "start.sh"], "", True),
        (["bash", "-c", "read MODEL_NAME"], "", True),
        (["sh", "-c", "read MODEL_NAME"], "", False),
    ],
)
def test_who_runs_a_script(
    tmp_path: pathlib.Path, command: list[str], first: str, is_bash: bool
) -> None:
    """The shell that the command names, else the first line; without one the system takes sh."""
    (tmp_path / "start.sh").write_text(f"{first}\nread MODEL_NAME\n")
    script = find_script(command, str(tmp_path))
    assert script is not None
    assert (script.is_bash, script.asked) == (is_bash, {"MODEL_NAME"})


def test_other_files_ask_for_nothing(tmp_path: pathlib.Path) -> None:
    """A Python program, a missing file and a folder."""
    (tmp_path / "train.py").write_text("#!/usr/bin/env python3\nread MODEL_NAME\n")
    for command in (["./train.py"], ["missing.sh"], ["."], [], ["a\0b"]):
        assert find_script(command, str(tmp_path)) is None


def test_a_question_may_be_printed_before(tmp_path: pathlib.Path) -> None:
    """By echo, printf or a function of that kind; colours are no question."""
    (tmp_path / "start.sh").write_text(
        "#!/bin/bash\n"
        'echo "Which swarm?"\n'
        "echo -en $GREEN\n"
        "read swarm\n"
        "printf 'The model: '; read -r model\n"
        'echo_green ">> First line"\n'
        'echo "second line: "\n'
        "  read -r MODEL_NAME # the model\n"
        "true\n"
        "read bare\n"
        "while read line; do :; done\n"
        "read from_file < file\n"
        "cat file | read piped\n"
    )
    script = find_script(["./start.sh"], str(tmp_path))
    assert script is not None
    assert script.prompts == (
        Prompt(4, "Which swarm?"),
        Prompt(5, "The model:"),
        Prompt(8, ">> First line second line:"),
        Prompt(10, ""),
    )
