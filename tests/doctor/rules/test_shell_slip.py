"""SC506: a version bound that the shell takes for a redirection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line",
    [
        "pip install reasoning-gym>=0.1.20 # a comment",
        "pip3 install -U pydantic>=2.0",
        "uv pip install x>=1 > /dev/null",
        "f() { pip install idna>=3.10; }",
    ],
)
def test_true_cases(line: str, tmp_path: Path) -> None:
    """By any pip, called or not, another redirection behind it or none."""
    assert places(case(tmp_path, {"run.sh": f"{line}\n"}), "SC506") == ["run.sh:1"]


@pytest.mark.parametrize(
    "line",
    [
        "pip install 'reasoning-gym>=0.1.20'",
        'pip install "pydantic>=2.0"',
        "pip install x==1.0 > log",
        "echo a>=1",
        "pip install x\\>=1",
        "[[ $a>=1 ]]",
    ],
)
def test_look_alikes(line: str, tmp_path: Path) -> None:
    """Quoted, escaped, a file that is meant, another command."""
    assert places(case(tmp_path, {"run.sh": f"{line}\n"}), "SC506") == []


def test_the_fix_quotes_the_requirement(tmp_path: Path) -> None:
    """And nothing else of the line."""
    text = "pip install -U  reasoning-gym>=0.1.20 # why\n"
    (finding,) = found(case(tmp_path, {"run.sh": text}), "SC506")
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    mended = text.encode()[: edit.start] + edit.text.encode() + text.encode()[edit.end :]
    assert mended == b"pip install -U  'reasoning-gym>=0.1.20' # why\n"


def test_one_finding_for_a_file(tmp_path: Path) -> None:
    """The others are its evidence, and all are mended."""
    text = "pip install a>=1\npip install b>=2 c>=3\n"
    (finding,) = found(case(tmp_path, {"run.sh": text}), "SC506")
    assert finding.span is not None
    assert (finding.span.line, len(finding.evidence)) == (1, 2)
    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits][:1] == ["'a>=1'"]
