"""Who uses which repos of a cache now: by their leases, and by the files that they have open.

Processes that know nothing of swarmcache are told by open and mapped files (open_files.py). Those
of other containers and machines are seen only by their leases.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.layout import BLOBS, REFS, SNAPSHOTS
from swarmcache.hubcache.scan import iter_repos
from swarmcache.hubcache.use.last_use import note_use
from swarmcache.hubcache.use.leases import leases
from swarmcache.hubcache.use.open_files import open_files
from swarmcache.hubcache.use.processes import account_of, command_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.hubcache.use.leases import Lease
    from swarmcache.hubcache.use.open_files import Inode


class User(NamedTuple):
    """A process that uses repos of the cache."""

    pid: int
    """As its own pid namespace counts."""
    command: tuple[str, ...]
    """Its words; of a process that cannot be looked at, its name."""
    account: str
    """The user whose process it is; empty where nobody tells."""
    near: bool
    """Whether it can be looked at, so that it surely lives; else it is of another container or
    machine."""
    host: str
    """The machine's name, as the process knew it; empty for one without a lease."""
    since: float | None
    """When it took its lease, in seconds since the epoch; None for a process without one."""
    repos: Mapping[RepoName, tuple[str, ...]]
    """What of each repo it has open, mapped or stands in: paths of files in the repo, and of
    folders, which end in a slash; none of a repo that it has only leased."""


class Users(NamedTuple):
    """Who uses a cache."""

    users: tuple[User, ...]
    uninspected: int
    """Processes that this user may not look into; they may have anything open."""
    visible: bool
    """Whether the system tells at all who has which file open."""


def cache_users(
    cache: str,
    environment: Environment,
    *,
    wanted: Callable[[RepoName], bool] | None = None,
    tiers: Sequence[str] = (),
) -> Users:
    """Return who uses the cache now, this process aside; with `wanted`, of the repos it accepts.

    Changes nothing. Raises CacheNotFound for no such folder, AccessDenied where a lease cannot be
    read.
    """
    files = open_files(os.path.realpath(cache))
    opened: dict[int, dict[RepoName, tuple[str, ...]]] = {}
    for repo in iter_repos(cache, tiers):
        for pid, paths in _users_of(repo, files.users).items():
            opened.setdefault(pid, {})[repo.name] = tuple(paths)
    users = [_by_lease(lease, opened) for lease in leases(cache, environment)]
    users += [_user(pid, repos) for pid, repos in opened.items()]
    if wanted is not None:
        kept = [{name: one.repos[name] for name in one.repos if wanted(name)} for one in users]
        users = [one._replace(repos=repos) for one, repos in zip(users, kept, strict=True)]
    known = tuple(sorted((one for one in users if one.repos), key=lambda one: one.pid))
    return Users(known, files.uninspected, files.visible)


def note_seen_uses(cache: str, environment: Environment, tiers: Sequence[str] = ()) -> None:
    """Record that what anybody uses now is used now; never raises.

    So that a model whose trainer knows nothing of swarmcache does not look unused.
    """
    with suppress(Exception):  # A hint must not stop a start, whatever is wrong with the cache.
        seen = cache_users(cache, environment, tiers=tiers).users
        note_use(cache, environment, {repo for user in seen if user.near for repo in user.repos})


def folders_of(revision: Revision) -> Iterator[tuple[Inode, str]]:
    """Yield the folders of a revision: inode, and path on disk."""
    below = {path.rpartition("/")[0] for path, _ in revision.files}
    yield from _found([revision.path, *(f"{revision.path}/{name}" for name in below if name)])


def _users_of(repo: Repo, users: Mapping[Inode, Sequence[int]]) -> dict[int, dict[str, None]]:
    """Return pid -> what of a repo the process has open, in the repo's order."""
    found: dict[int, dict[str, None]] = {}
    for inode, path in _parts(repo):
        for pid in users.get(inode, ()):
            found.setdefault(pid, {})[path] = None
    return found


def _parts(repo: Repo) -> Iterator[tuple[Inode, str]]:
    """Yield all that a process may have open of a repo: inode, and what to call it."""
    used: set[Inode] = set()
    for revision in repo.revisions:
        for path, blob in revision.files:
            if blob is not None:
                used.add(blob.inode)
                yield blob.inode, path
        for inode, path in folders_of(revision):
            yield inode, f"{os.path.relpath(path, repo.path)}/"
    for blob in repo.blobs.values():
        if blob.inode not in used:
            yield blob.inode, f"{BLOBS}/{blob.name}"
    for inode, path in _found([left.path for left in repo.leftovers if left.kind != "orphan"]):
        yield inode, os.path.relpath(path, repo.path)
    layout = [repo.path, *(f"{repo.path}/{name}" for name in (BLOBS, REFS, SNAPSHOTS))]
    for inode, path in _found(layout):
        yield inode, f"{os.path.relpath(path, repo.path)}/"


def _found(paths: Sequence[str]) -> Iterator[tuple[Inode, str]]:
    for path in paths:
        with suppress(OSError):
            found = os.stat(path)
            yield (found.st_dev, found.st_ino), path


def _by_lease(lease: Lease, opened: dict[int, dict[RepoName, tuple[str, ...]]]) -> User:
    """Return who holds a lease, with all that the process has open besides."""
    owner = lease.owner
    repos: dict[RepoName, tuple[str, ...]] = dict.fromkeys(sorted(lease.repos), ())
    if not owner.is_near:
        return User(owner.pid, (lease.command,), "", False, lease.host, lease.since, repos)
    found = _user(owner.pid, repos | opened.pop(owner.pid, {}))
    return found._replace(host=lease.host, since=lease.since)


def _user(pid: int, repos: Mapping[RepoName, tuple[str, ...]]) -> User:
    command = tuple(command_words(pid)) or ("?",)
    return User(pid, command, account_of(pid), near=True, host="", since=None, repos=repos)
