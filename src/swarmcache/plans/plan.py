"""What may be done to a cache: the small set of steps that plans are made of.

Each step has one rename as its commit point, and the steps of a plan stand in an order in which
every prefix of them leaves a cache that the Hub's clients can use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from swarmcache.hubcache.intact.expectations import Expected
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.transfer.listing import RepoListing


class PutContent(NamedTuple):
    """Bring the right bytes to a place, over the wrong ones if there are any."""

    repo: RepoName
    commit: str
    path: str
    """In the repo."""
    expected: Expected
    """What the bytes must be; nothing else is ever published."""
    location: str
    """Where they belong: a blob, a payload of the shared store, or a snapshot's plain file."""
    size: int
    """Bytes to be brought."""
    copies: tuple[str, ...]
    """Files on this machine that should hold them, in the order in which they are tried."""
    listing: RepoListing | None
    """Whom to fetch them from when no copy does; None when nobody has been asked."""
    names: int = 1
    """Hard links of the file that is replaced; only the name at `location` changes."""

    @property
    def source(self) -> str:
        """Where the bytes will come from: a file or an endpoint; empty when not known yet."""
        if self.copies:
            return self.copies[0]
        return self.listing.endpoint if self.listing is not None else ""


class PutLink(NamedTuple):
    """Make a snapshot's entry lead to its blob."""

    location: str
    target: str
    """Relative to the folder of `location`, as the Hub's clients write it."""


class PutRef(NamedTuple):
    """Rewrite a ref that the Hub's clients misread."""

    location: str
    commit: str


class PutManifest(NamedTuple):
    """Write the list of a commit's files, as huggingface_hub >= 1.22 keeps it."""

    repo: RepoName
    commit: str
    location: str
    copy: str | None
    """The manifest of a nearby cache."""
    listing: RepoListing | None
    """Whom to ask when there is no copy."""

    @property
    def source(self) -> str:
        """Where it will come from: a file or an endpoint."""
        return self.copy or (self.listing.endpoint if self.listing is not None else "")


class ShareContent(NamedTuple):
    """Let a blob share its bytes with an equal one: by a reflink of that, else by a hard link."""

    repo: RepoName
    location: str
    """The blob that is replaced."""
    keeper: str
    """The blob that it shares with."""
    etag: str
    size: int
    """Bytes of content."""
    bytes: int
    """Allocated bytes that this frees, once all before it are done."""


Step: TypeAlias = "PutContent | PutLink | PutRef | PutManifest"

RemovalKind: TypeAlias = Literal[
    "repo", "revision", "ref", "file", "blob", "payload", "partial", "temporary", "orphan",
    "manifest", "marks", "locks", "xet", "legacy", "trash",
]  # fmt: skip
"""What a removal takes away; from `payload` on they are leftovers, which no revision needs."""


class Remove(NamedTuple):
    """Take one name out of the cache: a file, a link, or a folder with all that is in it."""

    kind: RemovalKind
    path: str
    repo: RepoName | None
    """None for what lies beside the repos."""
    commit: str | None
    bytes: int
    """Allocated bytes of the files whose last name this removes, once all before it are done."""
