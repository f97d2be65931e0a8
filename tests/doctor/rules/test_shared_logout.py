"""SC504: logging out of the Hub for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "script",
    [
        "hf auth logout\n",
        "huggingface-cli logout\n",
        "if ! hf auth logout > /dev/null 2>&1; then\n  hf auth logout\nfi\n",
        "export HF_HOME=/srv/hf\nhf auth logout\n",
    ],
)
def test_true_cases(script: str, tmp_path: Path) -> None:
    """The first one of a script; the token is the user's, or in a shared folder."""
    line = script[: script.index("logout")].count("\n") + 1
    assert places(case(tmp_path, {"run.sh": script}), "SC504") == [f"run.sh:{line}"]


@pytest.mark.parametrize(
    "script",
    [
        "hf auth whoami\n",
        "hf auth login\n",
        "hf auth logout --token-name mine\n",
        "export HF_TOKEN_PATH=$PWD/.token\nhf auth logout\n",
        "export HF_HOME=$PWD/.hf\nhf auth logout\n",
        "export HF_HOME=$(mktemp -d)\nhf auth logout\n",
        "echo hf auth logout\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Other commands, one named token, a place that is the project's own or unknown."""
    assert places(case(tmp_path, {"run.sh": script}), "SC504") == []
