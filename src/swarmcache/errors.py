"""Every error that swarmcache raises on purpose.

    SwarmcacheError                 3   root; the number is the exit code of the command line
    ├── SettingsError               2   a settings file or variable is wrong
    │   └── LockFileError           2   swarmcache.lock cannot be read, or not be trusted as it is
    ├── LockMismatch                5   a file is not the one that swarmcache.lock names
    ├── HubCacheError               3   a cache on disk
    │   ├── InvalidRepoId           2   the Hub would refuse this name
    │   ├── CacheNotFound           3   no such folder, or no folder at all
    │   ├── AccessDenied            3   the operating system refuses
    │   ├── CacheBusy               6   another process holds a lock on what is to be changed
    │   │   └── LockLeft            6   it may be dead, and then nobody ever releases its lock
    │   ├── NotComplete             1   half a model is not handed over
    │   └── NotRepairable           1   a repair leaves this to its user
    ├── TransferError               4   bytes from somewhere to a blob
    │   ├── EndpointUnreachable     4   no answer, or none in time
    │   ├── RepoNotFound            1   the endpoint knows no such repo or revision
    │   ├── RepoDenied              3   gated or private: the token does not open it
    │   ├── WrongBytes              5   what arrived is not what was announced
    │   ├── UnsafeListing           5   an endpoint names files that no cache can hold
    │   ├── DiskFull                3   the plan does not fit
    │   └── BudgetExceeded          3   the cache may not grow so large
    ├── ProjectError                3   a training project read as facts
    ├── ServeError                  3   the embedded Hub cannot start
    └── LaunchError                 3   run, init, env, demo
        ├── NotReady                1   models are incomplete and cannot be had
        ├── CannotExecute         126   the command is there, but the system refuses to start it
        └── CommandNotFound       127   there is no such command

A message is one sentence that names the path or repo, what was expected and what was found;
`hint` is the next step, as a command where there is one: its words, quoted as a shell takes them.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where a disk, or what a user may take of it, is used up."""


class SwarmcacheError(Exception):
    """Root of the tree: whatever the user or the machine did, said in one sentence."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | Sequence[str] = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if isinstance(hint, str) else _joined(hint)


def _joined(words: Sequence[str]) -> str:
    import shlex  # noqa: PLC0415 - only where something failed

    return shlex.join(words)


class SettingsError(SwarmcacheError):
    """A settings file or a `SWARMCACHE_…` variable cannot be used."""

    exit_code = 2


class LockFileError(SettingsError):
    """`swarmcache.lock` cannot be read, or is not of its format."""


class LockMismatch(SwarmcacheError):
    """A file, here or at the endpoint, is not the one that `swarmcache.lock` names."""

    exit_code = 5


class HubCacheError(SwarmcacheError):
    """A cache on disk cannot be read or named."""


class InvalidRepoId(HubCacheError):
    """The Hub would refuse this repo id or revision, so no cache can hold it."""

    exit_code = 2


class CacheNotFound(HubCacheError):
    """The cache folder does not exist, or is not a folder."""


class AccessDenied(HubCacheError):
    """The operating system refuses to read or write a path."""


class CacheBusy(HubCacheError):
    """Another process holds the lock on what is to be changed."""

    exit_code = 6


class LockLeft(CacheBusy):
    """Where locks are held by existence: one whose owner is dead, or not known to live."""


class NotComplete(HubCacheError):
    """A file that loading needs is not in the cache, so that the model is not handed over."""

    exit_code = 1


class NotRepairable(HubCacheError):
    """A repair must not touch this, or cannot know what belongs there; 5 where bytes are wrong."""

    exit_code = 1


class TransferError(SwarmcacheError):
    """Bytes could not be brought into the cache."""

    exit_code = 4


class EndpointUnreachable(TransferError):
    """An endpoint did not answer, or not within its time."""

    def __init__(
        self, message: str, *, hint: str | Sequence[str] = "", answered: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.answered = answered
        """Whether it answered after all, with an error of its own: it may know other repos."""


class RepoNotFound(TransferError):
    """The endpoint knows no such repo or revision."""

    exit_code = 1


class RepoDenied(TransferError):
    """The repo is gated or private, and the token at hand does not open it."""

    exit_code = 3


class WrongBytes(TransferError):
    """What arrived is not what the endpoint announced."""

    exit_code = 5


class UnsafeListing(TransferError):
    """An endpoint names files that no cache can hold: nothing of such a repo is fetched."""

    exit_code = 5


class DiskFull(TransferError):
    """What is to be fetched does not fit on the disk."""

    exit_code = 3


class BudgetExceeded(TransferError):
    """What is to be fetched does not fit into the cache's budget."""

    exit_code = 3


class ProjectError(SwarmcacheError):
    """A training project's files cannot be read as facts."""


class ServeError(SwarmcacheError):
    """The embedded Hub cannot start."""


class LaunchError(SwarmcacheError):
    """A command cannot be started, or its settings cannot be written."""


class NotReady(LaunchError):
    """Models that the command needs are not complete and cannot be had."""

    exit_code = 1


class CannotExecute(LaunchError):
    """The command exists, and the operating system refuses to execute it."""

    exit_code = 126


class CommandNotFound(LaunchError):
    """There is no such command, or the interpreter that its first line names is missing."""

    exit_code = 127


OS_REASONS = (
    "Address already in use",
    "Broken pipe",
    "Cannot allocate memory",
    "Cannot assign requested address",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "Device or resource busy",
    "Directory not empty",
    "Disk quota exceeded",
    "Exec format error",
    "File exists",
    "File name too long",
    "Input/output error",
    "Invalid argument",
    "Invalid cross-device link",
    "Is a directory",
    "Name or service not known",
    "Network is unreachable",
    "No route to host",
    "No space left on device",
    "No such device or address",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Operation not supported",
    "Permission denied",
    "Read-only file system",
    "Stale file handle",
    "Temporary failure in name resolution",
    "Text file busy",
    "Too many levels of symbolic links",
    "Too many open files",
)
"""What an operating system says that our catalogues translate (glibc's words); others stay."""


def os_reason(error: OSError) -> str:
    """Return why the operating system refused, without its number, which tells nobody anything."""
    return t(error.strerror) if error.strerror else str(error)


def disk_full(path: str) -> DiskFull:
    """Return the error for a disk without room, named by what was to be written to it."""
    return DiskFull(t("The disk of {path} is full.", path=path), hint="swarmcache status")


def os_sentence(error: OSError) -> str:
    """Return what the operating system refused, and of which path where it says so."""
    path, reason = error.filename, os_reason(error)
    if error.errno == errno.ENOSPC:
        return t("The disk of {path} is full.", path=path) if path else t("The disk is full.")
    return t("{path}: {reason}", path=path, reason=reason) if path else reason
