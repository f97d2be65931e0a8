"""`dedupe` as values: files of the same content, which of them become one, what that frees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.hubcache.intact.fingerprint import Fingerprint
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.linking import Way
    from swarmcache.plans.plan import ShareContent

LEAST = 2**12
"""Bytes: reflinks of a smaller file share no block (btrfs keeps it beside its name)."""


Node: TypeAlias = tuple[int, int]
"""Device number and inode."""


class Copy(NamedTuple):
    """One name that should hold a content."""

    path: str
    cache: str
    repo: RepoName
    found: Fingerprint
    """What stood there when the plan was made."""
    physical: int
    """Allocated bytes of its inode."""
    mode: int
    """Permission bits."""
    file: str | None
    """What is replaced where it is not kept: itself, or the payload of the shared store that it
    links; None for a link to anything else, and for a payload that others know by another hash."""
    fixed: bool = False
    """Whether this user cannot replace it."""
    device: int = 0
    """Its own device number: on btrfs the parts of one disk number their inodes alike."""

    @property
    def node(self) -> Node:
        """Which file it is, whatever its name."""
        return self.device, self.found.inode


class Key(NamedTuple):
    """What copies of one content have in common."""

    disk: int
    """What they lie on (`linking.disk_of`)."""
    etag: str
    size: int


class Group(NamedTuple):
    """The copies of one content on one file system; not all of them are the same file yet."""

    etag: str
    algorithm: Algorithm
    size: int
    copies: tuple[Copy, ...]
    """The one that is kept first, if its bytes prove right; the others can be replaced."""
    shared: frozenset[Node]
    """What is a reflink of the first already."""

    @property
    def key(self) -> str:
        """What names it among the groups of a plan: a content may be on several disks."""
        return f"{self.etag} {self.copies[0].path}"

    def same_as(self, keeper: Copy) -> frozenset[Node]:
        """Return the files that have the bytes of one copy already."""
        reflinks = self.shared if keeper is self.copies[0] else frozenset[Node]()
        return reflinks | {keeper.node}

    def others(self, keeper: Copy) -> Iterator[Copy]:
        """Yield the copies that do not have one copy's bytes yet and can be given them.

        Of several blobs that link one payload the first stands for all.
        """
        same, seen = self.same_as(keeper), set[str]()
        for copy in self.copies:
            if copy.fixed or copy.node in same:
                continue  # A fixed one that proved wrong is first among them.
            if copy.file is not None and copy.file not in seen:
                seen.add(copy.file)
                yield copy


TwinKind: TypeAlias = Literal["plain", "flat", "edited"]
"""A file in a snapshot itself, one of old transformers, one of a folder that is no cache."""


class Twin(NamedTuple):
    """A file that is no blob and may have a blob's bytes; the file system will tell."""

    place: str
    """The cache or folder that it is of."""
    kind: TwinKind
    path: str
    keepers: tuple[str, ...]
    """What may have its bytes, in order."""
    size: int
    """Bytes of content."""
    physical: int
    """Allocated bytes."""


class DedupePlan(NamedTuple):
    """What a `dedupe` of some caches will do."""

    caches: tuple[str, ...]
    groups: tuple[Group, ...]
    steps: tuple[ShareContent, ...]
    logical_bytes: int
    """Content of all blobs, each repo's counted."""
    physical_bytes: int
    """Allocated for them now."""
    twins: tuple[Twin, ...] = ()
    """What shares their bytes where the file system can, and is counted with them."""
    layered_bytes: int = 0
    """Allocated for blobs of an image's layers, which stay: to replace one would free nothing."""
    fixed_bytes: Mapping[str, int] = {}
    """By cache, allocated for blobs stored elsewhere too, which this user cannot replace."""

    @property
    def freed_bytes_expected(self) -> int:
        """Allocated bytes that would be free."""
        return sum(step.bytes for step in self.steps)


class Shared(NamedTuple):
    """A file that shares its bytes now."""

    path: str
    keeper: str
    """What it shares them with."""
    way: Way
    freed_bytes: int


class Left(NamedTuple):
    """A file that stays as it is, and why."""

    path: str
    reason: str
    busy: bool = False
    """Whether the same command may do more later."""
    wrong: bool = False
    """Whether its bytes are not those that its name tells."""
    failed: bool = False
    """Whether the operating system refused."""
    again: Literal["keeper", "room"] | None = None
    """What may let it be shared by this very dedupe: another copy to keep, or room on the disk."""
