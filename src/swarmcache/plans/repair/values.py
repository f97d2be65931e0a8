"""A repair as values: what is to be done for each problem, and how each came out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.hubcache.layout import parse_folder_name
from swarmcache.plans.plan import PutContent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.intact.verdicts import ProblemKind
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.plan import Step

RepairKind: TypeAlias = "ProblemKind | Literal['missing-manifest']"


@dataclass(frozen=True, slots=True)
class Repair:
    """One problem, and the steps that mend it."""

    repo: RepoName
    commit: str | None
    path: str
    """In the repo; for a ref or manifest its path on disk."""
    kind: RepairKind
    steps: tuple[Step, ...] = ()
    error: SwarmcacheError | None = None
    """Why it must stay as it is."""
    wrong_bytes: bool = False
    """Whether bytes are wrong, rather than missing."""

    @property
    def optional(self) -> bool:
        """Whether the cache is good without it: clients before 1.22 know no manifests."""
        return self.kind == "missing-manifest"

    @property
    def contents(self) -> Iterator[PutContent]:
        """The steps that bring bytes."""
        return (step for step in self.steps if isinstance(step, PutContent))


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What a repair of one cache folder will do."""

    cache: str
    repairs: tuple[Repair, ...]
    free_bytes: int
    """Free on the cache's disk, for this user."""

    @property
    def contents(self) -> tuple[PutContent, ...]:
        """Every content to be brought, once, however many files need it."""
        found = {step.location: step for repair in self.repairs for step in repair.contents}
        return tuple(found.values())

    @property
    def bytes_by_source(self) -> Mapping[str, int]:
        """Bytes to be brought from each cache folder or endpoint."""
        counted: dict[str, int] = {}
        for step in self.contents:
            origin = origin_of(step.source)
            counted[origin] = counted.get(origin, 0) + step.size
        return counted

    @property
    def needed_bytes(self) -> int:
        """Bytes that must be free: what is added, and room to make the largest file ready."""
        sizes = [step.size for step in self.contents]
        added = sum(
            step.size
            for step in self.contents
            if step.names > 1 or not os.path.isfile(step.location)
        )
        return added + max(sizes, default=0)

    @property
    def fits(self) -> bool:
        """Whether the disk has room for it."""
        return self.needed_bytes <= self.free_bytes

    @property
    def is_idle(self) -> bool:
        """Whether nothing can or need be done."""
        return not any(repair.steps for repair in self.repairs)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A problem that is no more."""

    repair: Repair
    sources: tuple[str, ...]
    """The cache folders and endpoints that bytes came from."""
    bytes_brought: int
    """By this repair; content that several problems share counts for the first."""


@dataclass(frozen=True, slots=True)
class Unrepaired:
    """A problem that stays."""

    repair: Repair
    error: SwarmcacheError

    @property
    def exit_code(self) -> int:
        """The error's own; 5 instead of "no" where bytes are wrong; 0 for what is optional."""
        if self.repair.optional:
            return 0
        return 5 if self.error.exit_code == 1 and self.repair.wrong_bytes else self.error.exit_code


def origin_of(source: str) -> str:
    """Return the cache folder that holds a file, or the endpoint itself."""
    folder = source
    while os.path.isabs(folder) and os.path.dirname(folder) != folder:
        folder, name = os.path.split(folder)
        if parse_folder_name(name) is not None:
            return folder
    return source
