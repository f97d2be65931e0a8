"""SC111: a variable is assigned and never exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


def test_true_cases(tmp_path: Path) -> None:
    """Told at the assignment; the fix exports it, and is safe where the value is plain."""
    script = "HF_HOME=/x\nHF_HUB_CACHE=$(pwd)/y\npython train.py\n"
    first, second = found(case(tmp_path, {"run.sh": script}), "SC111")
    assert [one.span and one.span.line for one in (first, second)] == [1, 2]
    assert first.fix is not None
    assert second.fix is not None
    assert (first.fix.applicability, second.fix.applicability) == ("safe", "unsafe")
    (edit,) = first.fix.edits
    assert (edit.start, edit.end, edit.text) == (0, 0, "export ")


def test_what_is_typed_and_never_exported(tmp_path: Path) -> None:
    """The config's variable stays in the shell."""
    run = "read MODEL_NAME\npython train.py --config-path $PWD/conf --config-name a\n"
    config = "model_name_or_path: ${oc.env:MODEL_NAME, org/m}\n"
    assert places(case(tmp_path, {"run.sh": run, "conf/a.yaml": config}), "SC111") == ["run.sh:1"]


@pytest.mark.parametrize(
    "script",
    [
        "export HF_HOME=/x\npython train.py\n",
        "HF_HOME=/x\nexport HF_HOME\npython train.py\n",
        "set -a\nHF_HOME=/x\npython train.py\n",
        "HF_HOME=/x python train.py\n",
        "HF_HOME=/x\npython train.py --cache $HF_HOME\n",
        "HF_HOME=\npython train.py\n",
        "HF_TOKEN=x\nhf auth login --token $HF_TOKEN\npython train.py\n",
        "OTHER=/x\npython train.py\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Exported in every way, handed over as an argument, empty, a token, no variable of the Hub."""
    assert places(case(tmp_path, {"run.sh": script}), "SC111") == []
