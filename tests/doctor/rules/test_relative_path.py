"""SC105: the cache depends on the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("value", ["./cache", "cache", ".cache/huggingface", "../shared"])
def test_true_cases(value: str, tmp_path: Path) -> None:
    """However it is written."""
    script = f"export HF_HOME={value}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC105") == ["run.sh:1"]


@pytest.mark.parametrize(
    "value", ["/x", "~/x", '"$PWD/x"', '""', '"$HOME/x"', '"$(pwd)/x"', "'$HOME/x'", "$UNKNOWN/x"]
)
def test_look_alikes(value: str, tmp_path: Path) -> None:
    """Absolute in the end; empty is another rule's."""
    script = f"export HF_HOME={value}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC105") == []


def test_in_code_it_is_good_to_know(tmp_path: Path) -> None:
    """Who always starts from one folder loses nothing."""
    code = (
        "from transformers import AutoModel\n"
        'AutoModel.from_pretrained("a/b", cache_dir="./m")\n'
        'AutoModel.from_pretrained("a/c", cache_dir="./m")\n'
        'AutoModel.from_pretrained("a/d", cache_dir="/m")\n'
    )
    (finding,) = found(case(tmp_path, {"train.py": code}), "SC105")
    assert finding.severity == "info"
    assert finding.span is not None
    assert finding.span.line == 2


def test_a_container_has_one_working_directory(tmp_path: Path) -> None:
    """So a relative path is one folder there."""
    image = 'FROM python:3.11\nWORKDIR /app\nCOPY . .\nENV HF_HOME=c\nCMD ["python", "train.py"]\n'
    assert places(case(tmp_path, {"Dockerfile": image}), "SC105") == []
