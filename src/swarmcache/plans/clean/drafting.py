"""What is chosen of a repo, as removals in an order of which every prefix is a legal cache.

A revision goes by its refs, its snapshot (with which it is gone), its manifest and marks, and then
the blobs that nothing else shares. A repo of which all goes, and which holds nothing foreign, goes
by one rename.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.weights import select, weights_format
from swarmcache.hubcache.layout import BLOBS, NO_EXIST, REFS, SNAPSHOTS, TREES
from swarmcache.hubcache.leftovers.crash_remains import is_manifest_remains
from swarmcache.plans.clean.protection import is_settled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from swarmcache.hubcache.complete.weights import Format
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.plans.clean.known import Inventory
    from swarmcache.plans.clean.values import Choice
    from swarmcache.plans.plan import RemovalKind


class Draft(NamedTuple):
    """One name to be removed, its bytes not yet counted."""

    kind: RemovalKind
    path: str
    commit: str | None
    files: Mapping[str, os.stat_result]
    """The regular files that lose this name."""


def drafts(repo: Repo, inventory: Inventory, choice: Choice) -> list[Draft]:
    """Return the removals that carry out a choice."""
    if choice.whole and not inventory.strangers:
        return [Draft("repo", repo.path, None, inventory.files)]
    drafter = _Drafter(repo, inventory, choice)
    return list(drafter.all())


def fingerprint(repo: Repo, inventory: Inventory) -> int:
    """Return what tells, within this process, whether a repo is still what it was."""
    refs = frozenset(repo.refs.items())
    links = [
        (rev.commit, rev.refs, path, blob and (blob.inode, blob.size))
        for rev in repo.revisions
        for path, blob in rev.files
    ]
    commits = frozenset([rev.commit for rev in repo.revisions])
    files = [(path, found.st_ino, found.st_size) for path, found in inventory.files.items()]
    return hash((refs, commits, frozenset(links), frozenset(files), inventory.strangers))


def repeated(revision: Revision, formats: Collection[Format]) -> list[str]:
    """Return the files of these formats that repeat safetensors weights of the same folder."""
    paths = [file.path for file in revision.files]
    selection = select(paths)
    kept = {os.path.dirname(p) for p in selection.kept if weights_format(p) == "safetensors"}
    return [
        path
        for path, kind in selection.skipped.items()
        if kind in formats and os.path.dirname(path) in kept
    ]


def unused_blobs(
    repo: Repo, gone: Iterable[Revision], files: Mapping[str, Collection[str]]
) -> set[str]:
    """Return the names of the blobs that only removed revisions, or removed files, use.

    `files` are removed paths by commit. Told by inode: whatever way a link takes to its content,
    content that something else uses stays.
    """
    commits = {revision.commit for revision in gone}
    freed: set[tuple[int, int]] = set()
    needed: set[tuple[int, int]] = set()
    for revision in repo.revisions:
        some = files.get(revision.commit, ())
        for path, blob in revision.files:
            if blob is not None:
                goes = revision.commit in commits or path in some
                (freed if goes else needed).add(blob.inode)
    return {name for name, blob in repo.blobs.items() if blob.inode in freed - needed}


class _Drafter:
    """Drafts for one repo."""

    def __init__(self, repo: Repo, inventory: Inventory, choice: Choice) -> None:
        self.repo = repo
        self.inventory = inventory
        self.choice = choice
        self.gone = [rev for rev in repo.revisions if rev.commit in choice.commits]
        self.files = {
            revision.commit: repeated(revision, choice.formats)
            for revision in repo.revisions
            if revision.commit in choice.twins
        }

    def all(self) -> Iterator[Draft]:
        """Yield the removals, the ones that must come first first."""
        for revision in self.gone:
            yield from self._revision(revision)
        for commit, paths in self.files.items():
            for path in paths:
                where = f"{self.repo.path}/{SNAPSHOTS}/{commit}/{path}"
                yield from self._known("file", where, commit)
        blobs = unused_blobs(self.repo, self.gone, self.files)
        for name in sorted(blobs):
            yield from self._known("blob", f"{self.repo.path}/{BLOBS}/{name}")
        yield from self._dead_links()
        yield from self._leftovers(blobs)

    def _revision(self, revision: Revision) -> Iterator[Draft]:
        repo, commit = self.repo, revision.commit
        for ref in revision.refs:
            yield from self._known("ref", f"{repo.path}/{REFS}/{ref}", commit)
        yield from self._known("revision", revision.path, commit)
        yield from self._notes(commit)

    def _notes(self, commit: str) -> Iterator[Draft]:
        """Yield the manifest and the marks of a commit."""
        manifest = f"{self.repo.path}/{TREES}/{commit}.json"
        if os.path.lexists(manifest):
            yield from self._known("manifest", manifest, commit)
        marks = f"{self.repo.path}/{NO_EXIST}/{commit}"
        if os.path.lexists(marks):
            yield from self._known("marks", marks, commit)

    def _dead_links(self) -> Iterator[Draft]:
        """Yield blobs that lead nowhere and that only removed revisions link."""
        gone = {revision.commit for revision in self.gone}
        dead: dict[bool, set[str]] = {True: set(), False: set()}
        for revision in self.repo.revisions:
            for path, blob in revision.files:
                if blob is None:
                    dead[revision.commit in gone].add(target_name(f"{revision.path}/{path}"))
        for name in sorted(dead[True] - dead[False] - {""}):
            path = f"{self.repo.path}/{BLOBS}/{name}"
            if os.path.islink(path) and not os.path.exists(path):
                yield from self._known("blob", path)

    def _leftovers(self, blobs: Collection[str]) -> Iterator[Draft]:
        choice, repo = self.choice, self.repo
        used = {f.blob.inode for rev in repo.revisions for f in rev.files if f.blob is not None}
        for leftover in repo.leftovers:
            name = os.path.basename(leftover.path)
            if leftover.kind == "orphan":
                blob = repo.blobs[name]
                wanted = "orphan" in choice.leftovers or choice.whole or name in choice.orphans
                if not wanted or name in blobs or blob.inode in used:
                    continue
            elif not (leftover.kind in choice.leftovers or choice.whole):
                continue
            yield from self._settled(leftover.kind, leftover.path, name in choice.orphans)
        yield from self._notes_of_none()

    def _notes_of_none(self) -> Iterator[Draft]:
        """Yield manifests and marks of commits that are not cached, and with all, their refs."""
        choice, repo = self.choice, self.repo
        cached = {revision.commit for revision in repo.revisions}
        if choice.whole:
            for ref, commit in repo.refs.items():
                if commit not in cached:
                    yield from self._known("ref", f"{repo.path}/{REFS}/{ref}", commit)
        for name in filter(is_manifest_remains, sorted(_names(f"{repo.path}/{TREES}"))):
            if "temporary" in choice.leftovers or choice.whole:
                yield from self._settled("temporary", f"{repo.path}/{TREES}/{name}", choice.whole)
        noted = {
            "manifest": [n.removesuffix(".json") for n in _names(f"{repo.path}/{TREES}")],
            "marks": _names(f"{repo.path}/{NO_EXIST}"),
        }
        for commit in sorted({*noted["manifest"], *noted["marks"]} - cached):
            for draft in self._notes(commit):
                if draft.kind in choice.leftovers or choice.whole or commit in choice.half_removed:
                    sure = choice.whole or commit in choice.half_removed
                    yield from self._settled(draft.kind, draft.path, sure, commit)

    def _settled(
        self, kind: RemovalKind, path: str, sure: bool, commit: str | None = None
    ) -> Iterator[Draft]:
        """Yield a leftover, unless it is so young that its maker may be at work."""
        try:
            if not (sure or self.choice.whole or is_settled(os.lstat(path))):
                return
        except OSError:
            return
        yield from self._known(kind, path, commit)

    def _known(self, kind: RemovalKind, path: str, commit: str | None = None) -> Iterator[Draft]:
        """Yield a draft for a path that is the Hub's with all that is below it."""
        if self.inventory.vouches(path):
            yield Draft(kind, path, commit, dict(self.inventory.below(path)))


def target_name(link: str) -> str:
    """Return the last part of what a link says; empty for what is no link."""
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
