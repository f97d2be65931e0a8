"""`swarmcache run --guard-generation` mends a trainer whose code nobody touches, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .conftest import INSIDE, torch_variables
from .test_generation_mode import BROKEN

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]

TRAINER = str(INSIDE / "trainer.py")
SAID = "swarmcache: generate() of Qwen2ForCausalLM"
ON = "generate() in CMD is guarded"


class Outcome(NamedTuple):
    """What a trainer found, and what was said on standard error."""

    facts: dict[str, Any]
    said: list[str]


@pytest.fixture
def trained(
    generation_python: Callable[[str], str], tmp_path: pathlib.Path
) -> Callable[..., Outcome]:
    """Return a function that starts the trainer under `run`, beside a version of transformers."""

    def train(version: str, *words: str, guard: bool = True, **variables: str) -> Outcome:
        options = ["--guard-generation"] if guard else []
        # The trainer's environment has no swarmcache of its own: only the tests' modules.
        only_tests = {"PYTHONPATH": str(INSIDE), "HF_HUB_CACHE": str(tmp_path / "hub")}
        done = subprocess.run(
            [
                *[sys.executable, "-m", "swarmcache", "run", *options, "--"],
                *[generation_python(version), TRAINER, *words],
            ],
            env={**torch_variables(str(tmp_path)), **only_tests, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Outcome(json.loads(done.stdout.splitlines()[-1]), done.stderr.splitlines())

    return train


@pytest.mark.parametrize("version", BROKEN)
def test_wrong_rollouts_are_mended_and_said_once(
    version: str, trained: Callable[..., Outcome]
) -> None:
    """Three rollouts in train mode: right tokens, one line, the state of training back."""
    facts, said = trained(version)
    assert facts["rollouts"] == [facts["clean"]] * 3
    assert facts["fed"] == [12, *[1] * 15]
    assert facts["changed"] == []
    lines = [line for line in said if SAID in line]
    assert len(lines) == 1
    assert f"transformers {version} makes wrong tokens" in lines[0]
    assert any(ON in line for line in said)


@pytest.mark.parametrize("version", BROKEN)
def test_without_the_option_they_are_wrong(version: str, trained: Callable[..., Outcome]) -> None:
    """The control: off by default."""
    facts, said = trained(version, guard=False)
    assert facts["rollouts"][0] != facts["clean"]
    assert not any("swarmcache: " in line for line in said)


def test_slow_rollouts_are_mended(trained: Callable[..., Outcome]) -> None:
    """4.46.3 has no cache in train mode with checkpointing."""
    facts, said = trained("4.46.3")
    assert facts["rollouts"] == [facts["clean"]] * 3
    assert facts["fed"] == [12, *[1] * 15]
    assert sum("has no KV cache" in line for line in said) == 1


@pytest.mark.parametrize(("version", "words"), [("4.51.3", []), ("5.23.0", ["eval"])])
def test_nothing_is_done_where_nothing_is_wrong(
    version: str, words: list[str], trained: Callable[..., Outcome]
) -> None:
    """4.51.3 generates right in train mode, and every version in eval mode: no line, no guard."""
    facts, said = trained(version, *words)
    assert facts["rollouts"] == [facts["clean"]] * 3
    assert not any(SAID in line for line in said)


def test_a_generation_config_that_leaked_is_mended(trained: Callable[..., Outcome]) -> None:
    """use_cache=false in the model's own generation config, in eval mode."""
    facts, said = trained("5.23.0", "eval", "uncached")
    assert facts["rollouts"] == [facts["clean"]] * 3
    assert facts["fed"] == [12, *[1] * 15]
    assert facts["changed"] == []
    assert sum("has use_cache=false" in line for line in said) == 1


def test_a_generation_config_that_is_passed(trained: Callable[..., Outcome]) -> None:
    """As TRL and GenRL pass theirs."""
    facts, _ = trained("5.23.0", "passed")
    assert facts["rollouts"] == [facts["clean"]] * 3


def test_between_forward_and_backward_the_call_is_left_alone(
    trained: Callable[..., Outcome],
) -> None:
    """Said, and the trainer goes on: nothing of ours stops it."""
    facts, said = trained("5.23.0", "unfinished")
    assert len(facts["rollouts"]) == 3
    assert any("between a forward and its backward" in line for line in said)


def test_the_line_is_in_the_users_language(trained: Callable[..., Outcome]) -> None:
    """简体中文."""
    _, said = trained("5.23.0", SWARMCACHE_LANG="zh_CN", PYTHONIOENCODING="utf-8")
    assert any("swarmcache：Qwen2ForCausalLM 的 generate()" in line for line in said)


def test_through_a_shell_script(
    generation_python: Callable[[str], str], tmp_path: pathlib.Path
) -> None:
    """What RL-Swarm's launcher does: a script starts Python."""
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\nexec {generation_python('5.23.0')} {TRAINER}\n")
    script.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", "run", "--guard-generation", "--", str(script)],
        env={**torch_variables(str(tmp_path)), "HF_HUB_CACHE": str(tmp_path / "hub")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["rollouts"] == [facts["clean"]] * 3
    assert SAID in done.stderr
