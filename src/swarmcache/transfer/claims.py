"""Who downloads what: one process for each content, however many want it.

A claim is the Hub's own lock for a blob, which its clients take too, and an owner record in the
content's partial, which also works where kernel locks do nothing. A partial is named by its
content, so repos that share a blob share its download.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.errors import CacheBusy, LockLeft
from swarmcache.hubcache.layout import LOCKS, folder_name
from swarmcache.hubcache.locks import blob_lock, holder
from swarmcache.hubcache.publishing import share, sync
from swarmcache.hubcache.state import NEW
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.transfer.partial import DATA
from swarmcache.transfer.recall import Recall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.use.owners import Owner
    from swarmcache.transfer.contents import Content
    from swarmcache.transfer.ranges import Ranges

_TRIES = 5
_SHARED = "shared"
"""Tells in a partial's folder that its last owner was silent, not dead, and may yet write."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another process has the content."""

    who: str
    """Who it is, as far as can be told, translated."""
    left: LockLeft | None = None
    """What to say of its lock, if it may never be released."""


class Claim:
    """One content that this process alone may download now."""

    def __init__(self, folder: str, me: Owner, lock: contextlib.ExitStack) -> None:
        self.folder = folder
        """Its partial's folder."""
        self._me = me
        self._lock = lock

    def beat(self) -> bool:
        """Tell the others that this process lives; False when one has taken over meanwhile."""
        return owners.beat(self.folder, self._me)

    @property
    def is_mine(self) -> bool:
        """Whether no other process has taken over."""
        return os.path.exists(f"{self.folder}/{self._me.record}")

    def unlock(self) -> None:
        """Let the Hub's clients have their lock: the blob is where they look for it."""
        self._lock.close()

    def give_back(self) -> None:
        """Leave the partial to whoever comes next; never raises."""
        with contextlib.suppress(OSError):
            owners.give_back(self.folder, self._me)
        self._lock.close()

    def remove(self) -> None:
        """Remove the partial, which nobody needs any more; never raises."""
        with contextlib.suppress(OSError):
            if self.is_mine:
                _removed(self.folder)
        self._lock.close()


def claim(cache: str, partials: str, content: Content, *, lock: bool = True) -> Claim | Busy:
    """Return this process's claim on a content, or who has it; never waits.

    `partials` is the folder of all partials. With `lock=False` the caller holds the Hub's lock
    already. Raises AccessDenied for a lock file that is closed to this user, OSError.
    """
    with contextlib.ExitStack() as stack:
        if lock:
            try:
                stack.enter_context(blob_lock(cache, content.repo, content.etag, 0))
            except CacheBusy as error:
                left = error if isinstance(error, LockLeft) else None
                path = f"{cache}/{LOCKS}/{folder_name(content.repo)}/{content.etag}.lock"
                return Busy(holder(path) or t("another process"), left)
        folder = f"{partials}/{content.key}"
        me = owners.this_process()
        for _ in range(_TRIES):
            found = _taken(folder, me)
            if isinstance(found, owners.Owner):
                return Busy(described(found))
            if found:
                return Claim(folder, me, stack.pop_all())
        _drop_ownerless(folder)
    return Busy(t("another process"))


def described(owner: Owner) -> str:
    """Return who an owner is, for people, translated."""
    if owner.is_near:
        return t("process {pid}", pid=owner.pid)
    return t("process {pid} of another container or machine", pid=owner.pid)


def sweep(partials: str) -> None:
    """Remove what killed processes left half-made; never raises."""
    for name in _names(partials):
        if owners.is_half_made(f"{partials}/{name}"):
            shutil.rmtree(f"{partials}/{name}", ignore_errors=True)


def new_folder(partials: str, me: Owner) -> str:
    """Make and return a folder for something that is to be renamed into place when it is whole."""
    folder = f"{partials}/{NEW}{me.record}"
    os.mkdir(folder)
    try:
        share(folder, partials)
    except BaseException:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        raise
    return folder


def carried(folder: str, partials: str) -> None:
    """Let a partial of this process lie among others, on another file system too; OSError.

    Of two of one content the one with fewer bytes goes: so does what a killed process has copied.
    """
    place = f"{partials}/{os.path.basename(folder)}"
    if os.path.isdir(place):
        if Recall.read(folder).have.size <= Recall.read(place).have.size:
            _removed(folder)
        return
    try:
        os.rename(folder, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copied(folder, place)
        _removed(folder)


def _copied(folder: str, place: str) -> None:
    """Copy a partial to another file system, by one rename."""
    staged = new_folder(os.path.dirname(place), owners.this_process())
    try:
        for name in os.listdir(folder):
            if name == DATA:
                _copy(f"{folder}/{name}", f"{staged}/{name}", Recall.read(folder).have)
                sync(f"{staged}/{name}")  # The journal calls parts of it durable.
            else:
                shutil.copyfile(f"{folder}/{name}", f"{staged}/{name}")
        os.rename(staged, place)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _names(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from os.listdir(folder)


def _taken(folder: str, me: Owner) -> bool | Owner:
    """Try once to become the owner of a partial's folder, making it if need be.

    False when another process was faster in something; its owner when that one lives.
    """
    try:
        owner = owners.find_owner(folder)
    except FileNotFoundError:
        return _made(folder, me)
    if owner is None:
        if not owners.take_free(folder, me):
            return False
    else:
        life = owners.liveness(folder, owner)
        if life == "alive":
            return owner
        if life == "silent":
            _mark_shared(folder)
        if not owners.take_over(folder, owner, me):
            return False
    try:
        _make_own(folder)
    except OSError:
        owners.give_back(folder, me)
        raise
    return True


def _drop_ownerless(folder: str) -> None:
    """Remove a folder that has had no record at all for some looks, as after somebody's hand in it.

    Nothing is given to nobody's folder: a look may miss a record that is just being renamed, and
    then there would be two owners of the same bytes.
    """
    with contextlib.suppress(OSError):
        if not any(name.startswith("owner.") for name in os.listdir(folder)):
            _removed(folder)


def _made(folder: str, me: Owner) -> bool:
    """Make the folder with its owner in it, by one rename."""
    made = new_folder(os.path.dirname(folder), me)
    try:
        owners.sign(made, me)
        os.rename(made, folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if os.path.isdir(folder):
            return False
        raise
    return True


def _mark_shared(folder: str) -> None:
    """Note that a silent owner may wake and write on; whoever comes next must not share with it."""
    with contextlib.suppress(FileExistsError), open(f"{folder}/{_SHARED}", "x", encoding="ascii"):
        pass


def _make_own(folder: str) -> None:
    """Give the bytes files of their own where a silent owner, or another user, has the old ones.

    The journal first: the silent one may write on, and ours must not claim what our copy lacks.
    """
    is_shared = os.path.exists(f"{folder}/{_SHARED}")
    if not (is_shared or _is_anothers(f"{folder}/{DATA}")):
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(f"{folder}/journal", f"{folder}/journal.new")
        os.replace(f"{folder}/journal.new", f"{folder}/journal")
    with contextlib.suppress(FileNotFoundError):
        _copy(f"{folder}/{DATA}", f"{folder}/{DATA}.new", Recall.read(folder).have)
        os.replace(f"{folder}/{DATA}.new", f"{folder}/{DATA}")
    if is_shared:
        os.unlink(f"{folder}/{_SHARED}")


def _copy(path: str, copy: str, parts: Ranges) -> None:
    """Copy some parts of a file, and none of its holes; OSError from the disk."""
    with open(path, "rb", buffering=0) as source, open(copy, "wb", buffering=0) as target:
        for at, stop in parts:
            source.seek(at)
            target.seek(at)
            left = stop - at
            while left and (chunk := source.read(min(left, 2**20))):
                left -= len(chunk)
                while chunk:
                    chunk = chunk[target.write(chunk) :]


def _is_anothers(path: str) -> bool:
    """Tell whether another user made a file, so that this one may not write or date it."""
    try:
        return os.geteuid() not in {0, os.stat(path).st_uid}
    except (OSError, AttributeError):  # Not there yet; no users on Windows.
        return False


def _removed(folder: str) -> None:
    """Remove a partial of ours, its owner's record last: whoever is killed here is followed."""
    names = os.listdir(folder)
    for name in sorted(names, key=lambda name: name.startswith("owner.")):
        os.unlink(f"{folder}/{name}")
    os.rmdir(folder)
