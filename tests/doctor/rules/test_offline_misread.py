"""SC403: offline switches that are read otherwise than they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line",
    [
        "export HF_HUB_OFFLINE=y",
        "export TRANSFORMERS_OFFLINE=enabled",
        'export HF_HUB_OFFLINE=" 1"',
        "export HF_DATASETS_OFFLINE=2",
        "export HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=1",
        "export HF_HUB_OFFLINE=no TRANSFORMERS_OFFLINE=true",
    ],
)
def test_true_cases(line: str, tmp_path: Path) -> None:
    """Not on, though it looks so; and one that undoes the other."""
    one = case(tmp_path, {"run.sh": f"{line}\npython train.py\n"})
    assert places(one, "SC403") == ["run.sh:1"]


@pytest.mark.parametrize(
    "line",
    [
        "export HF_HUB_OFFLINE=1",
        "export HF_HUB_OFFLINE=True",
        "export HF_HUB_OFFLINE=0",
        "export TRANSFORMERS_OFFLINE=0",
        "export HF_HUB_OFFLINE= TRANSFORMERS_OFFLINE=1",
        "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=0",
        "export HF_HUB_OFFLINE=$(offline)",
        "HF_HUB_OFFLINE=y",
    ],
)
def test_look_alikes(line: str, tmp_path: Path) -> None:
    """On, off, empty beside the old name (which then counts), unknown, not exported."""
    one = case(tmp_path, {"run.sh": f"{line}\npython train.py\n"})
    assert places(one, "SC403") == []


def test_two_programs_with_a_switch_each(tmp_path: Path) -> None:
    """Neither undoes the other's."""
    script = "HF_HUB_OFFLINE=0 python train.py\nTRANSFORMERS_OFFLINE=1 python train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC403") == []


def test_switches_of_different_ways_never_meet(tmp_path: Path) -> None:
    """In one branch both are on, in the other both are off."""
    script = (
        "if [ -d x ]; then\n  export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1\nelse\n"
        "  export HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=0\nfi\npython train.py\n"
    )
    assert places(case(tmp_path, {"run.sh": script}), "SC403") == []
