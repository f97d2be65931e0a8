"""SC702: a cache that this user cannot use."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from doctor.cases import found
from doctor.nodes import MODEL, needing, users_cache
from other_user import open_folder, run_as_other_user

if TYPE_CHECKING:
    from pathlib import Path

ASK = """\
import json, sys
from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.environment import Environment
from swarmcache.project.study import Project
project, home = sys.argv[1:]
environment = Environment({}, home, project)
case = Case(Project(project, environment), Node(environment))
found = examined(case, Wanted(only=("SC702",)))
print(json.dumps([[one.severity, one.message] for one in found]))
"""


def asked_by_nobody(
    folder: str, mode: int, closed: str | None = None, group: int | None = None
) -> list[list[str]]:
    """Return what a user without rights is told of a cache of this mode, in a `closed` folder.

    With `group` it is that group's.
    """
    import pathlib  # noqa: PLC0415

    root = pathlib.Path(folder)
    needing(root)
    cache = users_cache(root)
    cache.repo("org/m", MODEL)
    if group is not None:
        os.chown(cache.path, -1, group)
    os.chmod(cache.path, mode)
    if closed is not None:
        os.chmod(closed, 0o700)
    command = [sys.executable, "-c", ASK, str(root / "project"), str(root / "home")]
    done = run_as_other_user(command)
    assert done.returncode == 0, done.stderr
    rows: list[list[str]] = json.loads(done.stdout)
    return rows


def test_nothing_can_be_written() -> None:
    """Reading alone is not enough to fetch."""
    with open_folder() as folder:
        rows = asked_by_nobody(folder, 0o555)
    assert any("not writable" in message for _, message in rows)


def test_all_is_closed() -> None:
    """An error."""
    with open_folder() as folder:
        rows = asked_by_nobody(folder, 0o700)
    assert rows[0][0] == "error"


def test_a_folder_above_is_closed() -> None:
    """As `hf auth login` leaves a shared HF_HOME: the cache in it cannot be seen, and is named."""
    with open_folder() as folder:
        home = f"{folder}/home/.cache/huggingface"
        rows = asked_by_nobody(folder, 0o755, closed=home)
        assert rows == [["error", f"{home} cannot be entered, so {home}/hub is out of reach."]]


def test_a_groups_cache_is_right_for_its_members() -> None:
    """Who is none of them is told one thing: how to be one, or to have this cache as a tier."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders to any group")
    with open_folder() as folder:
        rows = asked_by_nobody(folder, 0o2770, group=4000)
    assert len(rows) == 1
    assert "is of the group 4000, which this user is not in" in rows[0][1]


def test_ones_own_cache_is_open(tmp_path: Path) -> None:
    """The owner, or root, is told nothing."""
    users_cache(tmp_path).repo("org/m", MODEL)
    assert found(needing(tmp_path), "SC702") == []
