"""Fixes of configs and code: together they mend, and a second time they change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.cases import case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.fixing import plan_fixes

if TYPE_CHECKING:
    from pathlib import Path

RULES = Wanted(only=("SC103", "SC111", "SC308", "SC604"))
FILES = {
    "run.sh": (
        "HF_HOME=/x  # kept\n"
        "export HUGGINGFACE_HUB_CACHE=/y\n"
        "hf download o/m --force-download --quiet\n"
        "python train.py\n"
    ),
    "out/config.json": '{"model_type": "x", "use_cache": false}\n',
    "train.py": (
        "from transformers import AutoModel\n"
        "AutoModel.from_pretrained('o/m', force_download=True)\n"
    ),
}
MENDED = {
    "run.sh": (
        "export HF_HOME=/x  # kept\n"
        "export HF_HUB_CACHE=/y\n"
        "hf download o/m --quiet\n"
        "python train.py\n"
    ),
    "out/config.json": '{"model_type": "x", "use_cache": true}\n',
    "train.py": (
        "from transformers import AutoModel\n"
        "AutoModel.from_pretrained('o/m', force_download=False)\n"
    ),
}


def test_fixes_mend_and_change_nothing_else(tmp_path: Path) -> None:
    """All that is safe, in three kinds of file; then nothing is left to be told."""
    one = case(tmp_path, FILES)
    plan = plan_fixes(one.project.folder, examined(one, RULES), frozenset({"safe"}))
    after = {change.file: change.after.decode() for change in plan.changes}
    assert after == MENDED
    assert examined(case(tmp_path / "again", MENDED), RULES) == ()
