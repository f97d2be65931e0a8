"""SC204: a cache for each instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = 'FROM python:3.11\nWORKDIR /app\nCOPY *.py .\nCMD ["python", "train.py"]\n'


def stack(first: str, second: str) -> str:
    """Return two services of one image, with a mount each."""
    return (
        f"services:\n  one:\n    build: .\n    volumes: ['{first}']\n"
        f"  two:\n    build: .\n    volumes: ['{second}']\n"
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("./1:/root/.cache/huggingface", "./2:/root/.cache/huggingface", ["compose.yaml:4"]),
        ("a:/root/.cache", "b:/root/.cache", ["compose.yaml:4"]),
        ("./x:/root/.cache/huggingface", "./x:/root/.cache/huggingface", []),
        ("./x:/root/.cache/huggingface", "./x:/root/.cache", []),  # Another matter.
        ("./1:/keys", "./2:/keys", []),
    ],
)
def test_services(first: str, second: str, expected: list[str], tmp_path: Path) -> None:
    """By what is mounted where."""
    files = {"Dockerfile": IMAGE, "compose.yaml": stack(first, second)}
    assert places(case(tmp_path, files), "SC204") == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("for i in 1 2; do\n  HF_HOME=/c/$i python train.py &\ndone\n", ["run.sh:2"]),
        (
            'for i in $(seq 8); do\n  export HF_HUB_CACHE="$PWD/$i"\n  python train.py\ndone\n',
            ["run.sh:2"],
        ),
        ("for i in 1 2; do\n  HF_HOME=/c/all python train.py $i &\ndone\n", []),
        ("export HF_HOME=/c\nfor i in 1 2; do python train.py $i; done\n", []),
        ("while true; do HF_HOME=/c/$i python train.py; done\n", []),
    ],
)
def test_loops(script: str, expected: list[str], tmp_path: Path) -> None:
    """Whose variable is in the name of the cache."""
    assert places(case(tmp_path, {"run.sh": script}), "SC204") == expected


def test_other_models_are_no_copies(tmp_path: Path) -> None:
    """One image may serve several."""
    compose = (
        "services:\n"
        "  a: {image: vllm/vllm-openai, command: --model o/a, volumes: ['./a:/root/.cache']}\n"
        "  b: {image: vllm/vllm-openai, command: --model o/b, volumes: ['./b:/root/.cache']}\n"
    )
    assert places(case(tmp_path, {"compose.yaml": compose}), "SC204") == []
