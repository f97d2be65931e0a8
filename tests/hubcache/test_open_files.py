"""Open and mapped files, as procfs tells."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from other_user import NOBODY, open_folder, run_as_other_user
from processes import python
from swarmcache.hubcache.use.open_files import open_files

if TYPE_CHECKING:
    from pathlib import Path

HOW = {
    "open": "f = open(sys.argv[1], 'rb')",
    "mapped, and closed": (
        "import mmap; f = open(sys.argv[1], 'rb'); "
        "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()"
    ),
    "opened by another name": (
        "import os; os.link(sys.argv[1], sys.argv[1] + '2'); f = open(sys.argv[1] + '2', 'rb')"
    ),
    "a working directory": "import os; os.chdir(sys.argv[1])",
}


@pytest.mark.parametrize("how", HOW)
def test_what_a_process_has_is_told(tmp_path: Path, how: str) -> None:
    """By device and inode, as long as it lives."""
    path = tmp_path / "file"
    if "directory" in how:
        path.mkdir()
    else:
        path.write_bytes(b"x" * 5000)
    program = f"import sys; {HOW[how]}; print('ready'); sys.stdin.read()"
    command = [*python(program), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        found = os.stat(path)
        users = open_files(str(tmp_path)).users
        process.stdin.close()
    assert users[found.st_dev, found.st_ino] == [process.pid]
    assert (found.st_dev, found.st_ino) not in open_files(str(tmp_path)).users


def test_this_process_itself_does_not_count(tmp_path: Path) -> None:
    """It opens files to look at them."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        found = os.fstat(file.fileno())
        assert (found.st_dev, found.st_ino) not in open_files(str(tmp_path)).users


def test_processes_of_others_are_counted() -> None:
    """Their files are closed to whoever has no rights; ours as root are among them."""
    if os.geteuid() != 0:
        pytest.skip("only root has processes that another test user may not look into")
    program = (
        "from swarmcache.hubcache.use.open_files import open_files\n"
        "found = open_files('/nowhere')\n"
        "print(found.uninspected, found.visible)\n"
    )
    with open_folder() as folder:
        done = run_as_other_user([sys.executable, "-c", program], cwd=folder)
    count, visible = done.stdout.split()
    assert int(count) >= 1, NOBODY
    assert visible == "True"
