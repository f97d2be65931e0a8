"""What a pull will fetch, leave out and keep.

A complete model makes no request at all, whatever happened to its branch since: `refresh` asks
for a newer commit. Neither does a commit whose list and content lie on this machine. Otherwise the
first endpoint says which commit the revision is now, and what that commit holds; what the cache
already has of it is neither fetched nor asked for again. Where no endpoint answers, the caches next
door are taken at their word (`next_door.py`).
What the project's lock pins is had at its locked commit, whatever the branch is (`pinned.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import EndpointUnreachable, LockMismatch, SwarmcacheError
from swarmcache.hubcache.complete.pins import Astray, Mismatched, pinned
from swarmcache.hubcache.complete.weights import Selection, select
from swarmcache.hubcache.layout import SNAPSHOTS, folder_name, is_commit
from swarmcache.hubcache.refs import in_full
from swarmcache.hubcache.registry import known_caches
from swarmcache.hubcache.scan import read_repo
from swarmcache.hubcache.usage import free_bytes
from swarmcache.plans.nearby import Nearby
from swarmcache.plans.pinned import as_locked, not_as_locked
from swarmcache.plans.pull.comparing import compared, found_now, refuse_collisions
from swarmcache.plans.pull.next_door import (
    as_far_as_here,
    claims,
    falls_short,
    files_of,
    listing_of,
    marks_of_caches,
)
from swarmcache.plans.pull.room import with_room
from swarmcache.plans.pull.values import PlannedPull, PullPlan
from swarmcache.plans.pull.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.hubcache.intact.expectations import Expected
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import Repo
    from swarmcache.lockfile import Lock
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.listing import KnownFiles, RemoteFile, RepoListing


def plan_pull(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    targets: Iterable[Target],
    cache: str,
    hub: Hub,
    *,
    lock: Lock | None = None,
    wishes: Wishes | None = None,
    tiers: Sequence[str] = (),
    symlinked_tiers: Sequence[str] = (),
) -> PullPlan:
    """Return what a pull of these repos into the cache folder would do; writes nothing.

    `tiers` are further caches to copy from, before those that this machine is known to have; into
    the `symlinked_tiers` among them blobs become symbolic links, where this user cannot write. A
    repo that cannot be asked for, or of which the endpoint announces other files than the locked
    ones, is planned with its error.
    """
    wishes = wishes or Wishes()
    empty = PullPlan(
        cache,
        (),
        free_bytes(cache),
        wishes.all_files,
        lock,
        tuple(tiers),
        tuple(symlinked_tiers),
    )
    planner = _Planner(empty, hub, wishes, Nearby([*tiers, *known_caches(hub.environment)], cache))
    whole = dict.fromkeys(in_full(target, cache) for target in targets)
    models = tuple(planner.planned(target) for target in whole)
    wanted = {file.content for model in models for file in model.fetch}
    if not wanted:
        return replace(empty, models=models)
    from swarmcache.plans.pull.forecast import reserved_bytes  # noqa: PLC0415 - only for downloads

    reserved = reserved_bytes(cache, hub.environment, except_for=wanted)
    return replace(empty, models=models, reserved_bytes=reserved)


class _Planner:
    """Plans one repo after the other."""

    def __init__(self, plan: PullPlan, hub: Hub, wishes: Wishes, nearby: Nearby) -> None:
        self._plan = plan
        self._hub = hub
        self._wishes = wishes
        self._nearby = nearby

    def planned(self, target: Target) -> PlannedPull:
        """Return what is to be done for one repo."""
        plan, wishes = self._plan, self._wishes
        pin = plan.lock.find(target) if plan.lock is not None else None
        found = found_now(target, plan)
        model = PlannedPull(target, found, pin=pin)
        complete = found.state == "complete" and not wishes.named
        if isinstance(found, Astray) or (complete and (pin or not wishes.refresh)):
            return model
        asked = pinned(target, plan.lock)
        if is_commit(asked.revision) and (near := self._from_next_door(model, asked)) is not None:
            return near
        try:
            return self._divided(model, self._hub.listing(asked, plan.cache, self._known(target)))
        except SwarmcacheError as error:
            unanswered = isinstance(error, EndpointUnreachable)
            near = self._from_next_door(model, asked, error) if unanswered else None
            return near or replace(model, error=_weightier(model, error))

    def _divided(self, model: PlannedPull, told: RepoListing) -> PlannedPull:
        """Return the plan for what a listing tells; raises LockMismatch, UnsafeListing."""
        plan, wishes, target = self._plan, self._wishes, model.target
        listing = told if model.pin is None else as_locked(told, model.pin)
        refuse_collisions(listing.files, plan.cache)
        paths = [file.path for file in listing.files if wishes.wants(file.path)]
        one_format = target.type == "model" and not wishes.all_files and not wishes.include
        selection = select(paths) if one_format else Selection(tuple(paths), {})
        locked = {file.path for file in listing.files}
        unlocked = tuple(file for file in told.files if file.path not in locked)
        model = replace(model, listing=listing, unlocked=unlocked, named=wishes.named)
        return self._with_sources(compared(model, selection, self._repo(target), wishes.wants))

    def _from_next_door(
        self, model: PlannedPull, asked: Target, unanswered: SwarmcacheError | None = None
    ) -> PlannedPull | None:
        """Return the plan that needs no endpoint, or None where the caches here do not suffice.

        With `unanswered`, the reason why none was heard, loading need only be possible.
        """
        caches, tiers = self._nearby.caches, self._plan.tiers
        partly = not self._wishes.all_files and not self._wishes.named and asked.type == "model"
        told = claims(caches, asked)
        error: SwarmcacheError | None = None
        for claim in told:
            listing = listing_of(caches, asked, claim, tiers)
            if listing is None or not (listing.whole or partly):
                continue
            try:
                planned = self._divided(model, listing)
            except SwarmcacheError:
                continue  # Not as it is locked, or not for this disk: an endpoint has the say.
            absent = as_far_as_here(planned, self._repo(asked))
            if absent is None or (absent and not (partly and unanswered)):
                error = error or (unanswered and falls_short(planned, claim, unanswered))
                continue
            others = tuple(one.cache for one in told if one.commit != claim.commit)
            fetch = tuple(file for file in planned.fetch if file not in absent)
            again = tuple(file for file in planned.again if file not in absent)
            return replace(
                planned,
                fetch=fetch,
                again=again,
                absent=absent,
                marks=() if listing.whole else marks_of_caches(caches, asked.name, claim.commit),
                unanswered=unanswered,
                elsewhere=others,
            )
        return replace(model, error=_weightier(model, error)) if error is not None else None

    def _known(self, target: Target) -> KnownFiles:
        """Return who tells the files of a commit, so that an endpoint need not."""

        def files(commit: str) -> tuple[RemoteFile, ...] | None:
            told = (files_of(cache, target.name, commit) for cache in self._nearby.caches)
            return next(filter(None, told), None)

        return files

    def _repo(self, target: Target) -> Repo | None:
        return read_repo(self._plan.cache, target.name, self._plan.tiers)

    def _entry(self, model: PlannedPull, file: RemoteFile) -> str:
        """Return where a file of a listed commit stands in the cache's snapshots."""
        commit = model.listing.commit if model.listing is not None else ""
        home = f"{self._plan.cache}/{folder_name(model.target.name)}"
        return f"{home}/{SNAPSHOTS}/{commit}/{file.path}"

    def _with_sources(self, model: PlannedPull) -> PlannedPull:
        """Return the plan with what other caches and earlier downloads have of it."""
        from swarmcache.plans.pull.forecast import resumable_bytes  # noqa: PLC0415 - see above

        copies: dict[str, tuple[str, ...]] = {}
        for file in model.fetch:
            expected = _expected(file)
            if expected is not None and file.content not in copies:
                # What is wrong here must not be its own source, not by a link into a tier either.
                wrong = self._entry(model, file) if file in model.again else None
                found = self._nearby.copies(expected, model.target.name, file.path, wrong)
                mine = [one for one in found if one.startswith(f"{self._plan.cache}/")]
                others = [one for one in found if one not in mine]
                ordered = others if wrong else mine + others
                if ordered:
                    copies[file.content] = tuple(ordered)
        etags = {file.content: file.size or 0 for file in model.fetch}
        resumable = resumable_bytes(self._plan.cache, self._hub.environment, etags)
        return with_room(replace(model, copies=copies, resumable=resumable), self._plan)


def _weightier(model: PlannedPull, error: SwarmcacheError) -> SwarmcacheError:
    """Return what to tell of a repo that cannot be asked for: first, that it is not as locked."""
    if model.pin is None or not isinstance(model.found, Mismatched):
        return error
    wrong = not_as_locked(model.target, model.pin, model.found.damaged)
    return LockMismatch(f"{wrong.message} {error.message}", hint=wrong.hint)


def _expected(file: RemoteFile) -> Expected | None:
    from swarmcache.hubcache.intact.expectations import Expected, algorithm_of  # noqa: PLC0415

    algorithm = algorithm_of(file.etag or "")
    if algorithm is None or file.etag is None:
        return None
    return Expected(algorithm, file.etag, file.size, "record")
