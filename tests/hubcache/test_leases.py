"""Leases: who uses which repos, alive or dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from other_user import open_folder, run_as_other_user
from swarmcache.environment import Environment
from swarmcache.errors import AccessDenied
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.state import LEASES, state_folder
from swarmcache.hubcache.use import owners
from swarmcache.hubcache.use.leases import (
    FAR_SECONDS,
    lease,
    leases,
    sweep_leases,
    take_lease,
)

if TYPE_CHECKING:
    from pathlib import Path

A, B = RepoName("model", "org/a"), RepoName("dataset", "org/b")
HOLD = (
    "import os, sys\n"
    "from swarmcache.environment import Environment\n"
    "from swarmcache.hubcache.layout import RepoName\n"
    "from swarmcache.hubcache.use.leases import take_lease\n"
    "take_lease(sys.argv[1], Environment.current(), [RepoName('model', 'org/a')])\n"
)
WAIT = "print('ready', flush=True); sys.stdin.read()"


def records(cache: Path) -> list[str]:
    """Return the files that leases have left."""
    folder = f"{state_folder(str(cache), Environment.current()).path}/{LEASES}"
    return os.listdir(folder) if os.path.isdir(folder) else []


def hold(cache: Path, then: str) -> subprocess.Popen[str]:
    """Start a process that takes a lease and then goes on."""
    command = [sys.executable, "-u", "-c", HOLD + then, str(cache)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_lease_holds_while_its_block_runs(tmp_path: Path) -> None:
    """And leaves nothing."""
    environment = Environment.current()
    with lease(str(tmp_path), environment, [A, B]):
        (found,) = leases(str(tmp_path), environment)
        assert (found.owner.pid, found.repos) == (os.getpid(), {A, B})
    assert leases(str(tmp_path), environment) == []
    assert records(tmp_path) == []


def test_a_lease_dies_with_its_process(tmp_path: Path) -> None:
    """Killed, its record stays until a verb that changes the disk sweeps it."""
    environment = Environment.current()
    process = hold(tmp_path, WAIT)
    with process:
        assert [one.owner.pid for one in leases(str(tmp_path), environment)] == [process.pid]
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert leases(str(tmp_path), environment) == []
    assert len(records(tmp_path)) == 1
    sweep_leases(str(tmp_path), environment)
    assert records(tmp_path) == []


def test_the_draft_of_a_killed_process_is_swept_too(tmp_path: Path) -> None:
    """It was killed before the rename; a living one's, here or elsewhere, stays."""
    environment = Environment.current()
    process = hold(tmp_path, WAIT)
    (record,) = records(tmp_path)
    process.kill()
    process.communicate()
    folder = f"{state_folder(str(tmp_path), environment).path}/{LEASES}"
    mine = owners.this_process()
    far = mine._replace(boot="f" * 16)
    living = sorted(f"{one.record}.{one.record}.tmp" for one in (mine, far))
    for name in (f"{record}.{record}.tmp", *living):
        open(f"{folder}/{name}", "x").close()
    sweep_leases(str(tmp_path), environment)
    assert sorted(records(tmp_path)) == living
    assert leases(str(tmp_path), environment) == []


def test_a_lease_outlives_an_exec(tmp_path: Path) -> None:
    """`run --exec` becomes the trainer, which uses the model."""
    inner = "import sys; print('ready', flush=True); sys.stdin.read()"
    process = hold(tmp_path, f"os.execv(sys.executable, [sys.executable, '-c', {inner!r}])")
    with process:
        found = leases(str(tmp_path), Environment.current())
        assert [one.owner.pid for one in found] == [process.pid]
        assert process.stdin is not None
        process.stdin.close()


def test_a_lease_of_another_machine_counts_for_some_days(tmp_path: Path) -> None:
    """Nobody here can see whether it lives."""
    environment = Environment.current()
    path = take_lease(str(tmp_path), environment, [A])
    assert path is not None
    far = owners.this_process()._replace(boot="f" * 16)
    record = os.path.join(os.path.dirname(path), far.record)
    os.rename(path, record)
    assert [one.repos for one in leases(str(tmp_path), environment)] == [{A}]
    then = time.time() - FAR_SECONDS - 1
    os.utime(record, (then, then))
    assert leases(str(tmp_path), environment) == []


def test_where_nothing_can_be_written_a_lease_stops_nobody(tmp_path: Path) -> None:
    """As in a start from a cache that is not there, or on a full disk."""
    with lease(str(tmp_path / "absent"), Environment.current(), [A]):
        assert not (tmp_path / "absent").exists()


def test_a_lease_that_cannot_be_read_is_an_error_not_nothing() -> None:
    """Then nobody knows what it protects."""
    with open_folder() as folder:
        path = take_lease(folder, Environment.current(), [A])
        assert path is not None
        os.chmod(path, 0o600)
        program = (
            "import sys\n"
            "from swarmcache.environment import Environment\n"
            "from swarmcache.errors import AccessDenied\n"
            "from swarmcache.hubcache.use.leases import leases\n"
            "try:\n    print(leases(sys.argv[1], Environment.current()))\n"
            "except AccessDenied as error:\n    print('refused')\n"
        )
        done = run_as_other_user(
            [sys.executable, "-c", program, folder], env={**os.environ, "HOME": folder}, cwd=folder
        )
        assert done.stdout == "refused\n", done.stderr


def test_the_error_names_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its owner can be asked."""
    environment = Environment.current()
    take_lease(str(tmp_path), environment, [A])
    folder = f"{state_folder(str(tmp_path), environment).path}/{LEASES}"
    real = os.listdir

    def refuse(path: str) -> list[str]:
        if path == folder:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(AccessDenied, match="leases cannot be read"):
        leases(str(tmp_path), environment)
