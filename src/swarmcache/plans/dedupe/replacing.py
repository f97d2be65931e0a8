"""One copy of a content replaced by the one that is kept: made ready, compared, renamed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.errors import FULL, AccessDenied, CacheBusy, os_sentence
from swarmcache.hubcache.acl import NoAcls, access_of, write_access
from swarmcache.hubcache.belonging import user_name
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.linking import (
    hard_linked,
    is_what_was_linked,
    keeps_writers,
    lets_link,
    reflinked,
)
from swarmcache.hubcache.locks import blob_lock, payload_lock
from swarmcache.hubcache.publishing import is_as_open, replace
from swarmcache.locale import t
from swarmcache.plans.dedupe.values import Left, Shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.intact.ledger import Ledger
    from swarmcache.hubcache.linking import Way
    from swarmcache.plans.dedupe.values import Copy, Group


def shared(
    group: Group, copy: Copy, keeper: Copy, staged: str, ledgers: Mapping[str, Ledger]
) -> Shared | Left:
    """Let one name lead to the content that is kept, under the Hub's locks.

    `staged` is a name on the same file system where nothing is yet, and nothing is afterwards.
    `ledgers` are those of both caches.
    """
    assert copy.file is not None  # noqa: S101 - `Group.others` leaves out what has none
    try:
        with contextlib.ExitStack() as locks:
            locks.enter_context(blob_lock(copy.cache, copy.repo, group.etag, 0))
            if copy.file != copy.path:
                locks.enter_context(payload_lock(copy.file, 0))
            way = _linked(copy, keeper, staged)
            if isinstance(way, Left):
                return way
            before = os.stat(copy.path)
            replace(staged, copy.file)
            now = fingerprint_of(copy.path)
    except FileNotFoundError:
        return _changed(copy)
    except CacheBusy:
        return Left(copy.path, t("another process holds its lock"), busy=True)
    except AccessDenied as error:
        return Left(copy.path, error.message, failed=True)
    except OSError as error:
        left = Left(copy.path, os_sentence(error), failed=True)
        return left._replace(again="room") if error.errno in FULL else left
    finally:
        with contextlib.suppress(OSError):
            os.unlink(staged)
    ledgers[copy.cache].record(group.algorithm, now, group.etag, [group.etag])
    if way == "hardlink":
        ledgers[keeper.cache].relinked(group.algorithm, now)
    freed = before.st_blocks * 512 if way == "reflink" or before.st_nlink == 1 else 0
    return Shared(copy.path, keeper.path, way, freed)


def _linked(copy: Copy, keeper: Copy, staged: str) -> Way | Left:
    """Make the second name of the content ready, unless something speaks against it."""
    if not (_is_as_planned(copy) and _is_as_planned(keeper)):
        return _changed(copy)
    way: Way
    if reflinked(keeper.path, staged):
        way = "reflink"
        _dress(staged, copy)
        is_readable = keeps_readers(copy.path, staged)
    else:
        way = "hardlink"
        # Asked before: a link that is taken back has moved ctime, and nobody remembers the hash.
        is_readable = keeps_readers(copy.path, keeper.path)
        if is_readable and (reason := _is_anothers(copy, keeper)):
            return Left(copy.path, reason, again="keeper")
        if is_readable and not hard_linked(keeper.path, staged):
            left = Left(copy.path, t("this file system can neither link nor share it"))
            return left._replace(again="keeper") if keeper.fixed else left
    if not is_readable:
        reason = t("some who may read it could not read its copy {path}", path=keeper.path)
        return Left(copy.path, reason, again="keeper")
    return way if is_what_was_linked(keeper.found, keeper.path, staged, way) else _changed(copy)


def _is_anothers(copy: Copy, keeper: Copy) -> str:
    """Return why its owner keeps a file from being hard-linked in the place of another, or ""."""
    whose = {"path": keeper.path, "user": user_name(os.stat(keeper.path).st_uid)}
    if not lets_link(keeper.path):
        return t("its copy {path} belongs to {user}, and this user may not link to it", **whose)
    if not keeps_writers(keeper.path, os.path.dirname(copy.path), os.stat(copy.path).st_uid):
        return t("its copy {path} belongs to {user}, who could then write it here", **whose)
    return ""


def _changed(copy: Copy) -> Left:
    return Left(copy.path, t("it changed since the plan was made"), busy=True)


def _is_as_planned(copy: Copy) -> bool:
    return copy.found.still(fingerprint_of(copy.path))


def keeps_readers(path: str, other: str) -> bool:
    """Tell whether all who may read a blob could read another file in its place; raises OSError.

    A hard link brings the owner, the group, the mode and the ACL of the file that it links.
    """
    blobs = os.path.dirname(path)
    if is_as_open(path, blobs) and not is_as_open(other, blobs):
        return False
    after = access_of(other).readers
    if all(after.values()):
        return True
    before, ours, theirs = access_of(path).readers, os.stat(path), os.stat(other)
    is_same = (ours.st_uid, ours.st_gid) == (theirs.st_uid, theirs.st_gid)
    return is_same and before.keys() == after.keys() and all(after[k] for k in before if before[k])


def _dress(staged: str, copy: Copy) -> None:
    """Give a reflink the owner, the mode, the ACL and the times of the file that it replaces."""
    found = os.stat(copy.path)
    for owner in (found.st_uid, -1):  # Only root gives files away; a group's members give to it.
        with contextlib.suppress(OSError):
            os.chown(staged, owner, found.st_gid)
            break
    with contextlib.suppress(NoAcls):
        write_access(staged, access_of(copy.path))
    os.chmod(staged, copy.mode)
    os.utime(staged, ns=(found.st_atime_ns, found.st_mtime_ns))
