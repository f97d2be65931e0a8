"""A cache folder read in one pass into frozen values; nothing on disk is opened but the refs.

What cannot be read as the layout says becomes a Problem on its repo and never hides the repo:
`hf cache ls` drops a repo with one broken link (huggingface_hub #4419), and with it the way to
see what takes the space.
"""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.hubcache import layout
from swarmcache.hubcache.folder import cache_exists, lies_in, stays_inside, why_lost
from swarmcache.hubcache.layout import RepoName, folder_name, parse_folder_name
from swarmcache.hubcache.leftovers.crash_remains import (
    is_blob_remains,
    is_link_probe,
    is_mode_probe,
    is_ref_remains,
)
from swarmcache.hubcache.problems import Problem, foreign, lost_tier, unreadable
from swarmcache.hubcache.reading import read_start
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.hubcache.sight import Sight

_new = tuple.__new__
"""Makes a named tuple in C, in a third of the time, where there is one per file."""

LeftoverKind = Literal["partial", "temporary", "orphan", "legacy", "xet"]


class Blob(NamedTuple):
    """Content on disk: a file in `blobs`, or, without links, the file in the snapshot itself."""

    name: str
    """The etag that names it; empty for a file in a snapshot, which has no such name."""
    path: str
    size: int
    """Bytes of content."""
    physical: int
    """Bytes allocated on disk; count each `inode` once."""
    inode: tuple[int, int]
    """Device and inode number: equal for hard links and for links into the shared store."""
    links: int
    """Names that lead to it: its hard links, and one more where a link of ours stands before it."""
    accessed: float
    """Last access as the file system tells it, in seconds since the epoch; coarse at best."""
    modified: float = 0.0  # Last change of the content, on the same clock.


class CachedFile(NamedTuple):
    """A file of a snapshot."""

    path: str
    """Its path in the repo, with slashes."""
    blob: Blob | None
    """Its content, or None when its link leads nowhere, or out of the cache and its tiers."""


class Revision(NamedTuple):
    """One commit of a repo, as far as it is cached."""

    commit: str
    path: str
    refs: tuple[str, ...]
    """The branches and tags that point here; none for a revision pinned by its commit."""
    files: tuple[CachedFile, ...]


class Leftover(NamedTuple):
    """A file that no revision needs."""

    kind: LeftoverKind
    path: str
    physical: int


class Repo(NamedTuple):
    """One repo folder."""

    name: RepoName
    path: str
    refs: Mapping[str, str]
    """Branch or tag -> commit, for the refs that the Hub's clients can read."""
    revisions: tuple[Revision, ...]
    blobs: Mapping[str, Blob]
    """By etag; content of the shared store under the repo's own name for it."""
    problems: tuple[Problem, ...]
    leftovers: tuple[Leftover, ...]
    folders: frozenset[str]
    """Which of the layout's folders it has: only some clients write `trees` and `.no_exist`."""

    def revision(self, name: str) -> Revision | None:
        """Return the cached revision that a branch, tag or commit names, or None.

        The beginning of a commit names it where no other cached one begins so.
        """
        commit = self.refs.get(name, name)
        found = [one for one in self.revisions if one.commit == commit] or self.begun_by(name)
        return found[0] if len(found) == 1 else None

    def begun_by(self, name: str) -> list[Revision]:
        """Return the cached revisions whose commits begin so; none for a ref, or a whole commit."""
        if name in self.refs or not layout.is_short_commit(name):
            return []
        return [revision for revision in self.revisions if revision.commit.startswith(name)]

    def contents(self) -> list[Blob]:
        """Return the blobs, and the files that stand in snapshots where links cannot be had."""
        contents = list(self.blobs.values())
        for revision in self.revisions:
            contents += [blob for _, blob in revision.files if blob is not None and not blob.name]
        return contents


class Listing(NamedTuple):
    """What one look at a cache folder tells: the names of its repos, and what lies beside them."""

    cache: str
    names: tuple[RepoName, ...]
    """Sorted by folder."""
    linked: frozenset[RepoName]
    """The repos whose folder is only a link to another one."""
    others: tuple[os.DirEntry[str], ...]


def list_cache(cache: str) -> Listing:
    """Return what a cache folder lists; raise CacheNotFound when there is no such folder."""
    cache_exists(cache, named=True)
    repos: dict[str, RepoName] = {}
    linked, others = [], []
    for entry in os.scandir(cache):
        name = parse_folder_name(entry.name)
        if name is None:
            others.append(entry)
            continue
        repos[entry.name] = name
        if entry.is_symlink():
            linked.append(name)
    names = tuple([repos[folder] for folder in sorted(repos)])
    return Listing(cache, names, frozenset(linked), tuple(others))


def repo_names(cache: str) -> list[RepoName]:
    """Return the repos of a cache, sorted by folder; raise CacheNotFound for no such folder."""
    return list(list_cache(cache).names)


def iter_repos(cache: str, tiers: Sequence[str] = ()) -> Iterator[Repo]:
    """Yield each repo of a cache, one at a time, so that memory holds only what you keep."""
    repos = (read_repo(cache, name, tiers) for name in list_cache(cache).names)
    return (repo for repo in repos if repo is not None)


def read_repo(
    cache: str, name: RepoName, tiers: Sequence[str] = (), sight: Sight | None = None
) -> Repo | None:
    """Return one repo of a cache, or None when the cache has no folder of that name.

    Links may lead into the cache itself and into `tiers`, the folders that are read besides. What
    is met on the way is left in `sight`.
    """
    return _RepoReader(cache, f"{cache}/{folder_name(name)}", tiers, sight).read(name)


class _RepoReader:
    """Collects what one pass over a repo folder finds."""

    def __init__(
        self, cache: str, path: str, tiers: Sequence[str] = (), sight: Sight | None = None
    ) -> None:
        self.cache = cache
        self.sight = sight
        self.tiers = tiers
        self.path = path
        self.problems: list[Problem] = []
        self.leftovers: list[Leftover] = []
        self.blobs: dict[str, Blob] = {}
        self.unused: set[str] = set()
        """Names of blobs that no revision was seen to link yet."""

    def read(self, name: RepoName) -> Repo | None:
        """Return the repo; the order matters, since snapshots are told by their blobs."""
        folders = self._folders()
        if folders is None:
            return None
        if layout.BLOBS in folders:
            self._read_blobs()
        refs = dict(self._refs(f"{self.path}/{layout.REFS}", "")) if layout.REFS in folders else {}
        revisions = tuple(self._revisions(refs)) if layout.SNAPSHOTS in folders else ()
        self._find_dangling(refs, revisions)
        for unused in self.unused:
            blob = self.blobs[unused]
            self.leftovers.append(Leftover("orphan", blob.path, blob.physical))
        problems, leftovers = tuple(self.problems), tuple(self.leftovers)
        return Repo(name, self.path, refs, revisions, self.blobs, problems, leftovers, folders)

    def _folders(self) -> frozenset[str] | None:
        """Return which of the layout's folders are here, or None when the repo itself is not."""
        try:
            if self.sight is None:
                names = frozenset(os.listdir(self.path))
            else:
                self.sight.folders[self.path] = here = list(os.scandir(self.path))
                names = frozenset([entry.name for entry in here])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.problems.append(unreadable(self.path, error))
            # Where it can still be entered, each may be there, and says for itself if not.
            return layout.REPO_ENTRIES if os.access(self.path, os.X_OK) else frozenset()
        for name in sorted(names - layout.REPO_ENTRIES):
            path = f"{self.path}/{name}"
            if is_mode_probe(path) or is_link_probe(path):
                self.leftovers.append(Leftover("temporary", path, 0))
            else:
                self.problems.append(foreign(path))
        return names

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        found = _entries(folder, self.problems)
        if found and self.sight is not None:
            self.sight.folders[folder] = found
        return found

    def _read_blobs(self) -> None:
        blobs = self.blobs
        for entry in self._entries(f"{self.path}/{layout.BLOBS}"):
            name = entry.name
            if "." in name or name[:4] == "tmp_":
                self._odd_blob(entry)
            elif (blob := self.content(entry, name)) is not None:
                blobs[name] = blob
        self.unused = set(blobs)

    def _odd_blob(self, entry: os.DirEntry[str]) -> None:
        if entry.name.endswith(layout.INCOMPLETE):
            self._leave("partial", entry)
        elif is_blob_remains(entry.name):
            self._leave("temporary", entry)
        else:
            self.problems.append(foreign(entry.path))

    def _revisions(self, refs: Mapping[str, str]) -> Iterator[Revision]:
        by_commit: dict[str, list[str]] = {}
        for ref, commit in refs.items():
            by_commit.setdefault(commit, []).append(ref)
        entries = self._entries(f"{self.path}/{layout.SNAPSHOTS}")
        if len(entries) > 1:
            entries.sort(key=_by_name)
        for entry in entries:
            if not layout.is_commit(entry.name) or not entry.is_dir(follow_symlinks=False):
                self.problems.append(foreign(entry.path))
                continue
            files = tuple(self._files(entry.path, "", "../../blobs/"))
            named = tuple(sorted(by_commit.get(entry.name, ())))
            yield Revision(entry.name, entry.path, named, files)

    def _files(self, folder: str, prefix: str, to_blobs: str) -> list[CachedFile]:
        """Return the files below `folder`; `to_blobs` is how a link from there names a blob."""
        found = []
        blobs, use, skip, readlink = self.blobs, self.unused.discard, len(to_blobs), os.readlink
        links = self.sight.links if self.sight is not None else None
        for entry in self._entries(folder):
            path = prefix + entry.name
            if entry.is_symlink():
                try:
                    target = readlink(entry.path)
                except OSError:
                    continue  # Removed since the folder was read, by a prune as a rule.
                if links is not None:
                    links[entry.path] = target
                # The link that every client writes needs no look at the disk: blobs are known.
                name = target[skip:] if target[:skip] == to_blobs else ""
                blob = blobs.get(name) or self._linked(entry)
                if blob is not None:
                    use(name or blob.name)
                found.append(_new(CachedFile, (path, blob)))
            elif entry.is_dir(follow_symlinks=False):
                found += self._files(entry.path, path + "/", "../" + to_blobs)
            else:
                plain = self.content(entry, "")
                found += [CachedFile(path, plain)] if plain is not None else []
        return found

    def content(self, entry: os.DirEntry[str], name: str) -> Blob | None:
        """Return what an entry holds, itself or behind its link, or None with a problem noted."""
        path, is_link = entry.path, entry.is_symlink()
        try:
            if is_link and not self._stays_inside(path):
                return None
            found = os.stat(path)  # An entry would keep what it was told, for each file of a repo.
        except OSError:
            self._broken(path)
            return None
        if not S_ISREG(found.st_mode):
            self.problems.append(foreign(path))
            return None
        if not is_link and self.sight is not None:
            self.sight.files[path] = found
        size, physical, links = found.st_size, found.st_blocks * 512, found.st_nlink + is_link
        inode, accessed, modified = (found.st_dev, found.st_ino), found.st_atime, found.st_mtime
        return _new(Blob, (name, path, size, physical, inode, links, accessed, modified))

    def _linked(self, entry: os.DirEntry[str]) -> Blob | None:
        """Return the content behind an unusual link under its blob's own name, or None."""
        real = os.path.realpath(entry.path)
        blob = self.content(entry, os.path.basename(real))
        return blob._replace(path=real) if blob is not None else None

    def _stays_inside(self, link: str) -> bool:
        real = os.path.realpath(link)
        if stays_inside(real, self.cache, self.tiers):
            return True
        message = t("{path} is a link that leaves the cache, to {target}.", path=link, target=real)
        self.problems.append(Problem("outside-link", link, message))
        return False

    def _broken(self, link: str) -> None:
        tier = lies_in(os.path.realpath(link), self.tiers)
        if tier is not None and (lost := why_lost(tier)) is not None:
            self.problems.append(lost_tier(link, tier, lost))
        else:
            message = t("{path} is a link to nowhere.", path=link)
            self.problems.append(Problem("broken-link", link, message))

    def _refs(self, folder: str, prefix: str) -> Iterator[tuple[str, str]]:
        for entry in self._entries(folder):
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from self._refs(entry.path, name + "/")
            elif is_ref_remains(entry.name):
                self._leave("temporary", entry)
            else:
                commit = self._commit_of(entry.path)
                if commit is not None:
                    if self.sight is not None:
                        self.sight.refs.add(entry.path)
                    yield name, commit

    def _commit_of(self, path: str) -> str | None:
        try:
            text = read_start(path, 256).decode("ascii", "replace")
        except OSError as error:
            self.problems.append(unreadable(path, error))
            return None
        if layout.is_commit(text):
            return text
        if layout.is_commit(text.strip()):
            message = t("{path} ends with white space, which the Hub's clients misread.", path=path)
        else:
            message = t("{path} holds no commit.", path=path)
        self.problems.append(Problem("bad-ref", path, message))
        return None

    def _find_dangling(self, refs: Mapping[str, str], revisions: tuple[Revision, ...]) -> None:
        commits = {revision.commit for revision in revisions}
        for ref, commit in refs.items():
            if commit not in commits:
                path = f"{self.path}/{layout.REFS}/{ref}"
                message = t("{path} names a commit that is not cached.", path=path)
                self.problems.append(Problem("dangling-ref", path, message))

    def _leave(self, kind: LeftoverKind, entry: os.DirEntry[str]) -> None:
        try:
            physical = entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            return  # A download that has just ended.
        self.leftovers.append(Leftover(kind, entry.path, physical))


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _entries(folder: str, problems: list[Problem]) -> list[os.DirEntry[str]]:
    """Return a folder's entries; a folder that cannot be read is a problem, an absent one empty."""
    try:
        return list(os.scandir(folder))  # Read to its end, it closes itself.
    except FileNotFoundError:
        return []  # Never made, or removed since its parent was read.
    except OSError as error:
        problems.append(unreadable(folder, error))
        return []


def shared_payloads(cache: str, folder: str, problems: list[Problem]) -> Iterator[Blob]:
    """Yield the payloads of the shared store at `folder`; `problems` gets what is wrong there."""
    reader = _RepoReader(cache, folder)
    for group in _entries(folder, problems):
        if group.is_dir(follow_symlinks=False):
            payloads = (entry for entry in _entries(group.path, problems) if "." not in entry.name)
            yield from filter(None, (reader.content(entry, entry.name) for entry in payloads))
    problems += reader.problems
