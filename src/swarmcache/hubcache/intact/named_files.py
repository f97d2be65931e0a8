"""Files that are missed because another file names them: shards, and what loading needs.

Asked last, when it is known which files can be believed: one flipped bit in an index names a
shard that never was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.complete.structure import examine_index, is_index
from swarmcache.hubcache.complete.weights import index_format, weights_format
from swarmcache.hubcache.intact.verdicts import Corrupt, FileVerdict, Missing, Unverifiable
from swarmcache.hubcache.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.complete.structure import Flawed
    from swarmcache.hubcache.intact.verdicts import MissingKind, Outcome
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo, Revision

_NAMING = (".json", ".py")
"""Endings of the files that name others."""


@dataclass(slots=True)
class Heard:
    """The paths of which verdicts were heard that are not good."""

    wrong: dict[tuple[RepoName, str | None], set[str]] = field(default_factory=dict)
    """(repo, commit) -> what is corrupt or missing."""
    unhashed: dict[tuple[RepoName, str | None], set[str]] = field(default_factory=dict)
    """(repo, commit) -> what nothing tells the hash of."""

    def hear(self, verdict: FileVerdict) -> None:
        """Remember a verdict that is not good."""
        key = (verdict.repo, verdict.commit)
        if isinstance(verdict.outcome, (Corrupt, Missing)):
            self.wrong.setdefault(key, set()).add(verdict.path)
        elif isinstance(verdict.outcome, Unverifiable):
            self.unhashed.setdefault(key, set()).add(verdict.path)


def named_files(
    repo: Repo, revision: Revision, heard: Heard, *, for_loading: bool
) -> Iterator[FileVerdict]:
    """Yield what the believable files of a revision name and the cache lacks, each path once.

    Shards in any case; with `for_loading` all that loading needs.
    """
    told = set(heard.wrong.get((repo.name, revision.commit), ()))
    absent = _by_indexes(repo, revision, heard, told)
    if for_loading:
        absent += _for_loading(repo, revision, told)
    for path, outcome in absent:
        if path not in told:
            told.add(path)
            blob = next((f.blob for f in revision.files if f.path == path), None)
            where, size = (blob.path, blob.size) if blob is not None else (None, 0)
            yield FileVerdict(repo.name, revision.commit, path, where, size, outcome)


def _by_indexes(
    repo: Repo, revision: Revision, heard: Heard, wrong: set[str]
) -> list[tuple[str, Outcome]]:
    """Return what intact indexes miss; where hashes tell nothing, also what they have wrong.

    Content that was published with an index that does not fit is what it should be.
    """
    indexes = [file.path for file in revision.files if is_index(file.path)]
    if not indexes:
        return []
    places = {file.path: file.blob and file.blob.path for file in revision.files}
    places.update(dict.fromkeys(wrong))  # A folder in a shard's place is told already.
    unhashed = heard.unhashed.get((repo.name, revision.commit), set())
    return [
        (path, _outcome(flaw))
        for index in indexes
        if index not in wrong
        for path, flaw in examine_index(index, places, headers=bool(unhashed))
        if flaw.kind == "missing-shard" or index in unhashed
    ]


def _outcome(flaw: Flawed) -> Outcome:
    if flaw.kind == "missing-shard":
        return Missing("missing-shard", flaw.reason)
    return Corrupt(flaw.kind)


def _for_loading(repo: Repo, revision: Revision, wrong: set[str]) -> list[tuple[str, Outcome]]:
    listed = read_manifest(repo.path, revision.commit) or {}
    believed = not any(path.endswith(_NAMING) for path in wrong)
    indexed = {index_format(file.path) for file in revision.files} - {None}
    found: list[tuple[str, Outcome]] = []
    for path in check_revision(repo, revision).missing:
        if believed or path in listed:
            kind: MissingKind
            kind = "missing-shard" if weights_format(path) in indexed else "missing-file"
            found.append((path, Missing(kind)))
    return found
