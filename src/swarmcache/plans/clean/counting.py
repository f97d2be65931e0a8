"""The bytes that removals free: a file counts when the last of its names goes.

So does an extent that reflinks share: with the last file that holds it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import BLOBS, SHARED_MARKER
from swarmcache.hubcache.payloads import USERS, payload_behind
from swarmcache.plans.clean.holders import inode_of
from swarmcache.plans.clean.payloads import has_manifest, store_links
from swarmcache.plans.clean.values import Choice, Group
from swarmcache.plans.plan import Remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.hubcache.extents import Piece
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.drafting import Draft
    from swarmcache.plans.clean.holders import Holders, Holding, Inode


class Counter:
    """Counts over the removals of one plan, in their order.

    What the disk gets back; or, with `held`, what these files of the cache hold no longer, whoever
    else has the same bytes.
    """

    def __init__(
        self, cache: str, holders: Holders, held: Holding | None = None, *, is_going: bool = False
    ) -> None:
        """Take the cache's real path, and whether each file goes as soon as it was counted."""
        self._cache = cache
        self._holders = holders
        self._held = held
        self._is_going = is_going
        self.gone: dict[Piece, int] = {}
        """The bytes of what went so far."""
        self.touched: dict[Piece, int] = {}
        """The bytes of what lost a name, or a holder, since somebody emptied this."""
        self._has_store = os.path.isfile(f"{cache}/{BLOBS}/{SHARED_MARKER}")
        self._paths: set[str] = set()
        self._names: dict[Inode, int] = {}
        """How many names of each file went."""
        self._files: dict[Piece, set[Inode]] = {}
        """Which files that hold an extent went."""
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
            inode = inode_of(found)
            gone = self._names[inode] = self._names.get(inode, 0) + 1
            names = found.st_nlink if self._held is None else self._held.names.get(inode)
            if gone == names:
                freed += self.last_name(path, found)
            self._touch(path, found)
        return freed

    def last_name(self, path: str, found: os.stat_result) -> int:
        """Return the bytes that go with the last name of a file; before it goes."""
        inode, freed = inode_of(found), 0
        for piece, size in self._holders.pieces(path, found).items():
            files = self._files.setdefault(piece, set())
            files.add(inode)
            if piece == inode:
                freed += size  # Also of a new file that got an old one's number.
            elif piece not in self.gone and self._is_last(piece, files, found.st_size):
                freed += size
            else:
                continue
            self.gone[piece] = size
        return freed

    def _is_last(self, piece: Piece, files: set[Inode], size: int) -> bool:
        """Tell whether an extent goes with these files, which are of one size."""
        if self._held is not None:
            return len(files) == self._held.files.get(piece)
        if self._is_going and self._holders.are_told_at_once:
            return False
        # Whatever shares the extent of a single file is elsewhere, and stays.
        return len(files) > 1 and self._holders.of(piece, size) <= files

    def _touch(self, path: str, found: os.stat_result) -> None:
        self.touched.update(self._holders.pieces(path, found))

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
                self._touch(payload, os.lstat(payload))
