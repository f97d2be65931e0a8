"""SC308: a download is forced, or goes to a fresh folder at each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places
from swarmcache.project.edits import edited

if TYPE_CHECKING:
    from pathlib import Path

CODE = "from transformers import AutoModel\nAutoModel.from_pretrained('o/m', force_download={})\n"


@pytest.mark.parametrize(
    ("files", "place", "after"),
    [
        ({"train.py": CODE.format("True")}, "train.py:2", CODE.format("False")),
        (
            {"run.sh": "hf download o/m --force-download --quiet\n"},
            "run.sh:1",
            "hf download o/m --quiet\n",
        ),
        (
            {
                "run.sh": "python train.py --config-path $PWD --config-name a\n",
                "a.yaml": "model_name_or_path: o/m  # so\nforce_download: true\n",
            },
            "a.yaml:2",
            "model_name_or_path: o/m  # so\nforce_download: false\n",
        ),
    ],
)
def test_switches_and_their_fix(
    files: dict[str, str], place: str, after: str, tmp_path: Path
) -> None:
    """In code, on a command line, in a config; the fix changes that and nothing else."""
    (finding,) = found(case(tmp_path, files), "SC308")
    assert finding.span is not None
    assert finding.fix is not None
    assert f"{finding.span.file}:{finding.span.line}" == place
    before = (tmp_path / "project" / finding.span.file).read_bytes()
    assert finding.fix.applicability == "safe"
    assert edited(before, finding.fix.edits).decode() == after


def test_a_fresh_folder_at_each_run(tmp_path: Path) -> None:
    """By mktemp."""
    script = "export HF_HOME=$(mktemp -d)\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC308") == ["run.sh:1"]


@pytest.mark.parametrize(
    "files",
    [
        {"train.py": CODE.format("False")},
        {"train.py": CODE.format("args.force")},
        {"run.sh": "export TMPDIR=$(mktemp -d)\npython train.py\n"},
        {"run.sh": "export HF_HOME=$(readlink -f x)\npython train.py\n"},
        {"train.py": "", "tests/test_a.py": CODE.format("True")},
    ],
)
def test_look_alikes(files: dict[str, str], tmp_path: Path) -> None:
    """Off, not known, another folder, a path that stays, tests."""
    assert places(case(tmp_path, files), "SC308") == []
