"""Locks by existence: real ones of real processes, and files as each filelock version left them."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest

from processes import end, killed_holder, soft_holder
from swarmcache.hubcache import soft_locks
from swarmcache.hubcache.soft_locks import count_dead, look, remove_dead

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

GONE = 2**22 + 1
"""No process has this number: Linux gives none above 2^22."""
HERE = os.uname().nodename


@pytest.fixture
def lock(tmp_path: pathlib.Path) -> str:
    """Return where a download lock lies, in a cache of its own."""
    folder = tmp_path / "hub" / ".locks" / "models--org--a"
    folder.mkdir(parents=True)
    return str(folder / f"{'ab' * 32}.lock")


def cache_of(path: str) -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(path)))


def standing(path: str) -> str:
    found = look(path)
    assert found is not None
    return found.standing


def removed(path: str) -> bool:
    return remove_dead(path, f"{cache_of(path)}/aside", os.unlink)


def written(path: str, content: str) -> str:
    with open(path, "w", encoding="ascii") as file:
        file.write(content)
    return path


def token(start: int = 1) -> int:
    """Return what filelock >= 3.30 writes of a process of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return (int(file.read().strip().replace("-", ""), 16) << 64) | start


def namespace() -> str:
    """Return how filelock 4 marks a host name in this pid namespace."""
    inode = os.stat("/proc/self/ns/pid").st_ino
    return "" if inode == 0xEFFFFFFC else f"?pidns-{inode:x}"


def test_a_killed_owners_lock_is_dead_and_goes(lock: str) -> None:
    """While he lives it is his; once he was killed it counts, and can be removed."""
    owner = soft_holder(lock)
    try:
        assert (standing(lock), count_dead(cache_of(lock))) == ("alive", 0)
        assert not removed(lock)
    finally:
        end(owner)

    assert (standing(lock), count_dead(cache_of(lock))) == ("dead", 1)
    assert removed(lock)
    assert os.listdir(cache_of(lock)) == [".locks"]
    assert os.listdir(os.path.dirname(lock)) == []


def test_an_owner_that_nobody_has_reaped_is_dead(lock: str) -> None:
    """As under a first process of a container that never waits for its children."""
    owner = soft_holder(lock)
    os.kill(owner.pid, signal.SIGKILL)
    os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert standing(lock) == "dead"
    finally:
        end(owner)


def test_a_number_given_to_another_process_does_not_keep_a_lock(lock: str) -> None:
    """The pid lives, and began at another time than the record tells."""
    written(lock, f"{os.getpid()}\n{HERE}{namespace()}\n{token()}\n")

    assert standing(lock) == "dead"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{GONE}\n{HERE}\n", id="3.22, which tells no boot"),
        pytest.param(f"{GONE}\n{HERE}\n{12345}\n", id="a start time without its boot"),
        pytest.param(f"{GONE}\nelsewhere\n{token()}\n", id="another host"),
        pytest.param(f"{GONE}\n{HERE}?pidns-1\n{token()}\n", id="another pid namespace"),
        pytest.param(f"{GONE}\n{HERE}\n{token() ^ (1 << 190)}\n", id="another boot, or machine"),
        pytest.param(f"{GONE}\n{HERE}\n{token()}", id="a line that is not finished"),
        pytest.param(f"-1\n{HERE}\n{token()}\n", id="no pid"),
        pytest.param("1\nfilelock-strict-v1\0\n0\n", id="StrictSoftFileLock"),
        pytest.param(f"filelock/2\npid={GONE}\nhost={HERE}\nmode=exclusive\n", id="a later form"),
        pytest.param("x" * 5000, id="something else"),
    ],
)
def test_what_proves_nothing_stays(lock: str, content: str) -> None:
    """Host names are shared by containers and by machines made from one image."""
    written(lock, content)

    assert (standing(lock), count_dead(cache_of(lock))) == ("unknown", 0)
    assert not removed(lock)
    assert os.path.exists(lock)


def test_a_kernel_locks_file_is_never_removed(lock: str) -> None:
    """It is empty, as is what filelock before 3.22 left: nothing tells them apart."""
    written(lock, "")

    assert (standing(lock), count_dead(cache_of(lock))) == ("kernel", 0)
    assert not removed(lock)
    assert os.path.exists(lock)


def test_a_dead_record_under_a_held_kernel_lock_stays(lock: str) -> None:
    """Some machines of a cluster have kernel locks on a file system and others do not."""
    killed_holder(lock)

    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert (standing(lock), count_dead(cache_of(lock))) == ("alive", 0)
        assert not removed(lock)
    assert standing(lock) == "dead"


def test_a_link_in_a_locks_place_is_nobodys_lock(lock: str, tmp_path: pathlib.Path) -> None:
    """It is not followed: what it names may lie anywhere."""
    target = written(str(tmp_path / "record"), f"{GONE}\n{HERE}{namespace()}\n{token()}\n")
    os.symlink(target, lock)

    assert look(lock) is None
    assert count_dead(cache_of(lock)) == 0
    assert os.path.exists(target)


def test_locks_of_the_shared_store_count(lock: str) -> None:
    """`<payload>.lock.soft`, where its marker is."""
    payload = "cd" * 32
    folder = f"{cache_of(lock)}/blobs/cd"
    os.makedirs(folder)
    killed_holder(f"{folder}/{payload}.lock.soft")
    assert count_dead(cache_of(lock)) == 0

    written(f"{cache_of(lock)}/blobs/.huggingface-shared-blobs", "1\n")
    written(f"{folder}/{payload}.lock", "")
    assert count_dead(cache_of(lock)) == 1


def _replaced(path: str) -> Callable[[str, str], None]:
    """Return a rename before which a living process takes over the lock, as filelock does."""
    real = os.rename

    def rename(source: str, target: str) -> None:
        if source == path:
            os.unlink(path)
            written(path, "living\n")
        real(source, target)

    return rename


def test_who_takes_the_lock_in_that_instant_gets_it_back(
    lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the rename."""
    killed_holder(lock)
    with monkeypatch.context() as patch:
        patch.setattr(soft_locks.os, "rename", _replaced(lock))
        assert not removed(lock)

    with open(lock, encoding="ascii") as file:
        assert file.read() == "living\n"
    assert os.listdir(cache_of(lock)) == [".locks"]
