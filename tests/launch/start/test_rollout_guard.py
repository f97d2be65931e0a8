"""The hook that `run --guard-generation` puts into every Python that a command starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from swarmcache.generation.occasions import OCCASIONS, SITE, VARIABLE
from swarmcache.launch.start.rollout_guard import guarded

if TYPE_CHECKING:
    import pathlib

MIXIN = """
class GenerationMixin:
    def generate(self, inputs=None, generation_config=None, **options):
        return "generated"
"""
USE = (
    "import sys, transformers.generation.utils as utils\n"
    "generate = utils.GenerationMixin.generate\n"
    "print(hasattr(generate, '__wrapped__'), utils.__spec__.loader.__class__.__name__)\n"
    "import inspect; print('inputs' in inspect.signature(generate).parameters)\n"
)


@pytest.fixture
def packages(tmp_path: pathlib.Path) -> str:
    """Return a folder with something like transformers, where generate() is defined."""
    folder = tmp_path / "packages"
    package = folder / "transformers" / "generation"
    package.mkdir(parents=True)
    (folder / "transformers" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "utils.py").write_text(MIXIN)
    return str(folder)


def python(code: str, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that has the guard's environment, and none of our site-packages."""
    return subprocess.run(
        [sys.executable, "-S", *flags, "-c", f"import sitecustomize\n{code}"],
        env=guarded({"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_generate_is_wrapped_when_transformers_is_imported(packages: str) -> None:
    """Though swarmcache is not installed there; the module's loader keeps its type."""
    done = python(USE, PYTHONPATH=packages)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True SourceFileLoader", "True"]


def test_a_python_without_transformers_imports_nothing_of_ours(packages: str) -> None:
    """Every tool that the command starts passes through this."""
    code = "import sys; print(sorted(m for m in sys.modules if m.startswith('swarmcache')))"
    assert python(code, PYTHONPATH=packages).stdout == "[]\n"


def test_our_folder_leaves_the_path_and_our_packages_never_enter_it(packages: str) -> None:
    """What the trainer imports afterwards is found as without us."""
    done = python("import sys; print(*sys.path, sep='\\n')", PYTHONPATH=packages)
    lines = done.stdout.splitlines()
    assert packages in lines
    assert SITE not in lines
    assert not any("site-packages" in line for line in lines)


def test_the_sitecustomize_behind_ours_runs(packages: str, tmp_path: pathlib.Path) -> None:
    """That of a distribution or of a tracing agent, under its own name, once."""
    other = tmp_path / "agent"
    other.mkdir()
    (other / "sitecustomize.py").write_text("print('agent', __name__, __file__)\nVALUE = 7\n")
    both = f"{packages}{os.pathsep}{other}"
    done = python("import sitecustomize as s; print(s.VALUE)", PYTHONPATH=both)
    assert done.stdout.splitlines() == [f"agent sitecustomize {other}/sitecustomize.py", "7"]


def test_an_error_in_the_one_behind_is_told_as_without_us(tmp_path: pathlib.Path) -> None:
    """By Python itself, at start-up; the program still runs."""
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')\n")
    done = subprocess.run(
        [sys.executable, "-c", "print('runs')"],
        env=guarded({"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "runs\n"
    assert "Error in sitecustomize" in done.stderr
    assert "theirs" in done.stderr


def test_a_transformers_that_cannot_be_guarded_is_said(packages: str) -> None:
    """One line, and the import succeeds."""
    with open(os.path.join(packages, "transformers/generation/utils.py"), "w") as file:
        file.write("GenerationMixin = None\n")
    done = python("import transformers.generation.utils; print('runs')", PYTHONPATH=packages)
    assert done.stdout == "runs\n"
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("swarmcache: generate() is not guarded: ")


def test_an_older_swarmcache_there_is_no_obstacle(packages: str) -> None:
    """Its own modules stay its own; only what it lacks comes from ours."""
    os.mkdir(os.path.join(packages, "swarmcache"))
    with open(os.path.join(packages, "swarmcache/__init__.py"), "w") as file:
        file.write("VERSION = 'old'\n")
    done = python(f"{USE}import swarmcache; print(swarmcache.VERSION)", PYTHONPATH=packages)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True SourceFileLoader", "True", "old"]


def test_every_occasion_has_its_sentence() -> None:
    """In the environment, as JSON; the rest of the environment stays."""
    variables = guarded({"PYTHONPATH": "/mine", "A": "b"})
    assert variables["PYTHONPATH"] == f"{SITE}{os.pathsep}/mine"
    assert variables["A"] == "b"
    assert json.loads(variables[VARIABLE]).keys() == set(OCCASIONS)


def test_an_empty_pythonpath_does_not_become_the_working_directory() -> None:
    """A trailing colon would."""
    assert guarded({"PYTHONPATH": ""})["PYTHONPATH"] == SITE
