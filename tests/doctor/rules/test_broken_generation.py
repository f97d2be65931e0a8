"""SC602 without a log: TRL before 0.22, transformers from 4.53 on, checkpointing, no vLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, interpreter

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
from trl import GRPOConfig, GRPOTrainer
config = GRPOConfig(
    output_dir="out",
    gradient_checkpointing=True,
)
GRPOTrainer("org/model", args=config).train()
"""


def lines(folder: Path, code: str, trl: str, transformers: str) -> list[int]:
    """Return where SC602 finds something in a script, beside these versions."""
    interpreter(folder / "env", trl=trl)
    one = case(folder, {"grpo.py": code}, transformers=transformers)
    return [finding.span.line for finding in found(one, "SC602") if finding.span]


@pytest.mark.parametrize(("trl", "transformers"), [("0.21.0", "4.57.1"), ("0.15.2", "5.23.0")])
def test_rollouts_of_old_trl(tmp_path: Path, trl: str, transformers: str) -> None:
    """At the argument that switches checkpointing on."""
    assert lines(tmp_path, CODE, trl, transformers) == [4]


@pytest.mark.parametrize(
    ("code", "trl", "transformers"),
    [
        (CODE, "0.22.0", "4.57.1"),
        (CODE, "0.21.0", "4.52.4"),
        (CODE, "0.14.0", "4.57.1"),
        (CODE.replace("=True", "=False"), "0.21.0", "4.57.1"),
        (CODE.replace("    gradient_checkpointing=True,\n", ""), "0.21.0", "4.57.1"),
        (CODE.replace("=True,", "=True, use_vllm=True,"), "0.21.0", "4.57.1"),
        (CODE.replace("=True,", "=True, use_vllm=args.vllm,"), "0.21.0", "4.57.1"),
        (CODE.replace("=True,", "=True, **more,"), "0.21.0", "4.57.1"),
        (CODE.replace("GRPO", "SFT"), "0.21.0", "4.57.1"),
        (CODE.replace("trl", "mine"), "0.21.0", "4.57.1"),
    ],
)
def test_look_alikes(tmp_path: Path, code: str, trl: str, transformers: str) -> None:
    """Other versions, no checkpointing, vLLM or what may be vLLM, another trainer."""
    assert lines(tmp_path, code, trl, transformers) == []
