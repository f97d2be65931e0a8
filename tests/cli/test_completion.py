"""`swarmcache completion` teaches real shells our commands."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Make a `swarmcache` that is found on PATH, and return that PATH."""
    program = tmp_path / "swarmcache"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m swarmcache "$@"\n')
    program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


BASH = """
eval "$(swarmcache completion bash)"
COMP_WORDS=(swarmcache comp) COMP_CWORD=1
_swarmcache_completion swarmcache
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "swarmcache completion fish | source; complete --do-complete 'swarmcache comp'"


def shell_says(path: str, *command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_bash_completes_a_command(path: str) -> None:
    """The script defines the function that bash calls, and it finds our commands."""
    assert shell_says(path, "bash", "--norc", "-c", BASH) == "completion\n"


def test_fish_completes_a_command(path: str) -> None:
    """fish shows the command with its help line."""
    assert shell_says(path, "fish", "--no-config", "-c", FISH).split("\t")[0] == "completion"


def test_zsh_accepts_the_script(path: str) -> None:
    """zsh registers the function for our name."""
    script = (
        'autoload -U compinit; compinit -u -D; eval "$(swarmcache completion zsh)";'
        " print $_comps[swarmcache]"
    )
    assert shell_says(path, "zsh", "-f", "-c", script) == "_swarmcache_completion\n"


@pytest.mark.parametrize("arguments", [[], ["tcsh"]])
def test_other_shells_are_usage_errors(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """There are three, and one must be named."""
    assert main(["completion", *arguments]) == 2
    assert capsys.readouterr().out == ""
