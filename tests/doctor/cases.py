"""Small projects as cases for the rules: files by their names, and the trainer's libraries."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from swarmcache.doctor.finding import Finding

TRAIN = """\
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("org/model")
"""
"""A program that loads a model."""


def case(
    folder: pathlib.Path,
    files: Mapping[str, str],
    *,
    transformers: str = "4.51.3",
    huggingface_hub: str = "0.36.2",
    variables: Mapping[str, str] | None = None,
) -> Case:
    """Write a project below `folder`, and an interpreter with these libraries beside it."""
    project = folder / "project"
    for name, content in {"train.py": TRAIN, **files}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    python = interpreter(folder / "env", transformers=transformers, huggingface_hub=huggingface_hub)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = Environment(dict(variables or {}), str(home), str(project))
    return Case(Project(str(project), environment), Node(environment, python))


def interpreter(folder: pathlib.Path, **libraries: str) -> str:
    """Lay out an environment in which these versions are installed, and return it."""
    site = folder / "lib/python3.11/site-packages"
    for name, version in libraries.items():
        (site / f"{name}-{version}.dist-info").mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    python = folder / "bin/python"
    if not python.exists():
        python.write_text("")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return str(folder)


def found(one: Case, code: str) -> list[Finding]:
    """Return what one rule finds."""
    return list(examined(one, Wanted(only=(code,), preview=True)))


def places(one: Case, code: str) -> list[str]:
    """Return where one rule finds something, as `file:line`."""
    return [f"{f.span.file}:{f.span.line}" if f.span else "" for f in found(one, code)]
