"""The README is true: its first five minutes work as typed, its commands and links exist."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tinyswarm
from swarmcache.cli.app import COMMANDS
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
RUN_SCRIPT = """\
#!/bin/bash
set -euo pipefail
python="$PYTHON_OF_TEST"
"$python" - <<'EOF'
import os
from huggingface_hub import hf_hub_download
name = os.environ["MODEL_NAME"]
print("training", name, os.path.getsize(hf_hub_download(name, "model.safetensors")))
EOF
"""


def blocks(readme: pathlib.Path) -> list[str]:
    """Return the code blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)


def typed(block: str) -> list[str]:
    """Return the commands of a block, without their comments."""
    return [line.split("#")[0].strip() for line in block.splitlines()]


def test_both_languages_tell_the_same_commands() -> None:
    """Word for word, but for the comments."""
    english, chinese = (
        [
            typed(block)
            for block in blocks(readme)
            if "swarmcache" in block and not block.startswith(("Project:", "项目："))
        ]
        for readme in READMES
    )

    assert english == chinese


@pytest.mark.parametrize("readme", READMES, ids=["en", "zh"])
def test_every_command_and_link_exists(readme: pathlib.Path) -> None:
    """No verb that the command line lacks, no page that is not there."""
    text = readme.read_text()

    named = set(re.findall(r"`swarmcache ([a-z]+)", text))
    assert named <= set(COMMANDS)
    assert set(COMMANDS) - named <= {"completion"}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / link).exists(), link


def test_every_benchmark_has_its_question() -> None:
    """The table of `bench/README.md` names each script, and no other."""
    named = re.findall(
        r"^\| `(\w+\.py)` \| .*\? \|$", (ROOT / "bench/README.md").read_text(), re.MULTILINE
    )
    assert sorted(named) == sorted(script.name for script in (ROOT / "bench").glob("*.py"))


def test_the_transcript_types_the_same_commands() -> None:
    """`tasks/first_minutes.py` renews it, when the first five minutes change."""
    text = (ROOT / "docs/first-five-minutes.md").read_text()
    shown = re.findall(r"^~/rl-swarm\$ (.*)$", text, re.MULTILINE)
    both = [typed(b)[2:] for readme in READMES for b in blocks(readme) if "cd rl-swarm" in b]
    assert shown == [command for commands in both for command in commands]


@pytest.fixture
def node(tmp_path: pathlib.Path) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
    """A user's node: a project named rl-swarm, an empty home, and a Hub that has the models."""
    project = tinyswarm.write_project(tmp_path / "rl-swarm")
    script = project / "run_rl_swarm.sh"
    script.write_text(RUN_SCRIPT)
    script.chmod(0o755)
    tinyswarm.fill(tmp_path / "served", *tinyswarm.SMALL_POOL)
    home = tmp_path / "home"
    home.mkdir()
    tools = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with running([str(tmp_path / "served")]) as hub:
        variables = {"HOME": str(home), "PATH": tools, "HF_ENDPOINT": hub.url}
        yield tmp_path, {**os.environ, **variables, "PYTHON_OF_TEST": sys.executable}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_first_five_minutes_work_as_typed(
    node: tuple[pathlib.Path, dict[str, str]], language: str
) -> None:
    """From a fresh home to a running trainer, by the README alone."""
    folder, environment = node
    environment = {**environment, "SWARMCACHE_LANG": language}
    (block,) = (b for b in blocks(READMES[language != "en"]) if "cd rl-swarm" in b)
    _install, change, *commands = typed(block)
    assert change == "cd rl-swarm"

    printed = []
    for command in commands:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder / "rl-swarm",
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        printed.append(done.stdout)

    assert printed[0].splitlines()[-1].endswith("swarmcache pull")
    assert re.search(r"^training tiny/(one|two|three) \d+$", printed[-1], re.MULTILINE)
