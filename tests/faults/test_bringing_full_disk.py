"""A disk that fills up under `adopt`, `move`, `export` and `import`: exit 3, and all is as it was.

Chosen instants: another program takes all that is free before the n-th change to the disk.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cleaning import tree
from faults.bringing import (
    FILES,
    LATER,
    PARTIAL,
    Ended,
    build,
    refuse_harm,
    refuse_illegal,
    refuse_remains,
    run,
)
from small_disks import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults
SIZE = 2**21
ASKED = ["org/links", f"org/links@{LATER}", "org/shared"]
NAMES = (*ASKED, "org/links@v1")
HERE = ["--cache-dir", "{read}/hub"]
INTO = ["--cache-dir", "{disk}/dest"]
WORDS = {
    "adopt": ["adopt", "{read}/hub", *INTO],
    "move": ["move", "{disk}/dest", "--yes"],
    "export to a tar": ["export", *ASKED, "{disk}/dest.tar", *HERE],
    "export to a folder": ["export", *ASKED, "{disk}/dest", *HERE],
    "export --plain": ["export", "org/links", "{disk}/dest", "--plain", *HERE],
    "import a tar": ["import", "{read}/x.tar", *INTO],
    "import a folder": ["import", "{read}/x", *INTO],
}
"""What is done, by its name."""
NO_CACHE = {"export to a tar", "export --plain"}
"""What makes something else than a cache."""
INSTANTS = (1, 5, 20, 60, 110, 190, 270, 350, 430)


@pytest.fixture
def disk(ground: str) -> Iterator[str]:
    """Yield a file system of 2 MiB."""
    with small_disk(f"{ground}/disk", "tmpfs", f"size={SIZE}") as folder:
        yield folder


def prepare(read: str) -> str:
    """Make a project with a source, and what an export makes of it; return its settings' text."""
    shutil.rmtree(read, ignore_errors=True)
    build(f"{read}/hub")
    for name in ("x", "x.tar"):
        words = ["export", *ASKED, f"{read}/{name}", "--cache-dir", f"{read}/hub"]
        assert run(words, read).code == 0
    shutil.rmtree(f"{read}/state")
    os.unlink(f"{read}/changes")
    text = f'[cache]\ndir = "{read}/hub"\n'
    with open(f"{read}/swarmcache.toml", "w") as file:
        file.write(text)
    return text


def full_at(
    words: list[str], folder: str, disk: str, instant: int, patch: pytest.MonkeyPatch
) -> Ended:
    """Run a command under which the disk fills up then; afterwards it is free again."""
    with patch.context() as patched:
        patched.setenv("FILL", f"{disk}/filler")
        done = run(words, folder, die_at=instant, cwd=f"{os.path.dirname(folder)}/read")
    if os.path.exists(f"{disk}/filler"):
        assert os.path.getsize(f"{disk}/filler") > SIZE // 2
        os.unlink(f"{disk}/filler")
    return done


@pytest.mark.parametrize("what", WORDS)
def test_there_is_no_room_any_more(
    ground: str, disk: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clear word, the source untouched, nothing half; with room again a rerun finishes."""
    read, folder = f"{ground}/read", f"{ground}/work"
    os.makedirs(folder)
    words = [word.format(read=read, disk=disk) for word in WORDS[what]]
    failures = 0
    for instant in INSTANTS:
        prepare(read)
        before = tree(read)
        done = full_at(words, folder, disk, instant, monkeypatch)
        if done.code == 0:
            break  # Nothing was written after that change, or there were fewer.
        failures += 1
        assert (done.code, "Traceback" in done.said) == (3, False), (instant, done)
        assert "is full" in done.said + done.out, (instant, done)
        assert tree(read) == before
        if what in NO_CACHE:
            assert os.listdir(disk) == []
        else:
            refuse_illegal(f"{disk}/dest")
        again = run(words, folder, cwd=read)
        assert again.code == 0, again
        if what not in NO_CACHE:
            refuse_harm(f"{disk}/dest", names=tuple(FILES) if what == "move" else NAMES)
        refuse_remains(disk, partials=(PARTIAL,))
        for entry in os.scandir(disk):
            (shutil.rmtree if entry.is_dir() else os.unlink)(entry.path)
    assert failures
