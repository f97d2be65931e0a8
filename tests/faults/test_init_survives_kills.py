"""`init` killed at any instant: each file is the old or the new one; a rerun or `--undo` ends it.

Chosen instants: before the n-th change to the disk (each file opened for writing, rename, link,
folder, removal, sync).
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest
import yaml

from faults.bringing import run

if TYPE_CHECKING:
    from faults.bringing import Ended

pytestmark = pytest.mark.faults

FILES = {
    ".gitignore": "logs\n",
    ".env": "TRANSFORMERS_CACHE=/old\n",
    "run.sh": (
        '#!/bin/bash\nset -e\n. .env\npython train.py --config-path "$PWD/conf" --config-name c\n'
    ),
    "train.py": "import transformers\n",
    "conf/c.yaml": (
        "m:\n  _target_: transformers.AutoModel.from_pretrained\n"
        "  pretrained_model_name_or_path: o/m\n  cache_dir: /x  # mine\n  force_download: true\n"
    ),
    "Dockerfile": 'FROM python\nCOPY . /app\nWORKDIR /app\nCMD ["bash", "run.sh"]\n',
    "compose.yaml": "services:\n  trainer:\n    build: .\n",
}
CHANGED = {
    *(".gitignore", ".dockerignore", "run.sh", "conf/c.yaml"),
    *("swarmcache.toml", "compose.override.yaml"),
}
INIT, UNDO = ["init", "--layout", "project", "--yes"], ["init", "--undo"]


def made(ground: pathlib.Path, name: object) -> str:
    """Return a folder with a project in it."""
    folder = ground / str(name)
    for file, text in FILES.items():
        path = folder / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "project/run.sh").chmod(0o755)
    return str(folder)


def files(folder: str) -> dict[str, bytes]:
    """Return what the project holds, drafts too, but for its cache; its own path is left out."""
    project = pathlib.Path(folder) / "project"
    found = (path for path in project.rglob("*") if path.is_file())
    named = {str(path.relative_to(project)): path for path in found}
    place = folder.encode()
    return {
        name: path.read_bytes().replace(place, b"HERE")
        for name, path in named.items()
        if ".cache/" not in name
    }


def command(words: list[str], folder: str, die_at: int = 0) -> Ended:
    """Run a command in the project."""
    return run(words, folder, die_at=die_at, cwd=f"{folder}/project")


@pytest.fixture
def whole(tmp_path: pathlib.Path) -> tuple[dict[str, bytes], int]:
    """What an undisturbed init leaves, and how many changes that takes."""
    folder = made(tmp_path, "whole")
    before = files(folder)
    done = command(INIT, folder)
    assert done.code == 0, done
    after = files(folder)
    assert {name for name in after if after[name] != before.get(name)} == CHANGED
    return after, done.changes


def refuse_illegal(folder: str, after: dict[str, bytes]) -> None:
    """Fail unless every file is as before or as after, and one that its reader reads."""
    for name, data in files(folder).items():
        if name.endswith(".tmp"):
            continue
        before = FILES[name].encode() if name in FILES else None
        assert data in {before, after.get(name)}, name
        if name.endswith(".yaml"):
            yaml.safe_load(data)
    subprocess.run(["bash", "-n", f"{folder}/project/run.sh"], check=True)
    assert os.access(f"{folder}/project/run.sh", os.X_OK)


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_a_change(
    tmp_path: pathlib.Path, whole: tuple[dict[str, bytes], int], step: int
) -> None:
    """A rerun ends it, and what is then undone is as before."""
    after, changes = whole
    assert changes > 20
    for instant in range(1, changes + 1, step):
        folder = made(tmp_path, instant)
        before = files(folder)
        died = command(INIT, folder, die_at=instant)
        assert died.code == -SIGKILL, (instant, died)
        refuse_illegal(folder, after)
        assert command(INIT, folder).code == 0, instant
        assert files(folder) == after, instant
        assert command(UNDO, folder).code == 0, instant
        assert files(folder) == before, instant
        shutil.rmtree(folder)


def test_undone_after_each_kill(
    tmp_path: pathlib.Path, whole: tuple[dict[str, bytes], int]
) -> None:
    """Without a rerun: whatever was written goes, and so do drafts of the dead."""
    after, changes = whole
    for instant in range(1, changes + 1, 4):
        folder = made(tmp_path, instant)
        before = files(folder)
        command(INIT, folder, die_at=instant)
        assert command(UNDO, folder).code in {0, 1}, instant
        assert files(folder) == before, instant
        shutil.rmtree(folder)
    assert set(after) > set(before)


def test_an_undo_that_is_killed(
    tmp_path: pathlib.Path, whole: tuple[dict[str, bytes], int]
) -> None:
    """Another undo ends it."""
    after, _ = whole
    folder = made(tmp_path, "undo")
    before = files(folder)
    command(INIT, folder)
    changes = command(UNDO, folder).changes
    assert files(folder) == before
    for instant in range(1, changes + 1):
        folder = made(tmp_path, f"undo-{instant}")
        command(INIT, folder)
        assert command(UNDO, folder, die_at=instant).code == -SIGKILL, instant
        refuse_illegal(folder, after)
        assert command(UNDO, folder).code == 0, instant
        assert files(folder) == before, instant
        shutil.rmtree(folder)
