"""The way in and out: exit codes stay what they are when there is nowhere to write."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker

if TYPE_CHECKING:
    import pathlib


@pytest.mark.parametrize(
    ("arguments", "streams", "code"),
    [
        (["--version"], "2>/dev/full", 0),
        (["--version"], ">/dev/full", 3),
        (["--version"], ">/dev/full 2>&1", 3),
        (["check", "org/absent"], "2>/dev/full", 1),
        (["no-such-command"], "2>/dev/full", 2),
        (["status", "--cache-dir", "/no/such/folder"], "2>&-", 3),
        (["--help"], "| true", 0),
    ],
)
def test_a_full_or_closed_stream_changes_no_answer(
    tmp_path: pathlib.Path, arguments: list[str], streams: str, code: int
) -> None:
    """Output that is lost is an error of the machine (3); what is only chatter is let go."""
    command = ["sh", "-c", f'"$@" {streams}', "sh", sys.executable, "-m", "swarmcache", *arguments]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clean", "--all"], 2),
        (["move", "elsewhere"], 2),
        (["pull", "-f", "-"], 2),
        (["import", "-"], 2),
        (["generation", "explain", "-"], 0),
        (["doctor", "--log", "-", "."], 0),
    ],
)
def test_closed_standard_input_is_an_empty_one(
    tmp_path: pathlib.Path, arguments: list[str], code: int
) -> None:
    """As daemons are started: nobody is asked, and nothing is read."""
    CacheMaker(tmp_path / "hub").repo("org/a", {"config.json": b"{}"})
    command = ["sh", "-c", '"$@" <&-', "sh", sys.executable, "-m", "swarmcache", *arguments]
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stdout + done.stderr
