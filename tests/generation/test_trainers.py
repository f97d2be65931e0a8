"""The real trainers: GenRL after a failed round, and TRL's GRPO, old and newest."""

from __future__ import annotations

import json
import os
import subprocess
from statistics import mean
from typing import TYPE_CHECKING, Any

import compat_environments
import pytest

from .conftest import INSIDE, torch_variables

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]

STEPS = "8"


def played(python: str, script: str, home: pathlib.Path, *words: str) -> dict[str, Any]:
    """Return the facts that a script in `inside` prints last."""
    done = subprocess.run(
        [python, str(INSIDE / script), *words],
        env=torch_variables(str(home)),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


@pytest.mark.parametrize(("version", "harmed"), [("4.51.3", False), ("5.23.0", True)])
def test_the_round_after_a_failed_one(
    version: str, harmed: bool, outside: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """GenRL's round 1 fails in training; round 2 generates in train mode, wrong from 4.53 on."""
    folder = outside.get("SWARMCACHE_COMPAT_ENVS") or compat_environments.ROOT / ".cache" / "envs"
    python = os.path.join(os.path.abspath(folder), f"trainer-{version}", "bin", "python")
    if not os.path.exists(python):
        pytest.skip(f"No {python}: make it by python tasks/torch_environment.py {version}")
    facts = played(python, "genrl_rounds.py", tmp_path)
    assert facts["plain"] == {
        "right": [True, True, not harmed, True],
        "training": [False, False, True, False],
        "learnt": True,
        "checkpointing": True,
    }
    assert facts["guarded"] == {
        "right": [True] * 4,
        "training": [False] * 4,
        "learnt": True,
        "checkpointing": True,
    }


def test_old_trl_trains_on_wrong_rollouts(
    generation_python: Callable[[str], str], tmp_path: pathlib.Path
) -> None:
    """TRL 0.21.0 on 4.57.1 learns nothing; with the guard the same run has its rewards."""
    facts = played(generation_python("4.57.1"), "grpo.py", tmp_path, "--steps", STEPS)
    assert facts["trl"] == "0.21.0"
    assert mean(facts["plain"]) < 0.4
    assert mean(facts["guarded"]) > 0.55


@pytest.mark.parametrize("version", ["4.46.3", "4.51.3", "5.23.0"])
def test_elsewhere_the_guard_changes_no_run(
    version: str, generation_python: Callable[[str], str], tmp_path: pathlib.Path
) -> None:
    """Slow or unharmed versions, and the newest TRL, which mends itself: the same rewards."""
    facts = played(generation_python(version), "grpo.py", tmp_path, "--steps", "6")
    assert mean(facts["guarded"]) == pytest.approx(mean(facts["plain"]), abs=0.1)
    assert mean(facts["plain"]) > 0.5
