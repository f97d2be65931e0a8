"""Which versions a project pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.cases import case
from swarmcache.doctor.node import Node
from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from pathlib import Path

UV = '[[package]]\nname = "transformers"\nversion = "4.51.3"\nsource = { registry = "x" }\n'
PYPROJECT = """\
[project]
dependencies = ["transformers==4.51.3", "trl>=0.1"]
[dependency-groups]
dev = ["huggingface-hub == 0.36.2 ; python_version > '3'"]
[tool.poetry.dependencies]
datasets = { version = "5.0.1" }
"""
ALL = {"transformers": "4.51.3", "huggingface_hub": "0.36.2", "datasets": "5.0.1"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.txt": "transformers==4.51.3\n"}, {"transformers": "4.51.3"}),
        ({"requirements-gpu.txt": "transformers[torch]==4.5  # why\n"}, {"transformers": "4.5"}),
        ({"requirements.txt": "transformers>=4.51.3\ntrl~=0.19\n"}, {}),
        ({"requirements.txt": "# transformers==4.51.3\nmytransformers==1\n"}, {}),
        ({"requirements.txt": "trl==1\n", "requirements/gpu-requirements.txt": "trl==2\n"}, {}),
        ({"requirements.txt": "trl==1\n", "requirements-gpu.txt": "trl==1\n"}, {"trl": "1"}),
        ({"examples/requirements.txt": "trl==1\n"}, {}),
        ({"uv.lock": UV, "requirements.txt": "transformers==1\n"}, {"transformers": "4.51.3"}),
        ({"poetry.lock": UV}, {"transformers": "4.51.3"}),
        ({"pyproject.toml": PYPROJECT}, ALL),
        ({"pyproject.toml": "[project\n"}, {}),
        ({"run.sh": "pip install transformers==4.51.3 trl\n"}, {"transformers": "4.51.3"}),
    ],
)  # fmt: skip
def test_exact_versions(files: dict[str, str], expected: dict[str, str], tmp_path: Path) -> None:
    """A lock before requirements; ranges and contradictions are none."""
    assert case(tmp_path, files).project.pins == expected


def test_they_count_where_nothing_is_installed(tmp_path: Path) -> None:
    """And where nobody names an interpreter."""
    environment = Environment({"PATH": str(tmp_path)}, str(tmp_path), str(tmp_path))
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text("")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    (tmp_path / "requirements.txt").write_text("transformers==4.51.3\ntrl==0.19.1\n")
    project = Project(str(tmp_path), environment)
    seen = environment._replace(variables={"VIRTUAL_ENV": str(tmp_path)})
    found = Node(seen, None, lambda: project.pins).libraries
    assert (found.transformers, found.huggingface_hub) == ("4.51.3", None)
    assert Node(seen, str(tmp_path), lambda: project.pins).libraries.transformers is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("[[package]]\nname=\"transformers'==1.2{},#", max_size=200))
@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml", "requirements.txt"])
def test_nothing_makes_it_fail(name: str, text: str, tmp_path: Path) -> None:
    """Whatever the files hold."""
    one = case(tmp_path, {})
    (tmp_path / "project" / name).write_text(f"transformers\n{text}")
    _ = one.project.pins
