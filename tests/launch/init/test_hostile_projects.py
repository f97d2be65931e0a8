"""Projects in which something stands in the place of a file: nothing hangs, and nothing is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from launch.init.projects import place

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    ".gitignore": "logs\n",
    ".dockerignore": "logs\n",
    ".env": "A=1\n",
    "run.sh": (
        "#!/bin/bash\nset -a\n. .env\n"
        "python train.py --config-path $PWD/conf --config-name c.yaml\n"
    ),
    "train.py": "from dotenv import load_dotenv\nload_dotenv()\nimport transformers\n",
    "conf/c.yaml": (
        "m:\n  _target_: transformers.AutoModel.from_pretrained\n"
        "  pretrained_model_name_or_path: o/m\n  cache_dir: /x\n"
    ),
    "Dockerfile": "FROM python\nCOPY . /app\nWORKDIR /app\nCMD bash run.sh\n",
    "docker-compose.yaml": "services:\n  trainer:\n    build: .\n",
    "docker-compose.override.yml": "services:\n  trainer:\n    restart: always\n",
}
PLACES = [*FILES, "compose.override.yaml"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("kind", ["pipe", "folder", "dead link", "link to itself", "zeros"])
def test_something_else_in_the_place_of_a_file(tmp_path: Path, name: str, kind: str) -> None:
    """It stays what it is; everything else is set up, and undone."""
    node = place(tmp_path, FILES)
    path = node.folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "zeros":
        path.write_bytes(bytes(1000))
    else:
        path.symlink_to("nowhere" if kind == "dead link" else path.name)
    was = os.lstat(path)
    before = {p: p.read_bytes() for p in node.folder.rglob("*") if p.is_file()}
    node.init("project")
    now = os.lstat(path)
    assert (now.st_mode, now.st_ino) == (was.st_mode, was.st_ino)
    assert (node.folder / "swarmcache.toml").is_file()
    assert set(node.undo()) == {""}
    assert {p: p.read_bytes() for p in node.folder.rglob("*") if p.is_file()} == before
