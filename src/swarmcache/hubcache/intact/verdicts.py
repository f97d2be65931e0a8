"""What `verify` says of each file: one outcome type for each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.hubcache.layout import RepoName

Algorithm = Literal["sha256", "git-sha1"]
"""How the Hub names content: LFS and Xet files by sha256, the others as git names a blob."""

CorruptKind = Literal[
    "wrong-hash",
    "wrong-size",
    "truncated",
    "empty",
    "bad-header",
    "bad-index",
    "bad-json",
    "wrong-file",
    "changed-while-reading",
]
MissingKind = Literal[
    "broken-link",
    "outside-link",
    "missing-blob",
    "missing-shard",
    "missing-file",
    "missing-revision",
    "not-a-file",
    "dangling-ref",
    "bad-ref",
    "unreadable",
]
ProblemKind: TypeAlias = "CorruptKind | MissingKind"


@dataclass(frozen=True, slots=True)
class Verified:
    """The bytes were hashed now, and are the right ones."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The bytes were hashed before, were right, and have not changed since."""

    when: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Unverifiable:
    """Nothing trustworthy tells what the bytes must be."""

    reason: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The bytes are there and are not the right ones."""

    kind: CorruptKind
    algorithm: Algorithm | None = None
    """None where the problem was seen without hashing."""
    expected: str | None = None
    """The hash, or the size in bytes for a wrong size, that the file must have."""
    actual: str | None = None
    """The hash or size that it has."""
    remembered: bool = False
    """Found by an earlier run, and unchanged since."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The bytes are not there, or cannot be reached."""

    kind: MissingKind
    reason: str = ""
    """One sentence for a person, where the kind does not say it all."""


Outcome: TypeAlias = "Verified | Remembered | Unverifiable | Corrupt | Missing"


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What is known of one file of one revision."""

    repo: RepoName
    commit: str | None
    """None where the revision leads to no commit, for refs, and for blobs that nothing uses."""
    path: str
    """Its path in the repo; on disk for a ref, or a blob that nothing uses; empty for a whole
    revision."""
    blob: str | None
    """Where the content lies, absolute; None where there is none."""
    size: int
    """Bytes of content; 0 where there is none."""
    outcome: Outcome
