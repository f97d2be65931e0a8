"""Claims on content: one process at a time, and nobody waits for the dead or the stuck."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from swarmcache.environment import Environment
from swarmcache.hubcache.intact import crew
from swarmcache.hubcache.intact.claims import Claims
from swarmcache.hubcache.intact.verdicts import Verified
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.state import State, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import sys
from swarmcache.hubcache.intact.claims import Claims
from swarmcache.hubcache.state import State
state = State(sys.argv[1], True, sys.argv[1], 0o700)
with Claims.opened(state, "ledger") as claims:
    print(*[claims.take(int(inode)) for inode in sys.argv[2:]], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The state beside an empty cache."""
    (tmp_path / "hub").mkdir()
    return state_folder(str(tmp_path / "hub"), Environment({}, str(tmp_path), "/"))


@contextmanager
def held(state: State, *inodes: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has claimed the inodes, and does nothing else."""
    command = [sys.executable, "-c", HOLD, state.path, *map(str, inodes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().split() == ["True"] * len(inodes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_another_process_claims_cannot_be_had(state: State) -> None:
    """Its neighbours can; inode numbers may take all 64 bits."""
    with held(state, 7, 2**64 - 1), Claims.opened(state, "ledger") as claims:
        assert not claims.take(7)
        assert not claims.take(2**64 - 1)
        assert claims.take(8)


def test_a_claim_ends_when_it_is_given_back(state: State) -> None:
    """Then the other process gets it."""
    with Claims.opened(state, "ledger") as claims:
        assert claims.take(7)
        claims.give_back(7)
        with held(state, 7):
            assert not claims.take(7)


def test_a_claim_ends_with_its_process(state: State) -> None:
    """By SIGKILL as well: the kernel gives it back."""
    with held(state, 7) as process, Claims.opened(state, "ledger") as claims:
        assert not claims.take(7)
        process.kill()
        process.wait()
        assert claims.take(7)


def test_where_no_claims_can_be_had_all_succeed(tmp_path: Path) -> None:
    """Then work may be done twice, and nothing else happens."""
    state = State(f"{tmp_path}/absent", False, f"{tmp_path}/absent", 0o700)
    with Claims.opened(state, "ledger") as claims:
        assert claims.take(7)
        claims.give_back(7)
    assert os.listdir(tmp_path) == []


def test_a_stuck_neighbour_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It claims all there is and never hashes: after the bound we do it ourselves."""
    monkeypatch.setattr(crew, "_PATIENCE_SECONDS", 0.2)
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/name", {"a.bin": bytes(2**21), "b.bin": bytes(3 * 2**20)})
    state = state_folder(maker.path, Environment({}, str(tmp_path), "/"))
    blobs = f"{maker.folder('org/name')}/blobs"
    inodes = [os.stat(f"{blobs}/{name}").st_ino for name in os.listdir(blobs)]

    with held(state, *inodes):
        found = [verdict.outcome for verdict in verify(None, maker.path, state=state)]

    assert found == [Verified(), Verified()]
