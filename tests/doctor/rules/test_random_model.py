"""SC301: a model is drawn at random at each start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

SWARM = """\
model:
  pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
rewards:
  tokenizer_path: ${model.pretrained_model_name_or_path}
large: [org/a, org/b]
small: [org/c]
"""
RUN = "python train.py --config-path $PWD/conf --config-name a\n"


def node(folder: Path, mebibytes: int) -> dict[str, str]:
    """Return an environment whose nvidia-smi tells one GPU of this size."""
    (folder / "bin").mkdir()
    tool = folder / "bin/nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho {mebibytes}\n")
    tool.chmod(0o755)
    return {"PATH": f"{folder}/bin:/usr/bin:/bin"}


def test_a_pool_of_several_on_this_gpu(tmp_path: Path) -> None:
    """One finding, where the expression is first read."""
    files = {"run.sh": RUN, "conf/a.yaml": SWARM}
    (finding,) = found(case(tmp_path, files, variables=node(tmp_path, 81920)), "SC301")
    assert (finding.severity, finding.span and finding.span.line) == ("warning", 2)
    assert "org/a, org/b" in finding.message
    assert finding.fix is not None
    assert finding.fix.description.endswith("export MODEL_NAME=org/a")


def test_a_gpu_with_a_pool_of_one_makes_it_good_to_know(tmp_path: Path) -> None:
    """The project still draws elsewhere."""
    files = {"run.sh": RUN, "conf/a.yaml": SWARM}
    (finding,) = found(case(tmp_path, files, variables=node(tmp_path, 8192)), "SC301")
    assert finding.severity == "info"


@pytest.mark.parametrize(
    ("run", "config"),
    [
        ("export MODEL_NAME=org/x\n" + RUN, SWARM),
        (RUN, SWARM.replace("org/a, org/b", "org/a")),
        (RUN, SWARM.replace("${gpu_model_choice:${large},${small}}", "org/a")),
        ("python train.py --config-path $PWD/other --config-name a\n", SWARM),
    ],
)
def test_look_alikes(run: str, config: str, tmp_path: Path) -> None:
    """Pinned, pools of one, a plain default, a config that is not loaded."""
    files = {"run.sh": run, "conf/a.yaml": config, "other/a.yaml": "x: 1\n"}
    one = case(tmp_path, files, variables=node(tmp_path, 81920))
    assert places(one, "SC301") == []


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ('read MODEL_NAME\nif [ -n "$MODEL_NAME" ]; then export MODEL_NAME; fi\n', 1),
        ("export MODEL_NAME=${MODEL_NAME:-org/x}\n", 0),
    ],
)
def test_a_prompt_may_leave_it_open(prompt: str, expected: int, tmp_path: Path) -> None:
    """RL-Swarm asks, and Enter means the draw."""
    one = case(tmp_path, {"run.sh": prompt + RUN, "conf/a.yaml": SWARM})
    assert len(places(one, "SC301")) == expected
