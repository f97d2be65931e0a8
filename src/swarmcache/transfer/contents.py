"""What is to be brought, and how it came out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import Target, folder_name, parse_folder_name

if TYPE_CHECKING:
    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import RepoName


SMALL_BYTES = 2**20
"""Such contents are fetched by one request, and hashed when they are here."""


@dataclass(frozen=True, slots=True)
class Content:
    """Some bytes, and where in the Hub they are."""

    repo: RepoName
    commit: str
    path: str
    """One path that has them; others may have them too."""
    etag: str
    """What names their blob: their sha256 or git hash, or whatever an odd endpoint gave."""
    size: int
    """Bytes."""
    location: str
    """The blob that they shall become."""
    copies: tuple[str, ...] = ()
    """Files on this machine that should hold them: taken before any endpoint is asked."""
    again: bool = False
    """Whether what is at `location` now is known to be wrong, and to be replaced."""

    @property
    def algorithm(self) -> Algorithm | None:
        """How `etag` was computed; None where it is no hash, and only the size can be checked."""
        return algorithm_of(self.etag)

    @property
    def key(self) -> str:
        """The name of its partial: the hash, so that whoever wants these bytes can go on.

        A small content's has its repo in it too: who publishes one repo keeps hundreds of them
        until its ref is there, and another repo that has the same file must not wait for that.
        """
        if self.algorithm is None:
            odd = f"{self.repo.type}\0{self.repo.id}\0{self.commit}\0{self.path}\0{self.etag}"
            return "odd-" + hashlib.sha256(odd.encode()).hexdigest()[:40]
        if self.size > SMALL_BYTES:
            return self.etag
        return f"{self.etag}-{hashlib.sha256(folder_name(self.repo).encode()).hexdigest()[:16]}"

    @property
    def target(self) -> Target:
        """Its repo at its commit."""
        return Target(self.repo.type, self.repo.id, self.commit)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes are proven and in their place."""

    content: Content
    sources: tuple[str, ...]
    """Where they came from: endpoints, or files on this machine."""
    downloaded: int
    """Bytes that travelled."""
    resumed: int
    """Bytes that an earlier process had left."""
    copied: int
    """Bytes from files on this machine."""
    linked: int = 0
    """Bytes that such a file has now under a second name, so that they take no room."""


@dataclass(frozen=True, slots=True)
class Present:
    """Another process brought them meanwhile."""

    content: Content


@dataclass(frozen=True, slots=True)
class Failed:
    """No source has them, or the disk refuses."""

    content: Content
    error: SwarmcacheError


@dataclass(frozen=True, slots=True)
class Started:
    """The first byte is asked for; `source` says where."""

    content: Content
    source: str
    have: int
    """Bytes that are there already."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """More bytes are there."""

    content: Content
    count: int
    """How many; negative when bytes proved to be wrong and were thrown away."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """Another process has it; we wait."""

    content: Content
    who: str
    """Translated."""


Outcome: TypeAlias = "Fetched | Present | Failed"
Event: TypeAlias = "Started | Advanced | Awaited | Fetched | Present | Failed"


def place_of(source: str) -> str:
    """Return what of a source is worth showing: an endpoint, or the cache that holds a file."""
    if "://" in source:
        return source
    parts = source.split("/")
    at = next((n for n, part in enumerate(parts) if parse_folder_name(part)), len(parts))
    return "/".join(parts[:at]) or source


def is_there(content: Content) -> bool:
    """Tell whether a file of the right size is where the content belongs, not known as wrong."""
    try:
        return not content.again and os.stat(content.location).st_size == content.size
    except OSError:
        return False


def etag_of(key: str) -> str:
    """Return the etag in a partial's name."""
    return key.partition("-")[0]
