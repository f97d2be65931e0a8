"""What a repair will do: for each problem the steps, or the reason why it must stay."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, NotRepairable, SwarmcacheError, os_reason
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.intact.expectations import nothing_locked
from swarmcache.hubcache.intact.verdicts import Corrupt, Missing
from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.manifest import FORMAT_VERSION, manifest_path, read_manifest
from swarmcache.hubcache.usage import free_bytes
from swarmcache.locale import t
from swarmcache.plans.nearby import Nearby, refuse_no_cache
from swarmcache.plans.plan import PutManifest
from swarmcache.plans.repair.asking import Asking
from swarmcache.plans.repair.contents import Contents
from swarmcache.plans.repair.refs import dangling_ref, misread_ref
from swarmcache.plans.repair.values import Repair, RepairPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.hubcache.intact.expectations import Locked
    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.plan import Step
    from swarmcache.transfer.hub import Hub


def plan_repair(  # noqa: PLR0913 - each keyword is one source of help
    problems: Iterable[FileVerdict],
    cache: str,
    *,
    commits: Iterable[tuple[RepoName, str]] = (),
    nearby: Sequence[str] = (),
    tiers: Sequence[str] = (),
    locked: Locked = nothing_locked,
    hub: Hub | None = None,
) -> RepairPlan:
    """Return what a repair of these problems in the cache folder will do; writes nothing.

    Bytes come from the `nearby` cache folders, whose links may lead into `tiers`, from elsewhere in
    this cache, then from `hub`, which is asked only where no file on this machine has the right
    name and size. The manifests of `commits` are completed where they lack. Refs come last: when
    they lead somewhere, the files are there. Raises CacheNotFound for a nearby folder that is none.
    """
    for folder in nearby:
        refuse_no_cache(folder, "--from")
    sources = Nearby(nearby, cache, tiers)
    planner = _Planner(cache, sources, locked, hub, offline=bool(nearby))
    repairs = [repair for verdict in problems if (repair := planner.repair(verdict)) is not None]
    repairs.sort(key=lambda repair: repair.commit is None)
    manifests = planner.manifests(dict.fromkeys(commits))
    return RepairPlan(cache, (*repairs, *manifests), free_bytes(cache))


class _Planner:
    """Plans for one cache."""

    def __init__(
        self, cache: str, sources: Nearby, locked: Locked, hub: Hub | None, *, offline: bool
    ) -> None:
        self._cache = cache
        self._offline = offline
        self._sources = sources
        self._asking = Asking(hub, cache)
        self._contents = Contents(cache, self._sources, self._asking, locked)

    def repair(self, verdict: FileVerdict) -> Repair | None:
        """Return the repair of one problem; None for a verdict that is none."""
        outcome = verdict.outcome
        if not isinstance(outcome, (Corrupt, Missing)):
            return None
        steps: tuple[Step, ...] = ()
        error: SwarmcacheError | None = None
        try:
            steps = self._steps(verdict, outcome)
        except SwarmcacheError as refusal:
            error = refusal
        except OSError as refusal:
            error = _unreadable(refusal)
        wrong = isinstance(outcome, Corrupt)
        return Repair(verdict.repo, verdict.commit, verdict.path, outcome.kind, steps, error, wrong)

    def _steps(self, verdict: FileVerdict, outcome: Corrupt | Missing) -> tuple[Step, ...]:
        repo, path = verdict.repo, verdict.path
        if outcome.kind == "bad-ref":
            return misread_ref(repo, path)
        if outcome.kind == "dangling-ref":
            helpers = (self._contents, self._sources, self._asking)
            return dangling_ref(repo, path, self._cache, time.time(), *helpers)
        if outcome.kind == "unreadable":
            raise AccessDenied(outcome.reason if isinstance(outcome, Missing) else path)
        if outcome.kind == "changed-while-reading":
            raise NotRepairable(t("{path} was being written; verify it again.", path=path))
        if verdict.commit is None:
            reason = outcome.reason if isinstance(outcome, Missing) else ""
            hint = f"swarmcache pull {repo.spelled}" if outcome.kind == "missing-revision" else ""
            if isinstance(outcome, Corrupt):
                hint = f"rm {shlex.quote(path)}"  # Nobody here deletes what a client has put there.
            raise NotRepairable(reason or t("No revision needs it."), hint=hint)
        steps = self._contents.steps(repo, verdict.commit, path)
        if not steps:
            raise NotRepairable(t("The bytes of {path} are the ones that the Hub has.", path=path))
        return steps

    def manifests(self, commits: Iterable[tuple[RepoName, str]]) -> Iterator[Repair]:
        """Yield the repairs of manifests that lack; with nearby caches, from those alone."""
        for repo, commit in commits:
            folder = f"{self._cache}/{folder_name(repo)}"
            path = manifest_path(folder, commit)
            if not _is_wanted(folder, commit, path):
                continue
            copy = self._sources.manifest(repo, commit)
            try:
                listing = None if copy or self._offline else self._asking.listing(repo, commit)
            except SwarmcacheError as error:
                yield Repair(repo, commit, path, "missing-manifest", error=error)
                continue
            if copy or listing:
                step = PutManifest(repo, commit, path, copy, listing)
                yield Repair(repo, commit, path, "missing-manifest", (step,))


def _is_wanted(folder: str, commit: str, path: str) -> bool:
    """Tell whether no client can read the commit's manifest, not even one that is yet to come."""
    if read_manifest(folder, commit) is not None:
        return False
    if os.path.exists(path) and not os.path.isfile(path):
        return False  # A folder or a pipe: nobody knows whose it is.
    try:
        with open(path, encoding="utf-8") as file:
            document = parse(file.read())
    except (OSError, ValueError):
        return True
    return not isinstance(document, dict) or document.get("format_version") == FORMAT_VERSION


def _unreadable(error: OSError) -> AccessDenied:
    reason = os_reason(error)
    return AccessDenied(
        t("{path} cannot be read: {reason}.", path=error.filename or "?", reason=reason)
    )
