"""SC306: a loaded config is no YAML, or cannot resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

RUN = "python train.py --config-path $PWD/conf --config-name a\n"


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("a: 1\nb: [1, 2\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: ${b.c}\nb: {d: 1}\n", 1),
        ("a: 1\nb: ${a\n", 2),
        ("a: ${b}\nb: ${a}\n", 1),
    ],
)
def test_true_cases(config: str, line: int, tmp_path: Path) -> None:
    """An open bracket, a tab, a key that is not there, an open brace, a circle."""
    one = case(tmp_path, {"run.sh": RUN, "conf/a.yaml": config})
    assert places(one, "SC306")[0] == f"conf/a.yaml:{line}"


@pytest.mark.parametrize(
    "config",
    [
        "a: ${oc.env:NOT_SET}\n",
        "a: ${my_resolver:1}\n",
        "a: ${hydra:runtime.cwd}/${now:%H}\nb: ${hydra.run.dir}\n",
        "a: ???\nb: ${a}\n",
        "defaults: [elsewhere]\na: ${b}\n",
        "a: '\\${b}'\n",
        "# a: ${b}\n",
    ],
)
def test_look_alikes(config: str, tmp_path: Path) -> None:
    """What the environment, the program, Hydra or another package brings; escapes; comments."""
    one = case(tmp_path, {"run.sh": RUN, "conf/a.yaml": config})
    assert places(one, "SC306") == []


def test_keys_that_the_command_line_adds(tmp_path: Path) -> None:
    """Then nothing is said of missing ones."""
    one = case(tmp_path, {"run.sh": RUN.strip() + " +b.c=1\n", "conf/a.yaml": "a: ${b.c}\n"})
    assert places(one, "SC306") == []


def test_a_config_that_nothing_loads(tmp_path: Path) -> None:
    """It may be broken."""
    one = case(tmp_path, {"run.sh": "python train.py\n", "conf/a.yaml": "a: [\n"})
    assert places(one, "SC306") == []
