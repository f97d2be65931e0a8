"""The way in and out: exit codes stay what they are when there is nowhere to write."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
