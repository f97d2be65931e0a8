"""What keeps a user from a cache that others use too, and the least that would mend it.

What serves a group, measured with huggingface_hub 0.36.2 to 2.4.0 (docs/shared-caches.md): every
folder belongs to the group, is writable for it and hands that on (setgid), and a default ACL
decides in the place of each user's umask.
"""

from __future__ import annotations

import os
import shlex
from stat import S_ISDIR, S_ISGID, S_ISREG
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.hubcache.acl import NoAcls, Owner, of_mode, read_acl
from swarmcache.hubcache.belonging import user_name
from swarmcache.hubcache.layout import INCOMPLETE, LOCKS, TREES
from swarmcache.hubcache.state import OWN_FOLDER, PARTIALS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FlawKind = Literal[
    "above",
    "stranger",
    "closed",
    "unwritable",
    "private",
    "umask",
    "folders",
    "files",
    "manifests",
    "locks",
]
_READ, _WRITE, _ENTER = 4, 2, 1
_ALL = _READ | _WRITE | _ENTER
_MENDED_BY_JOINING = frozenset({"closed", "unwritable", "folders", "files", "manifests", "locks"})
_PASSING = frozenset({PARTIALS, "trash"})
"""Folders of our own state whose content comes and goes, each file with its maker."""


class Visitor(NamedTuple):
    """A user of a cache: of this machine, or of a container that the cache is mounted into."""

    uid: int | None
    """None for somebody who owns nothing in the cache."""
    gids: frozenset[int]
    umask: int = 0o022


class Flaw(NamedTuple):
    """One thing that is wrong for a visitor."""

    kind: FlawKind
    """`above`: a folder above the cache cannot be entered; `stranger`: the visitor is none of the
    group whose cache it is, and others may not do all that members may; `closed`: the cache cannot
    be listed; `unwritable`: nothing can be fetched into it; `private`: what is made there does not
    get the group; `umask`: the visitor's umask closes what they make to the group; else what lies
    inside: `folders` that are closed or hand on too little, unreadable `files` and `manifests`, and
    `locks` that older clients cannot take."""
    path: str
    """The first that was found."""
    number: int
    fix: str
    """The least command that mends it, for its owner or root; empty where none is known."""


def shared_group(cache: str) -> int | None:
    """Return the group that a cache folder is made for: a setgid folder says it; else None."""
    try:
        found = os.stat(cache)
    except OSError:
        return None
    return found.st_gid if found.st_mode & S_ISGID and found.st_mode & 0o020 else None


def may(path: str, visitor: Visitor, wanted: int) -> bool:
    """Tell whether a visitor gets these permission bits (4, 2, 1) of one file; raises OSError.

    A link is followed. What mounts, containers and security modules forbid is not known here.
    """
    if visitor.uid == 0:
        return True
    real = os.path.realpath(path)
    found = os.stat(real)
    try:
        acl = read_acl(real, "access")
    except NoAcls:
        acl = None
    owner = Owner(found.st_uid, found.st_gid)
    return (acl or of_mode(found.st_mode)).grants(wanted, visitor.uid, visitor.gids, owner)


def hands_on(folder: str) -> bool | None:
    """Tell whether a folder's default ACL opens to its group what is made in it, whatever umask.

    None where the file system has no ACLs; raises OSError.
    """
    try:
        acl = read_acl(folder, "default")
    except NoAcls:
        return None
    return acl is not None and acl.group_bits == _ALL


def flaws_for(
    cache: str, visitor: Visitor, group: int | None = None, *, mended: Collection[str] = ()
) -> tuple[Flaw, ...]:
    """Return what is wrong with a cache for one visitor, from the outside in; nothing is changed.

    `group` is whose cache it is meant to be, else the one that the folder itself tells; `mended`
    are folders that are left out. A cache that is not there has no flaws but those above it.
    Looks at every file of the cache that this process may see.
    """
    above = _above(cache, visitor)
    if not os.path.isdir(cache):
        return above
    group = shared_group(cache) if group is None else group
    own = () if cache in mended else _of_the_folder(cache, visitor, group)
    flaws = (*own, *_inside(cache, visitor, group, mended))
    if not any(flaw.kind in _MENDED_BY_JOINING for flaw in flaws):
        return above + flaws
    return above + (_stranger(cache, visitor) or flaws)


def group_name(gid: int) -> str:
    """Return a group's name, or its number where it has none here."""
    try:
        import grp  # noqa: PLC0415 - absent on Windows

        return grp.getgrgid(gid).gr_name
    except (ImportError, KeyError):
        return str(gid)


def _quoted(gid: int) -> str:
    """Return a group for a command: a directory service's may have a space in its name."""
    return shlex.quote(group_name(gid))


def _above(cache: str, visitor: Visitor) -> tuple[Flaw, ...]:
    """Return the uppermost folder that keeps the visitor from getting as far as the cache."""
    path = os.path.realpath(cache)
    folders: list[str] = []
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        folders.append(path)
    for folder in filter(os.path.isdir, reversed(folders)):
        if not may(folder, visitor, _ENTER):
            whom = "g" if os.stat(folder).st_gid in visitor.gids else "o"
            return (Flaw("above", folder, 1, f"chmod {whom}+x {shlex.quote(folder)}"),)
    return ()


def _stranger(cache: str, visitor: Visitor) -> tuple[Flaw, ...]:
    """Return the one flaw of a right cache of a group that the visitor is none of; else none."""
    group = shared_group(cache)
    if visitor.uid is None or group is None or group in visitor.gids:
        return ()
    if visitor.uid == os.stat(cache).st_uid:
        return ()
    user = user_name(visitor.uid)
    is_known = user != str(visitor.uid)  # Else a container's, where `group_add` is what helps.
    fix = f"sudo usermod -aG {_quoted(group)} {shlex.quote(user)}" if is_known else ""
    return (Flaw("stranger", cache, 1, fix),)


def _of_the_folder(cache: str, visitor: Visitor, group: int | None) -> Iterator[Flaw]:
    place, found = shlex.quote(cache), os.stat(cache)
    fix = "" if group is None else f"chgrp {_quoted(group)} {place} && chmod g+rwxs {place}"
    if not may(cache, visitor, _READ | _ENTER):
        yield Flaw("closed", cache, 1, fix)
    elif not may(cache, visitor, _ALL):
        yield Flaw("unwritable", cache, 1, fix)
    if group is None:
        return
    if found.st_gid != group or not found.st_mode & S_ISGID:
        yield Flaw("private", cache, 1, fix)
    handed = hands_on(cache)
    if not handed and visitor.umask & 0o070:
        acl = f"setfacl -d -m {_default(cache)} {place}"
        yield Flaw("umask", cache, 1, "umask 002" if handed is None else acl)


def _inside(
    cache: str, visitor: Visitor, group: int | None, mended: Collection[str]
) -> Iterator[Flaw]:
    found: dict[FlawKind, list[str]] = {}
    for kind, path in _wrong_below(cache, visitor, group):
        if path not in mended:
            found.setdefault(kind, []).append(path)
    for kind in ("folders", "files", "manifests", "locks"):
        if paths := found.get(kind):
            fix = _fix_owner(cache, visitor, paths) or _fix_inside(kind, cache, group)
            yield Flaw(kind, paths[0], len(paths), fix)


def _wrong_below(cache: str, visitor: Visitor, group: int | None) -> Iterator[tuple[FlawKind, str]]:
    acls = hands_on(cache) is not None
    for folder, below, names in os.walk(cache):
        if os.path.basename(folder) == OWN_FOLDER:
            below[:] = [name for name in below if name not in _PASSING]
        for path in (f"{folder}/{name}" for name in below):
            if not os.path.islink(path) and not _is_right(path, visitor, group, acls=acls):
                yield "folders", path
        for path in (f"{folder}/{name}" for name in names if not name.endswith(INCOMPLETE)):
            kind: FlawKind = _kind_of(path, cache)
            if not _has(path, visitor, _READ | _WRITE if kind == "locks" else _READ):
                yield kind, path


def _is_right(folder: str, visitor: Visitor, group: int | None, *, acls: bool) -> bool:
    """Tell whether a folder is open, and hands on what its cache is to hand on."""
    try:
        found = os.stat(folder)
        if not may(folder, visitor, _ALL):
            return False
        if group is None:
            return True
        is_handing = found.st_gid == group and bool(found.st_mode & S_ISGID)
        return is_handing and not (acls and not hands_on(folder))
    except OSError:  # Removed meanwhile, or closed to us as well.
        return not os.path.lexists(folder)


def _has(path: str, visitor: Visitor, wanted: int) -> bool:
    try:
        return not S_ISREG(os.lstat(path).st_mode) or may(path, visitor, wanted)
    except OSError:
        return not os.path.lexists(path)


def _kind_of(path: str, cache: str) -> Literal["locks", "manifests", "files"]:
    if path.startswith(f"{cache}/{LOCKS}/") and path.endswith(".lock"):
        return "locks"
    return "manifests" if os.path.basename(os.path.dirname(path)) == TREES else "files"


def _fix_owner(cache: str, visitor: Visitor, paths: Collection[str]) -> str:
    """Return what gives the owner of a cache that is no group's what root has made in it.

    All that no other cache shares, and no link: what it leads to may be root's with reason.
    """
    if (
        visitor.uid is None
        or visitor.uid != os.stat(cache).st_uid
        or shared_group(cache) is not None
    ):
        return ""
    if not any(map(_is_roots_alone, paths)):
        return ""
    mine = "\\( -type d -o -type f -links 1 \\)"
    user = shlex.quote(user_name(visitor.uid))
    return f"sudo find {shlex.quote(cache)} -user root {mine} -exec chown -h {user}: {{}} +"


def _is_roots_alone(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_uid == 0 and (S_ISDIR(found.st_mode) or found.st_nlink == 1)


def _fix_inside(kind: FlawKind, cache: str, group: int | None) -> str:
    """Return a command that touches only what is wrong, however much there is."""
    if group is None:
        return ""
    place, name = shlex.quote(cache), _quoted(group)
    if kind == "folders":
        wrong = f"-type d ! \\( -group {name} -perm -2070 \\)"
        mend = f"-exec chgrp {name} {{}} + -exec chmod g+rwxs {{}} +"
        command = f"find {place} {wrong} {mend}"
        if hands_on(cache) is not None:
            acl = f"-type d -exec setfacl -d -m {_default(cache)} {{}} +"
            command += f"; find {place} {acl}"
        return command
    bits, open_to = ("060", "g+rw") if kind == "locks" else ("040", "g+r")
    where, which = {
        "locks": (f"{place}/{LOCKS}", "-type f -name '*.lock'"),
        "manifests": (place, f"-type f -path '*/{TREES}/*.json'"),
    }.get(kind, (place, "-type f"))
    wrong = f"! \\( -group {name} -perm -{bits} \\)"
    return f"find {where} {which} {wrong} -exec chgrp {name} {{}} + -exec chmod {open_to} {{}} +"


def _default(cache: str) -> str:
    others = "".join(sign for sign, bit in (("r", 4), ("x", 1)) if os.stat(cache).st_mode & bit)
    return f"u::rwx,g::rwx,o::{others or '-'}"
