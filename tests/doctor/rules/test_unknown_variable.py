"""SC107: a variable that no library of the Hub reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HF_HUB_CACHE_DIR", "HF_HUB_CACHE"),
        ("HF_CACHE", "HF_HUB_CACHE"),
        ("HF_HUB_DOWNLOAD_TIMEOUTS", "HF_HUB_DOWNLOAD_TIMEOUT"),
        ("HUGGINGFACE_OFFLINE", "HF_HUB_OFFLINE"),
        ("TRANSFORMER_CACHE", ""),
    ],
)
def test_names_that_mean_another(name: str, meant: str, tmp_path: Path) -> None:
    """With the one that is meant; only names that look like the Hub's."""
    findings = found(case(tmp_path, {"run.sh": f"export {name}=1\npython train.py\n"}), "SC107")
    assert [meant in one.message for one in findings] == ([True] if meant else [])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("export HF_HUB_CACHE=/x\npython train.py\n", ""),
        ("export HF_XET_NUM_CONCURRENT_RANGE_GETS=8\npython train.py\n", ""),
        ("export HF_USERNAME=me\npython train.py\n", ""),
        ("export HF_CACHE=/x\nexport HF_HOME=$HF_CACHE\npython train.py\n", ""),
        ("export HF_CACHE=/x\npython train.py\n", 'import os\nos.environ["HF_CACHE"]\n'),
        ("HF_CACHE=/x\npython train.py\n", ""),
    ],
)
def test_look_alikes(script: str, code: str, tmp_path: Path) -> None:
    """Known, hf_xet's, somebody's own, used by the script, read by the code, not exported."""
    assert places(case(tmp_path, {"run.sh": script, "own.py": code}), "SC107") == []
