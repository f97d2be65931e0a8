"""A script that asks for a variable overwrites what we would export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.launch.prompts import prompted_variables

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
    assert prompted_variables(["./start.sh"], str(tmp_path)) == names
    assert prompted_variables(["bash", "start.sh"], str(tmp_path)) == names


def test_other_files_ask_for_nothing(tmp_path: pathlib.Path) -> None:
    """A Python program, a missing file and a folder."""
    (tmp_path / "train.py").write_text("#!/usr/bin/env python3\nread MODEL_NAME\n")
    for command in (["./train.py"], ["missing.sh"], ["."], []):
        assert prompted_variables(command, str(tmp_path)) == frozenset()
