"""SC102: transformers and huggingface_hub have a cache each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
ROOT=$PWD
export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"
export HF_HOME="$ROOT/.cache/huggingface"
export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"
python train.py
"""


def test_the_original_reports_recipe(tmp_path: Path) -> None:
    """It splits the cache with the transformers that genrl pins."""
    assert places(case(tmp_path, {"run.sh": RECIPE}), "SC102") == ["run.sh:2"]


def test_transformers_5_reads_none_of_it(tmp_path: Path) -> None:
    """So there is one cache."""
    one = case(tmp_path, {"run.sh": RECIPE}, transformers="5.0.0")
    assert places(one, "SC102") == []


def test_one_folder_by_all_names_is_one_cache(tmp_path: Path) -> None:
    """The three variables may agree."""
    script = RECIPE.replace('huggingface"\nexport HF_HOME', 'huggingface/hub"\nexport HF_HOME')
    assert places(case(tmp_path, {"run.sh": script}), "SC102") == []
