"""SC501: packages installed at each start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

START = "python train.py\n"


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("pip install -r requirements.txt\n", "warning"),
        ("python3 -m pip install trl\n", "warning"),
        ("uv pip install trl\n", "warning"),
        ("./.venv/bin/pip install --force-reinstall transformers==4.51.3\n", "warning"),
        ("install() {\n  pip install -r $1\n}\ninstall requirements.txt\n", "warning"),
        ("pip install --upgrade pip\n", "info"),
        ("cd . && pip install trl && echo done\n", "warning"),
        ('if [ -z "$1" ]; then echo usage; exit 1; fi\npip install trl\n', "warning"),
    ],
)
def test_true_cases(line: str, severity: str, tmp_path: Path) -> None:
    """By pip in its spellings; only pip itself is a remark."""
    (finding,) = found(case(tmp_path, {"run.sh": line + START}), "SC501")
    assert finding.severity == severity


def test_one_finding_for_all_of_a_script(tmp_path: Path) -> None:
    """The others are its evidence."""
    one = case(tmp_path, {"run.sh": "pip install a\npip install b\n" + START})
    (finding,) = found(one, "SC501")
    assert [evidence.span.line for evidence in finding.evidence] == [2]


@pytest.mark.parametrize(
    "files",
    [
        {"install.sh": "pip install -r requirements.txt\n", "run.sh": START},
        {"run.sh": "if ! command -v vllm; then pip install vllm; fi\n" + START},
        {"run.sh": "f() {\n if x; then return; fi\n pip install vllm\n}\nf\n" + START},
        {"run.sh": "python -c 'import trl' || pip install trl\n" + START},
        {"run.sh": "pip list\npip download trl\n" + START},
        {"run.sh": "echo pip install trl\n" + START},
        {"run.sh": "pip install -r requirements.txt\npython other.py\n"},
    ],
)
def test_look_alikes(files: dict[str, str], tmp_path: Path) -> None:
    """An installer of its own, only where missing, other commands, no model in sight."""
    assert places(case(tmp_path, {"other.py": "print(1)\n", **files}), "SC501") == []
