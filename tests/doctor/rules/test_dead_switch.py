"""SC406: switches that this version of huggingface_hub ignores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "export HF_HUB_ENABLE_HF_TRANSFER=1\npython train.py\n"
CODE = (
    "from huggingface_hub import snapshot_download\n"
    "snapshot_download('org/m', resume_download=True, local_dir_use_symlinks=False)\n"
)


@pytest.mark.parametrize("version", ["1.0.0", "1.18.0", "2.4.0"])
def test_without_effect_from_1_on(version: str, tmp_path: Path) -> None:
    """The variable, and both arguments."""
    one = case(tmp_path, {"run.sh": SCRIPT, "get.py": CODE}, huggingface_hub=version)
    assert places(one, "SC406") == ["get.py:2", "get.py:2", "run.sh:1"]


def test_before_1_they_work(tmp_path: Path) -> None:
    """hf_transfer downloads there."""
    one = case(tmp_path, {"run.sh": SCRIPT, "get.py": CODE}, huggingface_hub="0.36.2")
    assert places(one, "SC406") == []


def test_switched_off_is_no_switch(tmp_path: Path) -> None:
    """Nobody expects anything of it."""
    one = case(tmp_path, {"run.sh": SCRIPT.replace("=1", "=0")}, huggingface_hub="2.4.0")
    assert places(one, "SC406") == []
