"""One content under a second name that takes no room: by reflink, else by hard link.

A reflink is a file of its own whose bytes are shared until one of them is written. A hard link is
the same file, with the same mode and owner, so that it is made between blobs of the Hub's layout
only: its clients replace them by rename and never write into them (docs/adr/0019). A file of an
image's layer is not linked: the overlay would copy it whole before.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Literal

from swarmcache.hubcache.belonging import new_owner
from swarmcache.hubcache.file_systems import file_system, mount_of
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.layers import is_layered
from swarmcache.hubcache.layout import BLOBS, parse_folder_name
from swarmcache.hubcache.publishing import sync
from swarmcache.hubcache.reading import open_quietly
from swarmcache.hubcache.visitors import shared_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.intact.fingerprint import Fingerprint

Way = Literal["reflink", "hardlink", "symlink"]

_FICLONE = 0x40049409
"""`_IOW(0x94, 9, int)` (Linux, `include/uapi/linux/fs.h`)."""
_CLONE_NOOWNERCOPY = 0x0002
"""macOS, `sys/clonefile.h`: also root's clone of another user's file is root's."""
_SHARING = frozenset({"bcachefs", "btrfs", "xfs"})
"""File systems that have reflinks; an xfs of before 2019 may have been made without."""
_CANNOT = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.EXDEV,
        errno.EOPNOTSUPP,
        errno.ENOTSUP,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.EINVAL,
        errno.EMLINK,
        errno.ETXTBSY,
    }
)
"""What says that this way is none here, so that the next is tried; any other error is real."""


def reflinked(source: str, name: str) -> bool:
    """Make a file of its own that shares the bytes of another; False where that cannot be.

    A link in the place of `source` is followed. Raises OSError for a disk that fails or is full.
    """
    return _can(_reflink, os.path.realpath(source), name)


def hard_linked(source: str, name: str) -> bool:
    """Give a blob's file another name too; False where that cannot be or must not be.

    A link in the place of `source` is followed. Raises OSError for a disk that fails or is full.
    """
    if not is_hub_blob(source) or is_layered(source):
        return False
    return _can(os.link, os.path.realpath(source), name)


def is_what_was_linked(before: Fingerprint, source: str, name: str, way: Way) -> bool:
    """Tell whether `name` is a link to the very file that `before` was found of, still unchanged.

    A link is made by a path: what was proven there may be another file by then. Raises OSError.
    """
    return before.still(fingerprint_of(name if way == "hardlink" else source))


def may_link(source: str, folder: str) -> bool:
    """Tell, without trying, whether a content would take no room in a folder: for a forecast.

    It says yes too much of reflinks between two mounts (Linux before 5.18), and on an xfs that was
    made without where hard links are forbidden.
    """
    try:
        found, there = os.stat(source), os.stat(folder)
    except OSError:
        return False
    if found.st_dev != there.st_dev:
        return disk_of(source, found.st_dev) == disk_of(folder, there.st_dev)
    if not is_hub_blob(source) or is_layered(source):
        return False
    return may_reflink(folder) or (lets_link(source) and keeps_writers(source, folder))


def keeps_writers(source: str, folder: str, owner: int | None = None) -> bool:
    """Tell whether a hard link in a folder lets no user write a blob there who could not before.

    A file's owner may write it, whatever its mode. So that must be who gets a new file there, or
    the `owner` of the file that is replaced; where root does not decide for others, it may be root.
    The members of a group trust each other with its cache. Raises OSError.
    """
    theirs = os.stat(source).st_uid
    if theirs in {owner, new_owner(folder)} or shared_group(folder) is not None:
        return True
    if not hasattr(os, "geteuid") or not os.geteuid():
        return False
    group = shared_group(os.path.dirname(os.path.realpath(source)))
    return theirs == 0 or group in {os.getegid(), *os.getgroups()}


def may_share(one: str, other: str) -> bool:
    """Tell whether files in two folders may share bytes; raises OSError."""
    first, second = os.stat(one).st_dev, os.stat(other).st_dev
    return disk_of(one, first) == disk_of(other, second)


_disks: dict[int, int] = {}


def disk_of(path: str, device: int) -> int:
    """Return a number that is the same for all files that may share bytes.

    `device` is what stat tells of the path, links followed: on btrfs each subvolume has a number,
    and reflinks lead from one into another, as hard links do not. Everywhere else it is the disk's.
    """
    if device not in _disks:
        mount = mount_of(path)
        _disks[device] = mount.device if mount.system.name == "btrfs" else device
    return _disks[device]


@cache
def may_reflink(folder: str) -> bool:
    """Tell whether files in a folder can share bytes, by the kind of its file system."""
    return file_system(folder).name in _SHARING


def is_hub_blob(path: str) -> bool:
    """Tell whether a file stands where the Hub's clients keep blobs, which nobody edits."""
    folder, name = os.path.split(path)
    repo, last = os.path.split(folder)
    return last == BLOBS and bool(name) and parse_folder_name(os.path.basename(repo)) is not None


def _can(link: Callable[[str, str], None], source: str, name: str) -> bool:
    try:
        link(source, name)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def lets_link(path: str) -> bool:
    """Tell whether the kernel lets this user link to a file (Linux, `protected_hardlinks`).

    Raises OSError.
    """
    found = os.stat(path)
    if not hasattr(os, "geteuid") or os.geteuid() in {0, found.st_uid}:
        return True
    if S_ISREG(found.st_mode) and os.access(path, os.R_OK | os.W_OK):
        return True
    try:
        with open("/proc/sys/fs/protected_hardlinks", encoding="ascii") as file:
            return file.read(2).strip() == "0"
    except OSError:
        return True  # Other systems do not ask.


def _reflink(source: str, name: str) -> None:
    if sys.platform == "darwin":
        clone(source, name)
    else:
        _ficlone(source, name)


def clone(source: str, name: str, library: Any = None) -> None:
    """Make a clone on APFS by clonefile(2), with the mode, owner and time of any new file.

    Raises OSError: ENOTSUP on other file systems, EXDEV between two, EEXIST where a file is. We
    never ran it on macOS: `tests/hubcache/test_clonefile.py` has a library that keeps its contract.
    """
    import ctypes  # noqa: PLC0415 - costs milliseconds

    library = library or ctypes.CDLL(None, use_errno=True)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    mode = os.fstat(handle).st_mode & 0o7777
    os.close(handle)
    os.unlink(name)  # It told what the umask makes of a new file; a clone has its source's mode.
    if library.clonefile(os.fsencode(source), os.fsencode(name), _CLONE_NOOWNERCOPY):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    try:
        os.chmod(name, mode)
        os.utime(name)
        sync(name)
    except BaseException:
        os.unlink(name)
        raise


def _ficlone(source: str, name: str) -> None:
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), name) from None
    handle = open_quietly(source)
    try:
        copy = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.ioctl(copy, _FICLONE, handle)
            os.fsync(copy)
        except BaseException:
            os.unlink(name)
            raise
        finally:
            os.close(copy)
    finally:
        os.close(handle)
