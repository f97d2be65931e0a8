"""SC103: an old variable names the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("exports", "transformers", "severity"),
    [
        ("TRANSFORMERS_CACHE=/x", "5.0.0", "warning"),
        ("TRANSFORMERS_CACHE=/x HF_HUB_CACHE=/x", "5.0.0", "info"),
        ("TRANSFORMERS_CACHE=/x HF_HUB_CACHE=/x", "4.51.3", "info"),
        ("HUGGINGFACE_HUB_CACHE=/x", "4.51.3", "info"),
        ("HUGGINGFACE_HUB_CACHE=/x HF_HUB_CACHE=/y", "4.51.3", "warning"),
    ],
)
def test_who_still_reads_it(exports: str, transformers: str, severity: str, tmp_path: Path) -> None:
    """Worse where models end up elsewhere than it says."""
    script = f"export {exports}\npython train.py\n"
    (finding,) = found(case(tmp_path, {"run.sh": script}, transformers=transformers), "SC103")
    assert finding.severity == severity


@pytest.mark.parametrize(
    "script",
    [
        "export TRANSFORMERS_CACHE=/x HF_HUB_CACHE=/y\npython train.py\n",
        "export HF_HUB_CACHE=/x\npython train.py\n",
        "TRANSFORMERS_CACHE=/x\npython train.py\n",
        "# export TRANSFORMERS_CACHE=/x\npython train.py\n",
        "export TRANSFORMERS_CACHE=/x\npython other.py\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Two caches are SC102; today's name; not exported; a comment; a program that loads nothing."""
    files = {"run.sh": script, "other.py": "print(1)\n"}
    assert places(case(tmp_path, files), "SC103") == []


def test_the_name_of_today_is_a_safe_fix(tmp_path: Path) -> None:
    """Where the old one stands once."""
    script = "export HUGGINGFACE_HUB_CACHE=/x\npython train.py\n"
    (finding,) = found(case(tmp_path, {"run.sh": script}), "SC103")
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert (finding.fix.applicability, script[edit.start : edit.end], edit.text) == (
        "safe",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HUB_CACHE",
    )
    used = script + "ls $HUGGINGFACE_HUB_CACHE\n"
    (finding,) = found(case(tmp_path, {"run.sh": used}), "SC103")
    assert finding.fix is not None
    assert finding.fix.edits == ()
