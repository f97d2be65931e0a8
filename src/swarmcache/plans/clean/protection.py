"""What must not be removed, and why: pins, roots, leases, open files, recent use, downloads.

Pins and roots hold revisions, by what projects say. The others hold what is in use now: they are
asked when a removal is planned, and again when it is carried out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.layout import RepoName, folder_name, is_commit
from swarmcache.hubcache.locks import is_downloading
from swarmcache.hubcache.use.last_use import last_used, last_uses
from swarmcache.hubcache.use.leases import leases
from swarmcache.hubcache.use.open_files import open_files
from swarmcache.hubcache.use.processes import command_name
from swarmcache.hubcache.use.roots import roots
from swarmcache.hubcache.use.users import folders_of
from swarmcache.locale import t
from swarmcache.plans.clean.values import Kept

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.hubcache.use.open_files import OpenFiles
    from swarmcache.hubcache.use.owners import Owner

RECENT_SECONDS = 600
"""So long after its last use a model stays, since its user may just be starting again."""
_SETTLED_SECONDS = 600
"""So long a leftover stays, since whoever made it may be about to use it."""


class Pin(NamedTuple):
    """A revision that somebody needs."""

    repo: RepoName
    revision: str
    """A branch, tag or commit."""
    reason: str
    """Who needs it, as a sentence for people."""


def rooted(cache: str, environment: Environment) -> list[Pin]:
    """Return what the projects registered in a cache need; AccessDenied where nobody can tell."""
    found = []
    for root in roots(cache, environment):
        reason = t("the project {folder} needs it", folder=root.project)
        for kind, name, revision in root.models:
            found.append(Pin(RepoName(kind, name), revision, reason))  # type: ignore[arg-type]
    return found


class Protection:
    """What stays in one cache."""

    def __init__(
        self,
        cache: str,
        environment: Environment,
        pins: Iterable[Pin] = (),
        named: Iterable[RepoName] = (),
    ) -> None:
        """Take the cache's real path; `named` are models whose recent use stops nobody."""
        self._cache = cache
        self._environment = environment
        self._pins: dict[RepoName, list[Pin]] = {}
        for pin in pins:
            self._pins.setdefault(pin.repo, []).append(pin)
        self._named = frozenset(named)
        self.refresh()

    def refresh(self) -> None:
        """Look again at who uses what; AccessDenied where leases cannot be read."""
        self._files: OpenFiles | None = None
        self._uses = last_uses(self._cache, self._environment)
        self._leased: dict[RepoName, Owner] = {}
        for lease in leases(self._cache, self._environment):
            self._leased.update(dict.fromkeys(lease.repos, lease.owner))

    @property
    def files(self) -> OpenFiles:
        """Who has which file open or mapped; looked at when first asked."""
        if self._files is None:
            self._files = open_files(self._cache)
        return self._files

    def last_used(self, repo: Repo) -> float:
        """Return when a repo was last used, in seconds since the epoch."""
        return last_used(self._uses.get(folder_name(repo.name)), repo.contents())

    def pinned(self, repo: Repo, revision: Revision) -> str | None:
        """Return why a revision is needed, or None."""
        for pin in self._pins.get(repo.name, ()):
            found = repo.revision(pin.revision)
            if found is not None and found.commit == revision.commit:
                return pin.reason
            if found is None and not is_commit(pin.revision):
                return pin.reason  # The ref is gone: nothing tells which commit is meant.
        return None

    def used(self, repo: Repo, *, locked: bool = False) -> str | None:
        """Return why nothing of a repo may be touched now, or None.

        With `locked`, its download locks are the caller's own.
        """
        owner = self._leased.get(repo.name)
        if owner is not None:
            return _leased_by(owner)
        moment = self._uses.get(folder_name(repo.name), 0.0)
        if repo.name not in self._named and time.time() - moment < RECENT_SECONDS:
            return t("it was used in the last 10 minutes; naming it lifts this")
        if not locked and is_downloading(self._cache, repo.name):
            return t("a download of it is under way")
        return None

    def opened(self, revision: Revision) -> str | None:
        """Return who has a file of a revision open, or stands in a folder of it."""
        inodes = [blob.inode for _, blob in revision.files if blob is not None]
        inodes += [inode for inode, _ in folders_of(revision)]
        return self.opened_inodes(inodes)

    def opened_inodes(self, inodes: Iterable[tuple[int, int]]) -> str | None:
        """Return who has one of these files open or mapped, or None."""
        users = self.files.users
        for inode in inodes:
            if inode in users:
                pid = users[inode][0]
                return t(
                    "process {pid} ({command}) has it open", pid=pid, command=command_name(pid)
                )
        return None

    def opened_blobs(self, repo: Repo, names: Iterable[str]) -> str | None:
        """Return who has the content of one of these blobs, shared or not, open or mapped."""
        return self.opened_inodes([repo.blobs[name].inode for name in names if name in repo.blobs])

    def opened_files(self, files: Mapping[str, os.stat_result]) -> str | None:
        """Return who has one of these files open or mapped, or None."""
        return self.opened_inodes((found.st_dev, found.st_ino) for found in files.values())


def is_settled(found: os.stat_result) -> bool:
    """Tell whether a leftover is old enough that nobody is about to use it."""
    return time.time() - max(found.st_mtime, 0.0) > _SETTLED_SECONDS


def keep(repo: Repo, reason: str, commit: str | None = None, *, busy: bool, named: bool) -> Kept:
    """Return that a repo, or a revision of it, stays."""
    return Kept(repo.name.at(commit), reason, busy, named)


def _leased_by(owner: Owner) -> str:
    if owner.is_near:
        return t("process {pid} uses it", pid=owner.pid)
    return t("process {pid} of another container or machine uses it", pid=owner.pid)
