"""POSIX ACLs as the kernel reads them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from other_user import open_folder, run_as
from swarmcache.hubcache.acl import Acl, Entry, NoAcls, Owner, of_mode, read_acl, write_default
from swarmcache.hubcache.visitors import Visitor, may

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = Owner(1000, 100)
ANN, BOB, EVE = (1000, {1000}), (1001, {100}), (1002, {1002})
LAB = 4000


@pytest.fixture
def folder() -> Iterator[str]:
    """Return a folder that every user can enter, on a file system with ACLs."""
    with open_folder() as path:
        try:
            read_acl(path, "default")
        except NoAcls:
            pytest.skip("no ACLs on this file system")
        yield path


@pytest.mark.parametrize(
    ("mode", "wanted", "granted"),
    [
        (0o640, 4, (True, True, False)),
        (0o604, 4, (True, False, True)),
        (0o070, 2, (False, True, False)),
        (0o660, 6, (True, True, False)),
        (0o646, 6, (True, False, True)),
    ],
)
def test_permission_bits(mode: int, wanted: int, granted: tuple[bool, ...]) -> None:
    """The owner, a member of the group and a stranger: the first that fits decides alone."""
    acl = of_mode(mode)
    assert tuple(acl.grants(wanted, uid, gids, OWNER) for uid, gids in (ANN, BOB, EVE)) == granted


def test_named_entries_and_the_mask() -> None:
    """A named user comes before the groups, and the mask cuts both; the owner it does not."""
    acl = Acl(
        (
            Entry(0x01, 7, 0),
            Entry(0x02, 7, 1002),
            Entry(0x04, 0, 0),
            Entry(0x08, 7, LAB),
            Entry(0x10, 5, 0),
            Entry(0x20, 0, 0),
        )
    )
    assert acl.grants(7, *ANN, OWNER)
    assert acl.grants(5, *EVE, OWNER)
    assert not acl.grants(2, *EVE, OWNER)
    assert not acl.grants(4, *BOB, OWNER)
    assert acl.grants(5, 1001, {100, LAB}, OWNER)
    assert not acl.grants(4, 1003, {1003}, OWNER)
    assert acl.group_bits == 0


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_default_acl_decides_in_the_place_of_the_umask(folder: str, umask: int) -> None:
    """What the kernel gives to a file and to a folder made in it, both handing it on."""
    write_default(folder, of_mode(0o2770))
    before = os.umask(umask)
    try:
        os.mkdir(f"{folder}/below")
        os.close(os.open(f"{folder}/below/file", os.O_WRONLY | os.O_CREAT, 0o666))
    finally:
        os.umask(before)
    assert os.stat(f"{folder}/below").st_mode & 0o777 == 0o770
    assert os.stat(f"{folder}/below/file").st_mode & 0o777 == 0o660
    assert read_acl(f"{folder}/below", "default") == read_acl(folder, "default")
    assert read_acl(folder, "access") is None


def test_a_file_without_any(folder: str) -> None:
    """Nothing is no error."""
    assert read_acl(folder, "default") is None


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has a place without ACLs")
def test_a_file_system_without_acls() -> None:
    """It is told apart from a folder that has none."""
    with pytest.raises(NoAcls):
        read_acl("/proc/self", "default")


@pytest.mark.parametrize("named", [0x02, 0x08])
@pytest.mark.parametrize("bits", [0, 4, 6])
def test_the_kernel_agrees(folder: str, named: int, bits: int) -> None:
    """What is said of a user with an entry of their own is what happens when they try."""
    path = f"{folder}/file"
    with open(path, "w", encoding="ascii"):
        pass
    os.chmod(path, 0o640)
    entries = [Entry(0x01, 6, 2**32 - 1), Entry(0x04, 4, 2**32 - 1), Entry(0x10, 6, 2**32 - 1)]
    who = 3001 if named == 0x02 else LAB
    entries += [Entry(named, bits, who), Entry(0x20, 0, 2**32 - 1)]
    content = b"\x02\0\0\0" + b"".join(
        one.tag.to_bytes(2, sys.byteorder)
        + one.bits.to_bytes(2, sys.byteorder)
        + one.id.to_bytes(4, sys.byteorder)
        for one in sorted(entries)
    )
    os.setxattr(path, "system.posix_acl_access", content)
    visitor = Visitor(3001, frozenset({3001, LAB}))
    code = "import os, sys; print(os.access(sys.argv[1], os.R_OK), os.access(sys.argv[1], os.W_OK))"
    done = run_as(3001, LAB, [sys.executable, "-c", code, path])
    assert done.stdout.split() == [str(may(path, visitor, 4)), str(may(path, visitor, 2))]
    assert may(path, visitor, 4) == bool(bits & 4)
