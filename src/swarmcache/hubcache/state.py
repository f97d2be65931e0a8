"""Our own state beside a cache: hints that may be deleted at any time, never a model.

    <HF_HUB_CACHE>/.locks/.swarmcache/      where the cache can be written
    $XDG_STATE_HOME/swarmcache/caches/<real path of the cache>/         else
    ├── VERSION                             of this tree: 1
    ├── partial/<key>/                      a download under way (transfer/partial.py)
    ├── partial/repair-*/                   what a repair makes ready (plans/staging.py)
    ├── partial/new-*/                      the same of others: what an import unpacks, snapshots
    ├── repair.lock                         held by the one repair under way
    ├── ledger/                             what was verified (ledger.py)
    │   ├── size                            of the whole cache, where it is large (sizing.py)
    │   ├── used/<repo folder>              when it was last used (last_use.py)
    │   └── fetched/<repo folder>, evicting what may be evicted (evictable.py)
    ├── leases/owner.*                      who uses what now (leases.py)
    ├── roots/<hash>.json                   projects that need models (roots.py)
    ├── trash/<random>/                     removals under way (plans/clean/trash.py)
    ├── linking/<repo folder>               links about to take a repo's place (plans/adopt)
    └── moving                              what a move into this cache comes from (plans/move.py)

Every Hub tool skips `.locks`, and the folder travels with a mounted volume.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied
from swarmcache.hubcache.belonging import give
from swarmcache.hubcache.layout import LOCKS
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment

VERSION = "1"
OWN_FOLDER = ".swarmcache"
PARTIALS = "partial"
"""The folder of what is under way: downloads, and what is made ready for its rename."""
NEW, REPAIR = "new-", "repair-"
"""How the names of folders begin in which something is made ready; their makers sweep them."""
LEASES = "leases"
"""The folder of who uses what now."""


class State(NamedTuple):
    """Where state of one cache is read and written."""

    path: str
    """The folder to write to; it may not exist yet."""
    writable: bool
    """Whether this user may write there, as far as can be told without trying."""
    beside: str
    """The folder beside the cache: `path` itself, or one to be read as well."""
    mode: int
    """Permission bits of the cache folder, for what is made beside it."""

    @property
    def is_beside(self) -> bool:
        """Whether this user can change the cache: what that needs is made ready beside it."""
        return self.writable and self.path == self.beside

    @property
    def partials(self) -> str:
        """The folder beside the cache where partial downloads lie; it may not exist."""
        return f"{self.beside}/{PARTIALS}"

    def folder(self, name: str) -> str:
        """Make the folder `name` below `path` and return it; OSError where that cannot be."""
        path = f"{self.path}/{name}"
        if not os.path.isdir(path):
            for above in (*missing_folders(self.path), path):
                _make(above, self.mode)
            _write_version(self.path, self.mode)
        return path

    def sources(self, name: str) -> list[str]:
        """Return where `name` may lie, to be read in this order."""
        return list(dict.fromkeys([f"{self.beside}/{name}", f"{self.path}/{name}"]))


def is_download(name: str) -> bool:
    """Tell whether an entry of the partials' folder is a download under way."""
    return not name.startswith((NEW, REPAIR))


def state_folder(cache: str, environment: Environment) -> State:
    """Return where state of the cache folder belongs; nothing is made or written.

    A tree of a later version is left alone: state then goes to the user's own folder.
    """
    beside = f"{cache}/{LOCKS}/{OWN_FOLDER}"
    mode = _mode(cache)
    if _is_ours(beside) and _may_write(beside):
        return State(beside, writable=True, beside=beside, mode=mode)
    path = users_folder(cache, environment)
    known = beside if _is_ours(beside) else path
    return State(path, _is_ours(path) and _may_write(path), beside=known, mode=0o700)


def unwritable(cache: str) -> AccessDenied:
    """Return the error for a cache whose folder, or the state beside it, this user cannot write.

    It names the uppermost of those that refuses, as far as that can be told.
    """
    if os.path.islink(cache) and not os.path.exists(cache):
        target = os.readlink(cache)
        message = t("{path} is a link to {target}, which is not there.", path=cache, target=target)
        return AccessDenied(message, hint=("ls", "-ld", cache))
    locks = f"{cache}/{LOCKS}"
    own = f"{locks}/{OWN_FOLDER}"
    below = [one for one in (locks, own, f"{own}/{PARTIALS}") if os.path.isdir(one)]
    refusing = next((one for one in (cache, *below) if not _may_write(one)), cache)
    if refusing == cache:
        message = t("The cache folder {path} cannot be written by this user.", path=cache)
    else:
        message = t("The folder {path} cannot be written by this user.", path=refusing)
    return AccessDenied(message, hint=("ls", "-ld", refusing))


def users_folder(cache: str, environment: Environment) -> str:
    """Return where this user's own state of a cache lies that the user may not write to.

    The cache's real path itself names it: readable, unique, and no hash to compute.
    """
    real = os.path.realpath(cache).replace(":", "").lstrip(os.sep)
    return f"{users_state(environment)}/caches/{real}/{OWN_FOLDER}"


def users_state(environment: Environment) -> str:
    """Return the folder of this user's own state; it may not exist yet."""
    named = environment.get("XDG_STATE_HOME") or ""
    # The XDG specification: a relative path is invalid and to be ignored.
    home = named if os.path.isabs(named) else f"{environment.home}/.local/state"
    return f"{home}/swarmcache"


def readable_names(folder: str) -> list[str]:
    """Return what a folder of the state lists, sorted, nothing where it is not there.

    Raises AccessDenied where this user may not look: then nobody knows what it protects.
    """
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder) from error


def unreadable(path: str) -> AccessDenied:
    """Return the error for a record that may protect a model, and cannot be read."""
    return AccessDenied(
        t("{path} cannot be read by this user, and may tell who needs a model.", path=path),
        hint=("ls", "-l", path),
    )


def _is_ours(folder: str) -> bool:
    """Tell whether a state folder is absent, or of the version that this code knows."""
    try:
        with open(f"{folder}/VERSION", encoding="ascii", errors="replace") as file:
            # Empty while another process is about to write it, or was killed before it did.
            return file.read(16).strip() in {"", VERSION}
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _may_write(folder: str) -> bool:
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _mode(cache: str) -> int:
    try:
        return os.stat(cache).st_mode & 0o7777
    except OSError:
        return 0o700


def missing_folders(path: str) -> list[str]:
    """Return `path` and the folders above it that do not exist, the uppermost first."""
    missing: list[str] = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]


def _make(folder: str, mode: int) -> None:
    """Make one folder that whoever may write to the cache may write to as well."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        with contextlib.suppress(OSError):
            os.chmod(folder, mode)
        give(folder)


def _write_version(folder: str, mode: int) -> None:
    path = f"{folder}/VERSION"
    with contextlib.suppress(FileExistsError):
        with open(path, "x", encoding="ascii") as file:
            file.write(VERSION + "\n")
        with contextlib.suppress(OSError):
            os.chmod(path, file_mode(mode))
        give(path)


def file_mode(folder: int) -> int:
    """Return the permission bits of a file that is as open as a folder of mode `folder`."""
    return folder & 0o666 | 0o600
