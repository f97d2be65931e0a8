"""A file that another process changes while it is hashed: noticed, and never remembered as good.

What was changed once is hashed again, so that the answer is about the bytes that are there now;
what goes on changing has no hash.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from faults.damage import Victim, flip
from faults.verifying import age, snapshot_of
from swarmcache.environment import Environment
from swarmcache.hubcache.intact.verdicts import Corrupt, FileVerdict, Remembered, Verified
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.state import state_folder
from swarmcache.progress import Silent

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

pytestmark = pytest.mark.faults

MIB = 2**20
CONTENT = bytes(range(256)) * (8 * MIB // 256)
WRITE = "import sys; f = open(sys.argv[1], 'r+b'); f.seek(int(sys.argv[2])); f.write(b'x')"
GROW = "import sys; open(sys.argv[1], 'ab').write(b'x')"
CUT = "import os, sys; os.truncate(sys.argv[1], int(sys.argv[2]))"
REPLACE = "import os, sys; p = sys.argv[1]; open(p + '.n', 'wb').close(); os.replace(p + '.n', p)"
FLIP = (
    "import sys; f = open(sys.argv[1], 'r+b'); f.seek(9); b = f.read(1)[0]; f.seek(9);"
    "f.write(bytes([b ^ 1]))"
)


class Meanwhile(Silent):
    """Does something, up to so many times, each time that a MiB has just been hashed."""

    def __init__(self, act: Callable[[], object], times: int) -> None:
        self._act = act
        self._left = times
        self.heard = 0
        """Bytes that were hashed."""

    def advance(self, task: str, count: int) -> None:
        """Act, while the thread that hashes waits for us."""
        self.heard += count
        if self._left:
            self._left -= 1
            self._act()


@pytest.fixture
def victim(tmp_path: pathlib.Path) -> Victim:
    """A model's weights of 8 MiB, old enough to be remembered."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/large", {"model.bin": CONTENT})
    age(maker.path)
    return Victim(snapshot_of(maker.path, "org/large"), "model.bin")


def verdict(victim: Victim, progress: Silent | None = None) -> FileVerdict:
    """Return what a run says of the weights."""
    cache = os.path.dirname(os.path.dirname(os.path.dirname(victim.snapshot)))
    state = state_folder(cache, Environment.current())
    run = verify([parse_target("org/large")], cache, state=state, progress=progress)
    (found,) = (one for one in run if one.path == "model.bin")
    return found


def by_another_process(times: int, program: str, *arguments: object) -> Meanwhile:
    """Return a listener that runs a program, and waits for its end, in the middle of hashing."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return Meanwhile(lambda: subprocess.run(command, check=True, timeout=60), times)


@pytest.mark.parametrize(
    ("program", "argument", "kind"),
    [
        (WRITE, 10, "wrong-hash"),
        (WRITE, 6 * MIB, "wrong-hash"),
        (GROW, 0, "wrong-size"),
        (CUT, 4 * MIB, "truncated"),
        (CUT, 10, "truncated"),
        (REPLACE, 0, "empty"),
    ],
    ids=["behind", "ahead", "grown", "cut ahead", "cut behind", "replaced"],
)
def test_one_change_is_noticed(victim: Victim, program: str, argument: int, kind: str) -> None:
    """Behind the reader, where the first hash would still be right, as well as ahead of it."""
    first = verdict(victim, by_another_process(1, program, victim.content, argument)).outcome
    again = verdict(victim).outcome
    assert isinstance(first, Corrupt)
    assert isinstance(again, Corrupt)
    assert again.kind == kind


def test_a_change_that_is_taken_back_is_noticed(victim: Victim) -> None:
    """The bytes are right again, the modification time too; they are hashed once more."""

    def there_and_back() -> None:
        before = os.stat(victim.content)
        flip(victim.content, 6 * MIB)
        flip(victim.content, 6 * MIB)
        os.utime(victim.content, ns=(before.st_atime_ns, before.st_mtime_ns))

    listener = Meanwhile(there_and_back, 1)
    assert verdict(victim, listener).outcome == Verified()
    assert listener.heard == 2 * len(CONTENT)


def test_what_goes_on_changing_has_no_hash(victim: Victim) -> None:
    """Nor is it remembered: when the writer has stopped, the bytes are hashed."""
    found = verdict(victim, by_another_process(2 * 8, FLIP, victim.content)).outcome
    assert isinstance(found, Corrupt)
    assert found.kind == "changed-while-reading"
    assert verdict(victim).outcome == Verified()  # An even number of flips.


def test_without_a_change_it_is_remembered(victim: Victim) -> None:
    """So that what the others show is not that nothing ever is."""
    listener = Meanwhile(int, 8)
    assert verdict(victim, listener).outcome == Verified()
    assert listener.heard == len(CONTENT)
    assert isinstance(verdict(victim).outcome, Remembered)
