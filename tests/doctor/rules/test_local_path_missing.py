"""SC307: a local model folder is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

RUN = "python train.py --config conf/a.yaml\n"


def config(path: str) -> dict[str, str]:
    """Return a project whose config names a path."""
    return {"run.sh": RUN, "conf/a.yaml": f"model_name_or_path: {path}\n"}


@pytest.mark.parametrize("path", ["./Llama-3.2-1B-Instruct", "~/models/mine", "/srv/mine"])
def test_true_cases(path: str, tmp_path: Path) -> None:
    """As RL-Swarm 0.1 has it for Llama."""
    assert places(case(tmp_path, config(path)), "SC307") == ["conf/a.yaml:1"]


@pytest.mark.parametrize("path", ["org/m", "/path/to/model", "./here", "./made"])
def test_look_alikes(path: str, tmp_path: Path) -> None:
    """A repo, a placeholder, a folder that is there, one that a script makes."""
    files = {**config(path), "here/config.json": "{}", "get.sh": "hf download x --local-dir made\n"}
    assert places(case(tmp_path, files), "SC307") == []
