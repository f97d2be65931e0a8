"""Notebooks: exports without effect (SC111), what is set too late (SC108), what shells get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places
from project.readers.test_notebook import notebook

if TYPE_CHECKING:
    from pathlib import Path

LOADS = "from transformers import AutoModel\nAutoModel.from_pretrained('a/b')\n"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["!export HF_HOME=/x\n", LOADS], ["a.ipynb:14"]),
        (["import os\nos.system('export HF_HOME=/x')\n", LOADS], ["a.ipynb:15"]),
        (["import os\nos.system(f'export HF_HOME={x}')\n", LOADS], ["a.ipynb:15"]),
        (["import os\nos.system('export HF_HOME=' + x)\n", LOADS], ["a.ipynb:15"]),
        (["import os\nos.system('export HF_HOME=/x; python train.py')\n", LOADS], []),
        (["%%bash\nexport HF_HOME=/x\n", LOADS], ["a.ipynb:15"]),
        (["%env HF_HOME=/x\n", LOADS], []),
        (["!export HF_HOME=/x && python train.py\n"], []),
        (["%%bash\nexport HF_HOME=/x\npython train.py\n"], []),
        (["!export OTHER=/x\n", LOADS], []),
        (["import os\nos.environ['HF_HOME'] = '/x'\n!export HF_HOME=/x\n"], []),
        (["# !export HF_HOME=/x\n", "print('!export HF_HOME=/x')\n"], []),
    ],
)
def test_exports_without_effect(cells: list[str], expected: list[str], tmp_path: Path) -> None:
    """A shell of its own ends at once; what it starts itself does see them."""
    assert places(case(tmp_path, {"a.ipynb": notebook(*cells)}), "SC111") == expected


def test_exports_of_modules(tmp_path: Path) -> None:
    """The same in Python files."""
    code = "import subprocess\nsubprocess.run('export HF_HUB_CACHE=/x', shell=True)\n"
    (one,) = found(case(tmp_path, {"set.py": code}), "SC111")
    assert one.span is not None
    assert (one.span.file, one.span.line) == ("set.py", 2)
    assert one.fix is not None
    assert "os.environ" in one.fix.description


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["import transformers\n", "%env HF_HOME=/x\n"], ["a.ipynb:28"]),
        (["import transformers\n", "import os\nos.environ['HF_HOME'] = '/x'\n"], ["a.ipynb:29"]),
        (["%env HF_HOME=/x\n", "import transformers\n"], []),
        (["import transformers\n", "%env WANDB_MODE=offline\n"], []),
    ],
)
def test_set_too_late(cells: list[str], expected: list[str], tmp_path: Path) -> None:
    """Cells count from top to bottom."""
    assert places(case(tmp_path, {"a.ipynb": notebook(*cells)}), "SC108") == expected


def test_shells_get_what_env_has_set(tmp_path: Path) -> None:
    """But nothing of another shell."""
    text = notebook("%env HF_HOME=/x\n!export HF_ENDPOINT=y\n!python train.py\n")
    (loader,) = case(tmp_path, {"a.ipynb": text}).project.loaders
    assert loader.execution.root.kind == "notebook"
    assert [one and one.value for one in loader.execution.variable("HF_HOME")] == ["/x"]
    assert [one and one.value for one in loader.execution.variable("HF_ENDPOINT")] == [None]


def test_nobody_is_told_of_defaults_in_notebooks(tmp_path: Path) -> None:
    """Somebody sits before them."""
    one = case(tmp_path, {"a.ipynb": notebook("!pip install x\n!python train.py\n")})
    assert [places(one, code) for code in ("SC101", "SC401", "SC501")] == [[]] * 3
