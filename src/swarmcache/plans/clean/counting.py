"""The bytes that removals free: a file counts when the last of its names goes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import BLOBS, SHARED_MARKER
from swarmcache.hubcache.payloads import USERS, payload_behind
from swarmcache.plans.clean.payloads import has_manifest, store_links
from swarmcache.plans.clean.values import Choice, Group
from swarmcache.plans.plan import Remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.drafting import Draft


class Counter:
    """Counts over the removals of one plan, in their order."""

    def __init__(self, cache: str) -> None:
        self._cache = cache
        self._has_store = os.path.isfile(f"{cache}/{BLOBS}/{SHARED_MARKER}")
        self._paths: set[str] = set()
        self._gone: dict[tuple[int, int], int] = {}
        self._blobs: dict[str, set[str]] = {}
        """Payload -> the removed blobs that linked to it."""
        self._links: dict[str, set[str]] | None = None
        self._freed: set[str] = set()

    def group(
        self,
        repo: RepoName | None,
        choice: Choice,
        drafts: Iterable[Draft],
        seen: int,
        *,
        named: bool = False,
    ) -> Group:
        """Return these removals with their bytes."""
        steps = []
        for draft in drafts:
            freed = self._add(draft.files)
            steps.append(Remove(draft.kind, draft.path, repo, draft.commit, freed))
            self._note_links(draft)
        return Group(repo, choice, tuple(steps), seen, named)

    def payloads(self) -> list[Group]:
        """Return the payloads of the shared store that nothing links to after all these."""
        if not self._blobs:
            return []
        if self._links is None:
            self._links = store_links(self._cache)
        steps = []
        for payload in sorted(self._blobs.keys() - self._freed):
            rest = self._links.get(payload, set()) - self._blobs[payload]
            if rest or not has_manifest(payload):
                continue
            files = {}
            for path in (payload, f"{payload}{USERS}"):  # A killed removal leaves only the list.
                with suppress(OSError):
                    files[path] = os.lstat(path)
            if files:
                self._freed.add(payload)
                steps.append(Remove("payload", payload, None, None, self._add(files)))
        return [Group(None, Choice(), tuple(steps), 0)] if steps else []

    def _add(self, files: Mapping[str, os.stat_result]) -> int:
        freed = 0
        for path, found in files.items():
            if path in self._paths:
                continue
            self._paths.add(path)
            inode = (found.st_dev, found.st_ino)
            gone = self._gone[inode] = self._gone.get(inode, 0) + 1
            freed += found.st_blocks * 512 if gone == found.st_nlink else 0
        return freed

    def _note_links(self, draft: Draft) -> None:
        """Note which payloads of the shared store lose a link by a removal."""
        if not self._has_store:
            return
        if draft.kind == "repo":
            with suppress(OSError):
                for entry in os.scandir(f"{draft.path}/{BLOBS}"):
                    if entry.is_symlink():
                        self._note_link(entry.path)
        elif draft.kind in {"blob", "orphan"}:
            self._note_link(draft.path)
        elif draft.kind == "trash":
            for folder, _, names in os.walk(draft.path):
                if os.path.basename(folder) == BLOBS:
                    for name in names:
                        self._note_link(f"{folder}/{name}")

    def _note_link(self, path: str) -> None:
        with suppress(OSError):
            payload = payload_behind(self._cache, os.readlink(path))
            if payload is not None:
                self._blobs.setdefault(payload, set()).add(path)
