"""POSIX ACLs: who may do what with a file, and what a folder gives to whatever is made in it.

A folder's default ACL decides in the place of each user's umask. Linux keeps both kinds in
extended attributes, so that neither a tool nor a library is needed
(`include/uapi/linux/posix_acl_xattr.h`): a version, then entries of (tag, bits, id).
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

Kind = Literal["access", "default"]

_VERSION = 2
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_OWNER, _USER, _GROUP_OWNER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY = 0xFFFFFFFF
_ABSENT = frozenset({errno.ENODATA, errno.ENOENT} if hasattr(errno, "ENODATA") else {errno.ENOENT})
_UNKNOWN_HERE = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})


class Entry(NamedTuple):
    """What one user or group is granted."""

    tag: int
    bits: int
    """4 read, 2 write, 1 execute or enter."""
    id: int
    """Of the named user or group; meaningless for the others."""


class Acl(NamedTuple):
    """The entries of one ACL."""

    entries: tuple[Entry, ...]

    @property
    def group_bits(self) -> int:
        """What the owning group is granted, the mask applied."""
        return self._first(_GROUP_OWNER) & self._first(_MASK, 7)

    def grants(self, wanted: int, uid: int | None, gids: Collection[int], owner: Owner) -> bool:
        """Tell whether a user gets all the wanted bits, by the kernel's order (acl(5))."""
        if uid == owner.uid:
            return wanted & ~self._first(_OWNER) == 0
        mask = self._first(_MASK, 7)
        for entry in self.entries:
            if entry.tag == _USER and entry.id == uid:
                return wanted & ~(entry.bits & mask) == 0
        groups = [one.bits & mask for one in self.entries if self._is_of(one, gids, owner)]
        if groups:
            return any(wanted & ~bits == 0 for bits in groups)
        return wanted & ~self._first(_OTHERS) == 0

    @property
    def readers(self) -> dict[tuple[int, int], bool]:
        """Whether each one that is named may read, the mask applied; by tag and id."""
        mask = self._first(_MASK, 7)
        unmasked = {_OWNER, _OTHERS}
        return {
            (one.tag, one.id): bool(one.bits & (7 if one.tag in unmasked else mask) & 4)
            for one in self.entries
            if one.tag != _MASK
        }

    @staticmethod
    def _is_of(entry: Entry, gids: Collection[int], owner: Owner) -> bool:
        if entry.tag == _GROUP_OWNER:
            return owner.gid in gids
        return entry.tag == _GROUP and entry.id in gids

    def _first(self, tag: int, absent: int = 0) -> int:
        return next((entry.bits for entry in self.entries if entry.tag == tag), absent)


class Owner(NamedTuple):
    """Whose a file is."""

    uid: int
    gid: int


class NoAcls(Exception):
    """This file system, or this system, keeps no POSIX ACLs."""


def of_mode(mode: int) -> Acl:
    """Return what permission bits alone grant."""
    bits = ((_OWNER, mode >> 6), (_GROUP_OWNER, mode >> 3), (_OTHERS, mode))
    return Acl(tuple(Entry(tag, bits & 7, _NOBODY) for tag, bits in bits))


def read_acl(path: str, kind: Kind) -> Acl | None:
    """Return the ACL of a file, a link followed; None for none. Raises NoAcls, OSError."""
    if not hasattr(os, "getxattr"):
        raise NoAcls
    try:
        content = os.getxattr(path, f"system.posix_acl_{kind}")
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        if error.errno in _UNKNOWN_HERE:
            raise NoAcls from error
        raise
    return Acl(tuple(Entry(*fields) for fields in _ENTRY.iter_unpack(content[_HEAD.size :])))


def access_of(path: str) -> Acl:
    """Return what a file's ACL grants, or its permission bits where it has none; raises OSError."""
    try:
        found = read_acl(path, "access")
    except NoAcls:
        found = None
    return of_mode(os.stat(path).st_mode) if found is None else found


def write_default(folder: str, acl: Acl) -> None:
    """Let a folder give this to whatever is made in it; raises NoAcls, OSError."""
    _write(folder, acl, "default")


def write_access(path: str, acl: Acl) -> None:
    """Give a file this ACL in the place of its own; raises NoAcls, OSError."""
    _write(path, acl, "access")


def _write(path: str, acl: Acl, kind: Kind) -> None:
    if not hasattr(os, "setxattr"):
        raise NoAcls
    entries = sorted(acl.entries)
    content = _HEAD.pack(_VERSION) + b"".join(_ENTRY.pack(*entry) for entry in entries)
    try:
        os.setxattr(path, f"system.posix_acl_{kind}", content)
    except OSError as error:
        if error.errno in _UNKNOWN_HERE:
            raise NoAcls from error
        raise
