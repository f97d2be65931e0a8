"""Models that a program's own options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case
from swarmcache.project.loads.names import effective_names

if TYPE_CHECKING:
    from pathlib import Path

PARSER = """\
import argparse
from transformers import AutoModel
parser = argparse.ArgumentParser()
{add}
args = parser.parse_args()
AutoModel.from_pretrained({use})
"""
DATACLASS = """\
from dataclasses import dataclass, field
from transformers import AutoModel, HfArgumentParser
@dataclass
class ModelArguments:
    model_name_or_path: str = {default}
parser = HfArgumentParser(ModelArguments)
(model_args,) = parser.parse_args_into_dataclasses()
AutoModel.from_pretrained(model_args.model_name_or_path)
"""


def names(folder: Path, code: str, command: str = "python train.py") -> list[str]:
    """Return what the one load site of a program gets, started by a command."""
    project = case(folder, {"train.py": code, "run.sh": f"{command}\n"}).project
    (load,) = project.loads_in_python
    return list(effective_names(project, load))


@pytest.mark.parametrize(
    ("add", "use", "command", "expected"),
    [
        ('parser.add_argument("--model", default="o/d")', "args.model", "", ["o/d"]),
        (
            'parser.add_argument("-m", "--model-name", default="o/d")',
            "args.model_name",
            "",
            ["o/d"],
        ),
        ('parser.add_argument("--m", dest="model", default="o/d")', "args.model", "", ["o/d"]),
        ('parser.add_argument("--model", default="o/d")', "args.model", " --model o/c", ["o/c"]),
        ('parser.add_argument("--model", default="o/d")', "args.model", " --model=o/c", ["o/c"]),
        ('parser.add_argument("--model", default="o/d")', "args.model", ' --model "$M"', [""]),
        ('parser.add_argument("--model", default="o/d")', "args.model", ' --model "$(m)"', []),
        ('parser.add_argument("--model", required=True)', "args.model", " --model o/c", ["o/c"]),
        ('parser.add_argument("--model", required=True)', "args.model", "", []),
        ('parser.add_argument("--model", default=f())', "args.model", "", []),
        ('parser.add_argument("--model", default="o/d")', "other.model", "", []),
        ('parser.add_argument("--model", default="o/d")', "args.other", "", []),
        ('D = "o/d"\nparser.add_argument("--model", default=D)', "args.model", "", ["o/d"]),
    ],
)
def test_argparse(add: str, use: str, command: str, expected: list[str], tmp_path: Path) -> None:
    """The command line comes before the default."""
    code = PARSER.format(add=add, use=use)
    assert names(tmp_path, code, f"python train.py{command}") == expected


def test_a_name_of_its_own(tmp_path: Path) -> None:
    """`name = args.model`, if it is given no other value."""
    add = 'parser.add_argument("--model", default="o/d")'
    code = PARSER.format(add=add, use="name").replace(
        "AutoModel.f", "name = args.model\nAutoModel.f"
    )
    assert names(tmp_path, code) == ["o/d"]
    assert names(tmp_path / "b", code.replace("name =", "name = x\nname =")) == []


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ('"o/d"', ["o/d"]),
        ('field(default="o/d", metadata={"help": "x"})', ["o/d"]),
        ("field(default_factory=f)", []),
    ],
)
def test_dataclasses(default: str, expected: list[str], tmp_path: Path) -> None:
    """As HfArgumentParser makes options of them."""
    code = DATACLASS.format(default=default)
    assert names(tmp_path, code) == expected
    command = "python train.py --model_name_or_path o/c"
    assert names(tmp_path / "b", code, command) == ["o/c"]


def test_a_switch_of_the_command_line_forces_nothing_by_itself(tmp_path: Path) -> None:
    """A default of True is not certain either."""
    add = 'parser.add_argument("--force", default=True)'
    code = PARSER.format(add=add, use='"o/d", force_download=args.force')
    project = case(tmp_path, {"train.py": code}).project
    assert project.loads_in_python[0].options["force_download"].value is None
