"""Pieces of a project for tests: made by the command, in a project of any name."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = 'it\'s a "node" $5 %h 100% & more; 节点'
"""A folder name with what some format would take for its own."""
MODEL = "tiny/one"


def emit(project: Path, kind: str, *words: str, language: str = "en", **variables: str) -> str:
    """Return what `swarmcache emit` prints in a project; fails where it ends with an error."""
    done = run(project, "emit", kind, *words, SWARMCACHE_LANG=language, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run swarmcache in a project to its end."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def project_in(folder: Path, *, launch: str = "./train.sh") -> Path:
    """Make a project whose settings name a cache beside it, and return its folder."""
    project = folder / "project"
    project.mkdir(parents=True)
    settings = f'[cache]\ndir = "../hub"\n[launch]\ncommand = "{launch}"\n'
    (project / "swarmcache.toml").write_text(settings)
    return project
