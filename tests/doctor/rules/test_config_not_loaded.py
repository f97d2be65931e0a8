"""SC305: people edit a config that is not the one that is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "model_name_or_path: org/m\n"
COPY = 'ROOT=$PWD\ncp "$ROOT/conf/a.yaml" "$ROOT/configs/a.yaml"\n'
RUN = 'python train.py --config-path "$ROOT/{folder}" --config-name a.yaml\n'


def test_the_copy_is_made_and_the_original_loaded(tmp_path: Path) -> None:
    """As RL-Swarm does it; the fix loads the copy."""
    files = {"run.sh": COPY + RUN.format(folder="conf"), "conf/a.yaml": CONFIG}
    (finding,) = found(case(tmp_path, files), "SC305")
    assert (finding.severity, finding.span and finding.span.line) == ("warning", 3)
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    before = (tmp_path / "project/run.sh").read_bytes()
    assert before[edit.start : edit.end] == b'"$ROOT/conf"'
    assert edit.text == '"$ROOT/configs"'


def test_a_copy_that_somebody_has_edited_is_an_error(tmp_path: Path) -> None:
    """The change has no effect today."""
    files = {
        "run.sh": COPY + RUN.format(folder="conf"),
        "conf/a.yaml": CONFIG,
        "configs/a.yaml": "model_name_or_path: org/mine\n",
    }
    (finding,) = found(case(tmp_path, files), "SC305")
    assert finding.severity == "error"


def test_a_named_config_that_nothing_makes(tmp_path: Path) -> None:
    """Its folder is there, so the name is wrong."""
    files = {"run.sh": "ROOT=$PWD\n" + RUN.format(folder="conf"), "conf/b.yaml": CONFIG}
    assert places(case(tmp_path, files), "SC305") == ["run.sh:2"]


@pytest.mark.parametrize(
    "script",
    [
        COPY + RUN.format(folder="configs"),
        "ROOT=$PWD\n" + RUN.format(folder="conf"),
        'ROOT=$PWD\ncp conf/a.yaml "$OUT/used.yaml"\n' + RUN.format(folder="conf"),
        "ROOT=$PWD\n" + RUN.format(folder="$1"),
        "ROOT=$PWD\ncurl -o configs/a.yaml x\n" + RUN.format(folder="configs"),
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """The copy is loaded (v0.5.0), no copy, a record of a run, an argument, a fetched file."""
    files = {"run.sh": script, "conf/a.yaml": CONFIG, "configs/README": ""}
    assert places(case(tmp_path, files), "SC305") == []
