"""SC110: cache_dir on some load sites only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
from transformers import AutoModel, AutoTokenizer
AutoModel.from_pretrained("org/m", cache_dir={folder})
AutoTokenizer.from_pretrained("org/m"{more})
"""


@pytest.mark.parametrize("folder", ['"/x"', 'os.environ.get("MINE", "/x")'])
def test_a_model_with_and_a_tokenizer_without(folder: str, tmp_path: Path) -> None:
    """Told at the argument."""
    code = "import os\n" + CODE.format(folder=folder, more="")
    assert places(case(tmp_path, {"train.py": code}), "SC110") == ["train.py:3"]


@pytest.mark.parametrize(
    ("folder", "more"),
    [
        ('"/x"', ', cache_dir="/x"'),
        ("None", ""),
        ("args.cache_dir", ""),
        ('os.environ.get("MINE")', ""),
        ('"/x"', ", **kwargs"),
    ],
)
def test_look_alikes(folder: str, more: str, tmp_path: Path) -> None:
    """On all of them, none at all, not to be known, unset, perhaps handed on."""
    code = "import os\n" + CODE.format(folder=folder, more=more)
    assert places(case(tmp_path, {"train.py": code}), "SC110") == []


def test_a_config_that_the_code_does_not_follow(tmp_path: Path) -> None:
    """The original report's recipe: cache_dir in YAML, and tokenizers in Python without."""
    config = "model:\n  model_name_or_path: org/m\n  cache_dir: ${oc.env:TRANSFORMERS_CACHE,null}\n"
    run = "python train.py --config-path $PWD/conf --config-name a\n"
    files = {"run.sh": f"export TRANSFORMERS_CACHE=/x\n{run}", "conf/a.yaml": config}
    later = case(tmp_path / "5", files, transformers="5.23.0", huggingface_hub="2.4.0")
    assert places(later, "SC110") == ["conf/a.yaml:3"]
    # Before 5.0 transformers goes by that variable everywhere, so that both are in one folder.
    assert places(case(tmp_path / "4", files), "SC110") == []
    assert places(case(tmp_path / "u", {**files, "run.sh": run}), "SC110") == []
    common = {
        name: text.replace("TRANSFORMERS_CACHE", "HF_HUB_CACHE") for name, text in files.items()
    }
    assert places(case(tmp_path / "h", common, transformers="5.23.0"), "SC110") == []
