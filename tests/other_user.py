"""Runs a command as a user without rights, since tests may run as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOBODY = 65534


@contextlib.contextmanager
def open_folder() -> Iterator[str]:
    """Yield a temporary folder that any user can enter; pytest's own are closed to others."""
    folder = tempfile.mkdtemp(prefix="swarmcache-test-")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def protected() -> Iterator[None]:
    """Have the kernel forbid hard links to files of others, as distributions do."""
    place = "/proc/sys/fs/protected_hardlinks"
    try:
        with open(place) as file:
            before = file.read()
        with open(place, "w") as file:
            file.write("1")
    except OSError:
        pytest.skip("this machine lets us protect no hard links")
    try:
        yield
    finally:
        with open(place, "w") as file:
            file.write(before)


def run_as_other_user(
    command: Sequence[str], **options: object
) -> subprocess.CompletedProcess[str]:
    """Run `command` as nobody when we are root, else as ourselves; skip where that cannot be."""
    if os.geteuid() == 0:
        return run_as(NOBODY, NOBODY, command, **options)
    return _run(command, **options)


def run_as(
    uid: int, group: int, command: Sequence[str], **options: object
) -> subprocess.CompletedProcess[str]:
    """Run `command` as a user with a group of their own, and `group` besides; skip without root."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv to drop root's rights with")
    ids = ["--reuid", str(uid), "--regid", str(uid), "--groups", str(group)]
    return _run(["setpriv", *ids, *command], **options)


def _run(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # type: ignore[call-overload]
        command, capture_output=True, text=True, check=False, **{"timeout": 60, **options}
    )
    closed = ("No module named", "cannot execute", "error while loading shared libraries")
    if any(reason in done.stderr for reason in closed):
        pytest.skip("the other user cannot read this checkout, or this interpreter")
    return done  # type: ignore[no-any-return]
