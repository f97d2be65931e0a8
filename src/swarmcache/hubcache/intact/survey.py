"""What there is to verify: each file of the revisions asked for, and what it must be.

Files that share content, through links, hard links or the shared store, become one Content, so
that no byte is hashed twice. What can be told without hashing is told here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.structure import Flawed, examine
from swarmcache.hubcache.intact.expectations import expected_of, nothing_locked, trusted_name
from swarmcache.hubcache.intact.gaps import gaps_of, no_revision
from swarmcache.hubcache.intact.verdicts import Corrupt, FileVerdict, Unverifiable
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.scan import iter_repos, read_repo
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.hubcache.intact.expectations import Expected, Locked, Record
    from swarmcache.hubcache.intact.verdicts import Algorithm, CorruptKind, Outcome
    from swarmcache.hubcache.layout import RepoName, Target
    from swarmcache.hubcache.scan import Blob, Repo, Revision


@dataclass(frozen=True, slots=True)
class Place:
    """Where content is used: a path of a revision; or a blob that no revision uses yet.

    The Hub's clients link a blob that is there already, and do not look at its bytes.
    """

    repo: RepoName
    commit: str | None
    """None for a blob that no revision uses."""
    path: str
    """Its path in the repo; on disk for a blob that no revision uses."""
    blob: Blob
    expected: Expected

    def verdict(self, outcome: Outcome) -> FileVerdict:
        """Return `outcome` as the verdict on this file."""
        blob = self.blob
        return FileVerdict(self.repo, self.commit, self.path, blob.path, blob.size, outcome)


@dataclass(slots=True)
class Content:
    """Bytes to be hashed once, and everywhere they are used."""

    path: str
    algorithm: Algorithm
    size: int
    inode: int
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Survey:
    """What one look at the cache found."""

    settled: list[FileVerdict] = field(default_factory=list)
    """Known without hashing."""
    contents: dict[tuple[tuple[int, int], str], Content] = field(default_factory=dict)
    """By inode and algorithm."""
    revisions: list[tuple[Repo, Revision]] = field(default_factory=list)
    """What was looked at."""


def survey(
    targets: Sequence[Target] | None,
    cache: str,
    *,
    locked: Locked = nothing_locked,
    tiers: Sequence[str] = (),
) -> Survey:
    """Return what is to be verified for `targets`; None stands for every revision of the cache.

    Raises CacheNotFound for no such folder.
    """
    found = Survey()
    if targets is None:
        for repo in iter_repos(cache, tiers):
            for revision in repo.revisions:
                _look_at(repo, revision, found, locked)
            found.settled += gaps_of(repo, tiers=tiers)
            _look_at_orphans(repo, found)
        return found
    for target, held, wanted in _revisions(targets, cache, tiers):
        if held is None or wanted is None:
            found.settled.append(no_revision(target, held, cache))
        else:
            _look_at(held, wanted, found, locked)
            found.settled += gaps_of(held, wanted, tiers=tiers)
    return found


def _revisions(
    targets: Sequence[Target], cache: str, tiers: Sequence[str]
) -> Iterator[tuple[Target, Repo | None, Revision | None]]:
    """Yield each target's repo and revision, once where two targets name the same commit."""
    repos: dict[RepoName, Repo | None] = {}
    seen: set[tuple[RepoName, str]] = set()
    for target in targets:
        if target.name not in repos:
            repos[target.name] = read_repo(cache, target.name, tiers)
        repo = repos[target.name]
        revision = repo.revision(target.revision) if repo is not None else None
        key = (target.name, revision.commit if revision is not None else target.revision)
        if key not in seen:
            seen.add(key)
            yield target, repo, revision


def _look_at(repo: Repo, revision: Revision, found: Survey, locked: Locked) -> None:
    """Sort a revision's cached files into what is settled and what is to be hashed."""
    found.revisions.append((repo, revision))
    records = _records(repo, revision, locked)
    for file in revision.files:
        if file.blob is None:
            continue  # A link that leads nowhere is a gap.
        blob, record = file.blob, records.get(file.path)
        expected = expected_of(blob, record)
        if expected is None:
            outcome = _without_hash(file.path, blob, record)
            verdict = FileVerdict(
                repo.name, revision.commit, file.path, blob.path, blob.size, outcome
            )
            found.settled.append(verdict)
            continue
        place = Place(repo.name, revision.commit, file.path, blob, expected)
        if (early := _by_size(place)) is not None:
            found.settled.append(place.verdict(early))
        else:
            _to_be_hashed(place, found)


def _look_at_orphans(repo: Repo, found: Survey) -> None:
    """Let the blobs that no revision uses be hashed, where their names tell what they must be."""
    for leftover in repo.leftovers:
        blob = repo.blobs.get(os.path.basename(leftover.path))
        expected = expected_of(blob, None) if blob and leftover.kind == "orphan" else None
        if blob is not None and expected is not None:
            _to_be_hashed(Place(repo.name, None, blob.path, blob, expected), found)


def _to_be_hashed(place: Place, found: Survey) -> None:
    blob, algorithm = place.blob, place.expected.algorithm
    new = Content(blob.path, algorithm, blob.size, blob.inode[1])
    found.contents.setdefault((blob.inode, algorithm), new).places.append(place)


def _records(repo: Repo, revision: Revision, locked: Locked) -> Mapping[str, Record]:
    """Return what lock and manifest say of the revision's files; the lock wins."""
    records: dict[str, Record] = dict(read_manifest(repo.path, revision.commit) or {})
    records.update(locked(repo.name, revision.commit) or {})
    return records


def _without_hash(path: str, blob: Blob, record: Record | None) -> Outcome:
    """Return what can be told of a file for which no hash is known: its size, its structure."""
    if record is not None and blob.size != record.size:
        return wrong_size(blob.size, record.size)
    flaw = flaw_of(path, blob.path)
    if flaw is not None:
        return flaw
    if blob.name and trusted_name(blob):
        return Unverifiable(
            t("Its blob is named {name}, which is no hash of the content.", name=blob.name)
        )
    return Unverifiable(t("No manifest of the commit is cached, and no name tells its hash."))


def _by_size(place: Place) -> Outcome | None:
    """Return what the sizes alone tell, or None when the bytes must be hashed."""
    expected, blob = place.expected, place.blob
    if expected.size is None or blob.size == expected.size:
        return None
    name = trusted_name(blob)
    if name and expected.source == "record" and name != expected.digest:
        return Corrupt("wrong-file", expected.algorithm, expected.digest, name)
    return wrong_size(blob.size, expected.size)


def wrong_size(actual: int, expected: int) -> Corrupt:
    """Return the verdict on content of `actual` bytes where there must be `expected`."""
    if not actual:
        return Corrupt("empty", None, str(expected), "0")
    kind = "truncated" if actual < expected else "wrong-size"
    return Corrupt(kind, None, str(expected), str(actual))  # type: ignore[arg-type]


def judged(place: Place, digest: str, good: Outcome, *, remembered: bool = False) -> Outcome:
    """Return `good` when content of this hash is what must stand at `place`, else what is wrong."""
    expected = place.expected
    if digest == expected.digest:
        return good
    kind = _kind_of_difference(place)
    return Corrupt(kind, expected.algorithm, expected.digest, digest, remembered)


def _kind_of_difference(place: Place) -> CorruptKind:
    """Return what best describes content of another hash than the expected one."""
    expected, blob = place.expected, place.blob
    if not blob.size:
        return "empty"
    if expected.source == "record" and trusted_name(blob) not in {"", expected.digest}:
        return "wrong-file"
    # Where no record tells the size, the file's own header may.
    flaw = flaw_of(place.path, blob.path) if expected.size is None else None
    return "truncated" if flaw is not None and flaw.kind == "truncated" else "wrong-hash"


def flaw_of(path: str, location: str) -> Corrupt | None:
    """Return what is wrong with the structure of a file, or None when nothing is seen."""
    examined = examine(path, location)
    if not isinstance(examined, Flawed) or examined.kind == "missing-shard":
        return None
    expected, actual = examined.expected, examined.actual
    return Corrupt(
        examined.kind,
        expected=None if expected is None else str(expected),
        actual=None if actual is None else str(actual),
    )
