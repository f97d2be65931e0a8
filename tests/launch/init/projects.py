"""Projects that `init` is run on, written out, with a user and libraries beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from doctor.cases import case
from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.launch.init import apply_setup, plan_init, undo_setup
from swarmcache.launch.init.planning import MENDED
from swarmcache.project.study import Project

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from swarmcache.environment import Environment
    from swarmcache.launch.init import SetupPlan


def hydra_python() -> str:
    """Return an interpreter with the real hydra-core and omegaconf; skips where there is none."""
    environments = os.environ.get("SWARMCACHE_COMPAT_ENVS", ".cache/envs")
    python = os.path.abspath(f"{environments}/hydra-1.3.8/bin/python")
    if not os.path.exists(python):
        pytest.skip("no environment with hydra-core: make test-compat")
    return python


def compose_services(folder: pathlib.Path, *files: str) -> dict[str, Any]:
    """Return the services as the real docker-compose has them; skips where it is not installed.

    It needs no engine for that. Without `files` it reads what it reads by itself.
    """
    program = shutil.which("docker-compose", path="/usr/local/bin:/usr/bin:/bin")
    if program is None:
        pytest.skip("docker-compose is not installed")
    named = [word for file in files for word in ("-f", file)]
    done = subprocess.run(
        [program, *named, "--profile", "swarm", "config"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HF_TOKEN": "", "GENSYN_RESET_CONFIG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


class Place(NamedTuple):
    """A project with its user."""

    folder: pathlib.Path
    environment: Environment
    python: str

    def plan(self, layout: str | None = None, group: str | None = None) -> SetupPlan:
        """Return what an init would do."""
        return plan_init(
            str(self.folder), self.environment, layout=layout, group=group, python=self.python
        )

    def init(self, layout: str | None = None, group: str | None = None) -> SetupPlan:
        """Carry a plan out, and return it."""
        plan = self.plan(layout, group)
        assert list(apply_setup(plan, self.environment)) == list(plan.writes)
        return plan

    def undo(self) -> list[str]:
        """Take everything back; return why files stay."""
        return [one.reason for one in undo_setup(str(self.folder), self.environment)]

    def files(self) -> dict[str, bytes]:
        """Return every file of the project."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.folder)] = file.read()
        return found

    def text(self, name: str) -> str:
        """Return what a file of the project holds."""
        return (self.folder / name).read_text()

    def findings(self) -> list[tuple[str, str]]:
        """Return what doctor still finds of what init is to mend."""
        one = Case(Project(str(self.folder), self.environment), Node(self.environment, self.python))
        found = examined(one, Wanted(only=MENDED))
        return [(f.rule, f"{f.span.file}:{f.span.line}" if f.span else "") for f in found]


def place(
    folder: pathlib.Path,
    files: Mapping[str, str],
    *,
    transformers: str = "4.51.3",
    variables: Mapping[str, str] | None = None,
) -> Place:
    """Write a project; the user's home and state lie beside it."""
    state = {"XDG_STATE_HOME": str(folder / "state"), **(variables or {})}
    made = case(folder, files, transformers=transformers, variables=state)
    environment = made.node.environment
    return Place(folder / "project", environment, str(folder / "env"))
