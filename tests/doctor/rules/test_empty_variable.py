"""SC104: a variable is set and empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "model_name_or_path: ${oc.env:MODEL_NAME, org/m}\n"
RUN = "python train.py --config-path $PWD/conf --config-name a\n"
ASK = "read -p 'model? ' MODEL_NAME\n"


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("export HF_HOME=\n" + RUN, 1),
        ('export HF_HUB_CACHE=""\n' + RUN, 1),
        ("export HF_HOME=${NOT_SET}\n" + RUN, 1),
        ("export MODEL_NAME=\n" + RUN, 1),
        ("export MODEL_NAME=${MODEL_NAME:-}\n" + RUN, 1),
        ("export MODEL_NAME\n" + ASK + "export MODEL_NAME\n" + RUN, 2),
    ],
)
def test_true_cases(script: str, line: int, tmp_path: Path) -> None:
    """Empty by hand, by an unset variable, by Enter."""
    one = case(tmp_path, {"run.sh": script, "conf/a.yaml": CONFIG})
    assert places(one, "SC104") == [f"run.sh:{line}"]


@pytest.mark.parametrize(
    "script",
    [
        "HF_HOME=\n" + RUN,
        "export HF_HOME=\nexport HF_HUB_CACHE=/x\n" + RUN,
        "export HF_HOME=/x\n" + RUN,
        "export OTHER=\n" + RUN,
        ASK + 'if [ -n "$MODEL_NAME" ]; then export MODEL_NAME; fi\n' + RUN,
        "export MODEL_NAME=${MODEL_NAME:-org/x}\n" + RUN,
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Not exported, decided by another, filled, no cache, exported only when filled (v0.7.0)."""
    one = case(tmp_path, {"run.sh": script, "conf/a.yaml": CONFIG})
    assert places(one, "SC104") == []


def test_enter_empties_what_the_user_has_exported(tmp_path: Path) -> None:
    """A variable that is inherited stays exported when `read` fills it."""
    script = ASK + 'if [ -n "$MODEL_NAME" ]; then export MODEL_NAME; fi\n' + RUN
    files = {"run.sh": script, "conf/a.yaml": CONFIG}
    one = case(tmp_path, files, variables={"MODEL_NAME": "org/mine"})
    assert places(one, "SC104") == ["run.sh:1"]
