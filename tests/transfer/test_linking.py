"""What lies next door takes no byte of the line and no room: by reflink, or by hard link."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from cleaning import inodes
from other_user import NOBODY, open_folder, protected, run_as_other_user
from small_disks import small_disk, subvolumes
from swarmcache.environment import Environment
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.linking import hard_linked, may_link, reflinked
from swarmcache.hubcache.state import state_folder
from transfer.faulty_hub import FaultyHub, Repo
from transfer.pulling import LARGE, NOISE, SIZE, TEXT, blob, holds, pull, repo

if TYPE_CHECKING:
    import pathlib

    from swarmcache.hubcache.state import State

pytestmark = pytest.mark.usefixtures("short_pauses")
ALL = SIZE + len(TEXT)


def used(path: os.PathLike[str] | str) -> int:
    """Return the bytes that are taken on a file system."""
    os.sync()
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def state_of(cache: pathlib.Path) -> State:
    """Return where the state of a cache is."""
    return state_folder(str(cache), Environment.current())


def is_remembered(cache: pathlib.Path) -> bool:
    """Tell whether the large blob of a cache needs no more hashing."""
    ledger = Ledger(state_of(cache))
    known = ledger.recall("sha256", fingerprint_of(str(cache / blob(NOISE))))
    return known is not None and known.digest == os.path.basename(blob(NOISE))


def test_a_second_cache_costs_no_room(tmp_path: pathlib.Path) -> None:
    """The blob is one file under two names, remembered in both caches."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        before = sum(inodes(str(tmp_path)).values())
        result = pull(tmp_path / "2", hub.url)
        assert hub.served() == ALL
    assert (result.error, result.linked_bytes, result.copied_bytes) == (None, ALL, 0)
    extra = sum(inodes(str(tmp_path)).values()) - before
    assert extra <= 2**20
    first, second = (os.stat(tmp_path / name / blob(NOISE)) for name in "12")
    assert (first.st_ino, first.st_nlink) == (second.st_ino, 2)
    assert is_remembered(tmp_path / "1")
    assert is_remembered(tmp_path / "2")
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)


def test_one_cache_shares_between_its_repos(tmp_path: pathlib.Path) -> None:
    """A model's other name takes no room either, and lives on when the first is removed."""
    same = Repo("org/other", {"weights.bin": NOISE})
    with FaultyHub(repo(), same) as hub:
        pull(tmp_path, hub.url)
        result = pull(tmp_path, hub.url, target="org/other")
        assert hub.served() == ALL
    assert (result.linked_bytes, result.copied_bytes) == (SIZE, 0)
    shutil.rmtree(tmp_path / "models--org--name")
    with open(tmp_path / blob(NOISE).replace("org--name", "org--other"), "rb") as file:
        assert len(file.read()) == SIZE


def test_what_was_never_hashed_is_hashed_first(tmp_path: pathlib.Path) -> None:
    """A blob of the right name and size with a wrong bit goes nowhere."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        shutil.rmtree(tmp_path / "1" / ".locks")
        result = pull(tmp_path / "2", hub.url)
        assert (result.linked_bytes, hub.served(LARGE)) == (ALL, SIZE)
        with open(tmp_path / "1" / blob(NOISE), "r+b") as file:
            file.write(b"\0" * 8)
        shutil.rmtree(tmp_path / "2")
        result = pull(tmp_path / "2", hub.url)
        assert (result.error, result.downloaded_bytes) == (None, SIZE)
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)


def test_a_plain_file_is_never_hard_linked(tmp_path: pathlib.Path) -> None:
    """Where snapshots hold files themselves, people and programs write into them."""
    with FaultyHub(repo()) as hub:
        first = pull(tmp_path / "1", hub.url)
        snapshot = tmp_path / f"1/models--org--name/snapshots/{first.commit}"
        os.unlink(snapshot / LARGE)
        os.rename(tmp_path / "1" / blob(NOISE), snapshot / LARGE)
        result = pull(tmp_path / "2", hub.url)
        assert hub.served() == ALL
    assert os.stat(snapshot / LARGE).st_nlink == 1
    with open(snapshot / LARGE, "r+b") as file:
        file.write(b"edited in place")
    assert holds(tmp_path / "2", result.commit or "", LARGE, NOISE)


def test_what_lies_in_another_subvolume_is_linked_as_forecast(tmp_path: pathlib.Path) -> None:
    """By a reflink, as no hard link leads there; also where each is mounted for itself."""
    with subvolumes(str(tmp_path)) as (first, second), FaultyHub(repo()) as hub:
        pull(f"{first}/hub", hub.url)
        taken = used(first)
        source = f"{first}/hub/{blob(NOISE)}"
        assert may_link(source, second)
        assert not may_link(source, str(tmp_path))
        assert not hard_linked(source, f"{second}/name")
        result = pull(f"{second}/hub", hub.url)
        assert hub.served() == ALL
        assert (result.error, result.linked_bytes, result.copied_bytes) == (None, ALL, 0)
        assert used(first) - taken <= 2**20


def test_another_file_system_is_copied_from_with_a_warning(tmp_path: pathlib.Path) -> None:
    """What it cost is told."""
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk, FaultyHub(repo()) as hub:
        pull(f"{disk}/1", hub.url)
        result = pull(tmp_path / "2", hub.url)
        assert hub.served() == ALL
    assert (result.error, result.linked_bytes, result.copied_bytes) == (None, ALL, ALL)


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_reflink_shares_the_bytes_of_two_files(tmp_path: pathlib.Path, kind: str) -> None:
    """Each with a mode and owner of its own; one that is edited in place leaves the other alone."""
    with small_disk(str(tmp_path / "disk"), kind) as disk, FaultyHub(repo()) as hub:
        pull(f"{disk}/1", hub.url)
        before = used(disk)
        result = pull(f"{disk}/2", hub.url)
        assert hub.served() == ALL
        assert (result.linked_bytes, result.copied_bytes) == (ALL, 0)
        assert used(disk) - before <= 2**20
        first, second = (f"{disk}/{name}/{blob(NOISE)}" for name in "12")
        assert os.stat(first).st_ino != os.stat(second).st_ino
        with open(first, "r+b") as file:
            file.write(b"edited in place")
        assert holds(f"{disk}/2", result.commit or "", LARGE, NOISE)


def test_a_file_system_without_links_is_copied_on(tmp_path: pathlib.Path) -> None:
    """vfat has neither reflinks nor hard links, and no symbolic ones: nothing is lost."""
    with small_disk(str(tmp_path / "disk"), "vfat") as disk:
        source = f"{disk}/models--org--name/blobs/{'a' * 64}"
        os.makedirs(os.path.dirname(source))
        with open(source, "wb") as file:
            file.write(b"x")
        assert not reflinked(source, f"{disk}/second")
        assert not hard_linked(source, f"{disk}/second")
        assert os.listdir(disk) == ["models--org--name"]


def test_a_group_keeps_its_cache_open(tmp_path: pathlib.Path) -> None:
    """A closed blob next door is not linked into a group's cache, and not opened either."""
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        os.chmod(tmp_path / "1" / blob(NOISE), 0o600)
        assert list(verify(None, str(tmp_path / "1"), state=state_of(tmp_path / "1")))
        os.mkdir(tmp_path / "2")
        os.chmod(tmp_path / "2", 0o2775)
        result = pull(tmp_path / "2", hub.url)
        assert hub.served() == ALL
    assert is_remembered(tmp_path / "1")
    assert (result.error, result.copied_bytes) == (None, SIZE)
    modes = [stat.S_IMODE(os.stat(tmp_path / name / blob(NOISE)).st_mode) for name in "12"]
    assert modes[0] == 0o600
    assert modes[1] & 0o040


def test_another_users_blob_is_copied_where_links_are_protected() -> None:
    """`protected_hardlinks` refuses what we may only read: EPERM, and the next way."""
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    with open_folder() as folder, protected():
        source = f"{folder}/models--org--name/blobs/{'a' * 64}"
        os.makedirs(os.path.dirname(source))
        with open(source, "wb") as file:
            file.write(b"x")
        os.chmod(source, 0o644)
        os.mkdir(f"{folder}/own")
        os.chown(f"{folder}/own", NOBODY, NOBODY)
        program = (
            "import sys\n"
            "from swarmcache.hubcache.linking import hard_linked, may_link\n"
            "print(hard_linked(sys.argv[1], sys.argv[2]), may_link(sys.argv[1], sys.argv[3]))\n"
        )
        words = [sys.executable, "-c", program, source, f"{folder}/own/a", f"{folder}/own"]
        assert run_as_other_user(words, cwd=folder).stdout == "False False\n"
        os.chown(source, NOBODY, NOBODY)
        assert run_as_other_user(words, cwd=folder).stdout == "True True\n"


def test_roots_pull_takes_no_blob_that_somebody_else_can_write(tmp_path: pathlib.Path) -> None:
    """A hard link would stay its owner's; in the same user's other cache it is one."""
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    with FaultyHub(repo()) as hub:
        pull(tmp_path / "1", hub.url)
        for folder, _, names in os.walk(tmp_path / "1"):
            for path in (folder, *(f"{folder}/{name}" for name in names)):
                os.lchown(path, NOBODY, NOBODY)
        (tmp_path / "home").mkdir()
        os.chown(tmp_path / "home", NOBODY, NOBODY)
        result = pull(tmp_path / "2", hub.url)
        assert (result.linked_bytes, result.copied_bytes, hub.served()) == (ALL, ALL, ALL)
        result = pull(tmp_path / "home/3", hub.url)
        assert (result.linked_bytes, result.copied_bytes) == (ALL, 0)
    found = [os.stat(tmp_path / name / blob(NOISE)) for name in ("1", "2", "home/3")]
    assert [one.st_uid for one in found] == [NOBODY, 0, NOBODY]
    assert found[0].st_ino == found[2].st_ino


def test_another_users_blob_is_reflinked_whoever_owns_it(tmp_path: pathlib.Path) -> None:
    """The forecast knows that, so that no full disk is feared."""
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    with small_disk(str(tmp_path / "disk"), "xfs") as disk:
        source = f"{disk}/models--org--name/blobs/{'a' * 64}"
        os.makedirs(os.path.dirname(source))
        with open(source, "wb") as file:
            file.write(b"x" * 2**20)
        os.chown(source, NOBODY, NOBODY)
        assert may_link(source, disk)
        assert reflinked(source, f"{disk}/second")
        assert os.stat(f"{disk}/second").st_uid == 0
