"""All that a report tells: caches as they are, findings, and what a start costs today and after.

Requests of a start with everything cached were counted against a Hub on loopback, for a model in
one safetensors file with a tokenizer.json. The files that a tokenizer might have and has not are
asked for again at each start, with a branch as with a commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.doctor.sizes import start_bytes
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.usage import measure_cache
from swarmcache.locale import t
from swarmcache.project.effective.caches import uses
from swarmcache.project.readers.jobs import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.hubcache.usage import CacheUsage
    from swarmcache.project.loads.values import Load

_LINK = 100e6 / 8
"""Bytes a second of the link that seconds are told for: 100 Mbit/s."""
_REQUESTS = {"4": {"tokenizer": 6, "model": 2}, "5": {"tokenizer": 8, "model": 1}}
"""By the major version of transformers (4.51.3, 5.23.0) and what is loaded, with `main`."""
_LOSING = frozenset({"SC201", "SC202"})
"""Rules after which each new container fetches all models again."""
_REFETCHING = frozenset({"SC308"})
"""Rules after which each start does."""


@dataclass(frozen=True, slots=True)
class StartCost:
    """What a start costs before the trainer works."""

    bytes: int | None
    """To be fetched; None where nothing tells how large the models are."""
    requests: int
    """To the Hub, as they were counted for such load sites."""
    guessed: bool = False
    """Whether the bytes of a model were told from its name."""
    containers: bool = False
    """Whether they are fetched by each new container, and not by a start outside of one."""

    @property
    def seconds(self) -> float | None:
        """What the bytes take at 100 Mbit/s."""
        return None if self.bytes is None else self.bytes / _LINK


@dataclass(frozen=True, slots=True)
class SeenCache:
    """A cache that the project uses on this machine."""

    path: str
    decided_by: str
    usage: CacheUsage | None
    """None where the folder is not there."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A project on this node."""

    project: str
    caches: tuple[SeenCache, ...]
    findings: tuple[Finding, ...]
    today: StartCost
    after: StartCost
    skipped: tuple[str, ...]
    """What was not read and why."""
    cautions: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of content in all caches."""
        return sum(one.usage.size for one in self.caches if one.usage is not None)


def assess(case: Case, findings: Sequence[Finding]) -> Assessment:
    """Return the assessment of a case whose findings are known; reads caches, asks no network."""
    rules = {finding.rule for finding in findings}
    return Assessment(
        case.project.folder,
        tuple(_caches(case)),
        tuple(findings),
        _today(case, rules),
        StartCost(0, 0, containers=bool(rules & _LOSING)),
        case.project.files.skipped,
        tuple(_cautions(case)),
    )


def _today(case: Case, rules: AbstractSet[str]) -> StartCost:
    requests = _requests(case)
    if not rules & (_LOSING | _REFETCHING):
        return StartCost(0, requests)
    found = start_bytes(case)
    containers = bool(rules & _LOSING)
    if found is None:
        return StartCost(None, requests, containers=containers)
    return StartCost(found.bytes, requests, found.guessed, containers)


def _requests(case: Case) -> int:
    """Return how often a start asks the Hub although everything is cached."""
    major = (case.node.libraries.transformers or "4").partition(".")[0]
    counts = _REQUESTS["5" if major.isdecimal() and int(major) >= 5 else "4"]  # noqa: PLR2004
    loads = [load for load in case.project.loads if load.library == "transformers"]
    asking = [load for load in loads if _option(load, "local_files_only") is not True]
    return sum(counts.get(load.kind, 0) for load in asking)


def _option(load: Load, name: str) -> object:
    option = load.options.get(name)
    return None if option is None else option.value


def _caches(case: Case) -> Iterator[SeenCache]:
    """Yield each cache that a program started by hand would use here, else this user's."""
    seen: dict[str, str] = {}
    for loader in case.project.loaders:
        if loader.execution.root.in_container:
            continue
        for use in uses(loader.execution, case.node.libraries):
            for place in (use.hub, use.transformers):
                if place is not None and not is_local(place.path):
                    seen.setdefault(place.path, place.decided_by)
    if not seen:
        seen[case.node.location.path] = case.node.location.decided_by
    for path, decided_by in seen.items():
        there = cache_exists(path)
        usage = measure_cache(path, case.node.environment, tiers=case.tiers) if there else None
        yield SeenCache(path, decided_by, usage)


def _cautions(case: Case) -> Iterator[str]:
    """Yield what a reader must know before acting."""
    libraries = case.node.libraries
    if libraries.transformers is None:
        yield t(
            "No transformers is installed for {python}; findings that depend on its version are"
            " left out (--python names another interpreter).",
            python=libraries.python,
        )
    yield t(
        "What people set in their own shell, and what programs do that are not this project's, is"
        " not seen."
    )
