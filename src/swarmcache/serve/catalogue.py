"""Which cache folders hold a repo and a revision, looked up afresh for every request.

Only the paths of the one repo are looked at, so that an answer costs the same in a cache of
ten repos and of ten thousand, and what `pull` or `clean` changed is seen at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import (
    REFS,
    SNAPSHOTS,
    RepoName,
    folder_name,
    is_commit,
)
from swarmcache.hubcache.leftovers.crash_remains import is_ref_remains
from swarmcache.hubcache.reading import read_start
from swarmcache.serve.refusals import RepoNotFound, RevisionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class CachedCommit:
    """A commit and every repo folder with a snapshot of it, in the order of the caches.

    A commit names its content, so what one cache lacks of it another may give.
    """

    repo: RepoName
    commit: str
    folders: tuple[str, ...]


class Catalogue:
    """The served cache folders, in order: the first that knows a revision decides its commit."""

    def __init__(self, caches: Sequence[str]) -> None:
        self.roots = tuple(os.path.realpath(cache) for cache in caches)
        """The folders, absolute and without links."""

    def find(self, repo: RepoName, revision: str) -> CachedCommit:
        """Return the commit that `revision` names; raises RepoNotFound or RevisionNotFound."""
        folders = self._folders(repo)
        for folder in folders:
            commit = revision if is_commit(revision) else _read_ref(folder, revision)
            if commit is not None and _has_snapshot(folder, commit):
                holders = tuple(other for other in folders if _has_snapshot(other, commit))
                return CachedCommit(repo, commit, holders)
        raise RevisionNotFound(f"Revision {revision} of {repo.id} is not cached here.")

    def refs(self, repo: RepoName) -> dict[str, str]:
        """Return every ref that leads to a snapshot here, and its commit."""
        found: dict[str, str] = {}
        for folder in reversed(self._folders(repo)):
            for name in _ref_names(os.path.join(folder, REFS)):
                commit = _read_ref(folder, name)
                if commit is not None and _has_snapshot(folder, commit):
                    found[name] = commit
        return dict(sorted(found.items()))

    def _folders(self, repo: RepoName) -> tuple[str, ...]:
        candidates = (os.path.join(root, folder_name(repo)) for root in self.roots)
        folders = tuple(path for path in candidates if os.path.isdir(path))
        if not folders:
            raise RepoNotFound(f"The {repo.type} {repo.id} is not cached here.")
        return folders


def _read_ref(folder: str, revision: str) -> str | None:
    """Return a ref's commit; a hand-made trailing newline does no harm here."""
    try:
        text = read_start(os.path.join(folder, REFS, revision), 256).decode("ascii", "replace")
    except OSError:
        return None
    commit = text.strip()
    return commit if is_commit(commit) else None


def _has_snapshot(folder: str, commit: str) -> bool:
    return os.path.isdir(os.path.join(folder, SNAPSHOTS, commit))


def _ref_names(refs: str) -> Iterator[str]:
    for folder, _, names in os.walk(refs):
        for name in names:
            if not is_ref_remains(name):
                yield os.path.relpath(os.path.join(folder, name), refs)
