"""Everything in a repo folder, and which of it no client of the Hub has put there.

What is not known stays, whatever its user asked for: an identity key beside the models, an edited
copy in place of a link, a folder of a later huggingface_hub.
"""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache import layout
from swarmcache.hubcache.folder import stays_inside
from swarmcache.hubcache.leftovers.crash_remains import (
    is_blob_remains,
    is_link_probe,
    is_manifest_remains,
    is_mode_probe,
    is_ref_remains,
)
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.reading import read_start
from swarmcache.hubcache.scan import read_repo
from swarmcache.hubcache.sight import Sight
from swarmcache.plans.clean.values import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import RepoName


class Inventory(NamedTuple):
    """What one look at a repo folder found."""

    strangers: tuple[str, ...]
    """Paths of what is not the Hub's, or cannot be looked into."""
    files: dict[str, os.stat_result]
    """Every regular file by its path, strangers left out."""
    names: frozenset[str]
    """Every other path that is the Hub's: links, and folders that were really walked."""

    def vouches(self, path: str) -> bool:
        """Tell whether a path, and all that is below it, is the Hub's and lies in the repo."""
        known = path in self.names or path in self.files
        return known and not self.strangers_below(path)

    def below(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the files at or below a path."""
        if folder in self.files:
            yield folder, self.files[folder]
            return
        start = folder + "/"
        yield from ((path, found) for path, found in self.files.items() if path.startswith(start))

    def strangers_below(self, folder: str) -> list[str]:
        """Return the strangers at or below a path."""
        return [path for path in self.strangers if path == folder or path.startswith(folder + "/")]


def look(cache: str, name: RepoName, tiers: Sequence[str] = ()) -> Seen | None:
    """Return a repo of the real path `cache` with its inventory, by one look at the disk.

    None when the cache has no folder of that name.
    """
    sight = Sight.empty()
    repo = read_repo(cache, name, tiers, sight)
    return None if repo is None else Seen(repo, take_inventory(repo.path, cache, tiers, sight))


def take_inventory(
    folder: str, cache: str, tiers: Sequence[str] = (), sight: Sight | None = None
) -> Inventory:
    """Return what is in a repo folder; nothing is opened but refs and manifests.

    Links may lead into the real path `cache` and into `tiers`. A link to nowhere is known: it
    holds nothing. What is in `sight` is not looked at again.
    """
    taker = _Taker(folder, cache, tiers, sight or Sight.empty())
    taker.look()
    return Inventory(tuple(sorted(taker.strangers)), taker.files, frozenset(taker.names))


class _Taker:
    """Walks one repo folder."""

    def __init__(self, folder: str, cache: str, tiers: Sequence[str], sight: Sight) -> None:
        self.folder = folder
        self.sight = sight
        self.strangers: list[str] = []
        self.files: dict[str, os.stat_result] = {}
        self.names: set[str] = set()
        self._blobs_are_here = False
        self._roots = (cache, tiers)
        self._linked: set[str] = set()
        """Names of blobs that a snapshot links."""

    def look(self) -> None:
        """Walk; snapshots before blobs, whose names they vouch for."""
        parts = {
            layout.SNAPSHOTS: self._snapshots,
            layout.BLOBS: self._blobs,
            layout.REFS: self._refs,
            layout.TREES: self._trees,
            layout.NO_EXIST: self._marks,
        }
        here = {entry.name: entry for entry in self._entries(self.folder)}
        blobs = here.get(layout.BLOBS)
        self._blobs_are_here = blobs is None or blobs.is_dir(follow_symlinks=False)
        for name in sorted(here.keys() - parts.keys()):
            if is_link_probe(here[name].path):
                self._link_probe(here[name].path)
            else:
                self._keep(here[name], known=is_mode_probe(here[name].path))
        for name, look in parts.items():
            if name not in here:
                continue
            if here[name].is_dir(follow_symlinks=False):
                look(here[name].path)
            else:
                self.strangers.append(here[name].path)

    def _link_probe(self, folder: str) -> None:
        for entry in self._entries(folder):
            if entry.is_symlink():
                self._keep_link(entry, known=True)
            else:
                self._keep(entry, known=True)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            # Read to its end, it closes itself.
            found = self.sight.folders.get(folder) or list(os.scandir(folder))
        except FileNotFoundError:
            return []
        except OSError:
            self.strangers.append(folder)
            return []
        self.names.add(folder)
        return found

    def _commits(self, folder: str) -> Iterator[os.DirEntry[str]]:
        for entry in self._entries(folder):
            if layout.is_commit(entry.name) and entry.is_dir(follow_symlinks=False):
                yield entry
            else:
                self.strangers.append(entry.path)

    def _walk(self, folder: str) -> Iterator[os.DirEntry[str]]:
        for entry in self._entries(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path)
            else:
                yield entry

    def _keep(self, entry: os.DirEntry[str], *, known: bool) -> None:
        """Note a file; one that is no regular file is a stranger in any case."""
        path = entry.path
        found = self.sight.files.get(path) or entry.stat(follow_symlinks=False)
        if known and S_ISREG(found.st_mode):
            self.files[path] = found
        else:
            self.strangers.append(path)

    def _snapshots(self, folder: str) -> None:
        for commit in self._commits(folder):
            plain: list[os.DirEntry[str]] = []
            has_links = self._snapshot(commit.path, "../../blobs/", plain)
            if plain:
                self._plain_files(commit, plain, has_links=has_links)

    def _snapshot(self, folder: str, to_blobs: str, plain: list[os.DirEntry[str]]) -> bool:
        """Note the links below a folder of a snapshot, and return whether there are any.

        `to_blobs` is how a link from there names a blob; `plain` gets what is no link.
        """
        has_links, links, skip = False, self.sight.links, len(to_blobs)
        for entry in self._entries(folder):
            path = entry.path
            target = links.get(path) or (os.readlink(path) if entry.is_symlink() else None)
            if target is not None:
                has_links = True
                name = target[skip:]
                if target[:skip] == to_blobs and "/" not in name and self._blobs_are_here:
                    self._linked.add(name)
                    self.names.add(path)
                else:
                    self._keep_link(entry, known=True)
            elif entry.is_dir(follow_symlinks=False):
                has_links |= self._snapshot(entry.path, "../" + to_blobs, plain)
            else:
                plain.append(entry)
        return has_links

    def _plain_files(
        self, commit: os.DirEntry[str], plain: list[os.DirEntry[str]], *, has_links: bool
    ) -> None:
        """Note the files that stand in a snapshot themselves, as where links cannot be had.

        The manifest tells which are the Hub's. Without one, a file among links is somebody's.
        """
        records = read_manifest(self.folder, commit.name)
        for entry in plain:
            path = entry.path[len(commit.path) + 1 :]
            if records is None:
                self._keep(entry, known=not has_links)
                continue
            record = records.get(path)
            same = record is not None and record.size == entry.stat(follow_symlinks=False).st_size
            self._keep(entry, known=same or (record is not None and not has_links))

    def _blobs(self, folder: str) -> None:
        linked, seen = self._linked, self.sight.files
        for entry in self._entries(folder):
            name, path = entry.name, entry.path
            if "." in name or name.startswith("tmp_"):
                known = name.endswith(layout.INCOMPLETE) or is_blob_remains(name)
            else:
                known = name in linked or layout.is_sha256(name) or layout.is_git_sha1(name)
            if known and path in seen:
                self.files[path] = seen[path]
            elif entry.is_symlink():
                self._keep_link(entry, known=known)
            else:
                self._keep(entry, known=known)

    def _refs(self, folder: str) -> None:
        for entry in self._walk(folder):
            known = not entry.is_symlink() and (
                entry.path in self.sight.refs
                or is_ref_remains(entry.name)
                or _holds_commit(entry.path)
            )
            self._keep(entry, known=known)

    def _trees(self, folder: str) -> None:
        for entry in self._entries(folder):
            name = entry.name
            is_manifest = name.endswith(".json") and layout.is_commit(name[:-5])
            known = is_manifest or is_manifest_remains(name)
            self._keep(entry, known=known)

    def _marks(self, folder: str) -> None:
        for commit in self._commits(folder):
            for entry in self._walk(commit.path):
                self._keep(entry, known=not entry.stat(follow_symlinks=False).st_size)

    def _keep_link(self, entry: os.DirEntry[str], *, known: bool) -> None:
        """Note a link; one that leaves the cache is a stranger."""
        if known and self._leads_inside(entry.path):
            self.names.add(entry.path)
        else:
            self.strangers.append(entry.path)

    def _leads_inside(self, link: str) -> bool:
        cache, tiers = self._roots
        real = os.path.realpath(link)
        return stays_inside(real, cache, tiers) or not os.path.lexists(real)


def _holds_commit(path: str) -> bool:
    """Tell whether a ref names a commit, or is the empty one that clients before 1.31 left."""
    try:
        text = read_start(path, 256).decode("ascii", "replace").strip()
    except OSError:
        return False
    return not text or layout.is_commit(text)
