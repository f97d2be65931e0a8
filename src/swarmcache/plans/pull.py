"""What a pull will fetch, leave out and keep, as a value; and carrying it out.

A complete model makes no request at all, whatever happened to its branch since: `refresh` asks
for a newer commit. Otherwise the first endpoint says which commit the revision is now, and what
that commit holds; what the cache already has of it is neither fetched nor asked for again.
What the project's lock pins is had at its locked commit, whatever the branch is (`pinned.py`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from swarmcache.errors import DiskFull, RepoNotFound, SwarmcacheError, WrongBytes
from swarmcache.hubcache.integrity import check_revision
from swarmcache.hubcache.layout import BLOBS, INCOMPLETE, SNAPSHOTS, folder_name, is_commit
from swarmcache.hubcache.pins import Astray, check_pinned, pinned
from swarmcache.hubcache.refs import write_ref
from swarmcache.hubcache.scan import read_repo
from swarmcache.hubcache.weights import Selection, select, weights_format
from swarmcache.locale import listed, t
from swarmcache.plans.pinned import as_locked, drop_false_manifest, lead, paths_at, prove
from swarmcache.transfer.refusals import refusal
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.hubcache.integrity import Outcome, State
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import CachedFile, Repo
    from swarmcache.lockfile import Lock, LockedModel
    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import Hub, RemoteFile, RepoListing


@dataclass(frozen=True, slots=True)
class PlannedPull:
    """What is to be done for one repo."""

    target: Target
    found: Outcome
    """What the cache holds of it now."""
    listing: RepoListing | None = None
    """What the endpoint says; None for a repo that is complete, or that could not be asked for."""
    fetch: tuple[RemoteFile, ...] = ()
    """Files whose bytes must travel."""
    again: tuple[RemoteFile, ...] = ()
    """Those of `fetch` that are cached wrong and must be replaced."""
    link: tuple[RemoteFile, ...] = ()
    """Files whose bytes are cached, under another commit or name."""
    left_out: tuple[RemoteFile, ...] = ()
    """The same weights in other formats."""
    kept_weights: tuple[str, ...] = ()
    """The weights that are fetched or cached instead."""
    pin: LockedModel | None = None
    """What the project's lock says of it."""
    unlocked: tuple[RemoteFile, ...] = ()
    """Files of the commit that the lock does not name: they are not fetched."""
    error: SwarmcacheError | None = None
    """Why nothing can be planned."""

    @property
    def fetch_bytes(self) -> int:
        """Bytes that must travel; equal files once."""
        return total_bytes(self.fetch)

    @property
    def left_out_bytes(self) -> int:
        """Bytes saved by leaving out other formats."""
        return total_bytes(self.left_out)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to fetch or to link."""
        return not (self.fetch or self.link)


@dataclass(frozen=True, slots=True)
class PullPlan:
    """A pull as a value."""

    cache: str
    models: tuple[PlannedPull, ...]
    free_bytes: int
    """Free on the cache's disk, for this user."""
    all_files: bool
    lock: Lock | None = None
    """The project's; no pull moves its pins."""

    @property
    def fetch_bytes(self) -> int:
        """Bytes that must travel, all repos together."""
        return sum(model.fetch_bytes for model in self.models)

    @property
    def fits(self) -> bool:
        """Whether the disk has room for it."""
        return self.fetch_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True)
class Pulled:
    """How one repo came out."""

    target: Target
    commit: str | None
    state: State
    size: int
    """Bytes cached of the revision now."""
    files: int = 0
    """How many files travelled."""
    downloaded_bytes: int = 0
    resumed_bytes: int = 0
    """Bytes that an earlier, broken download had left, and that were not fetched again."""
    linked_bytes: int = 0
    skipped_bytes: int = 0
    source: str = ""
    """The endpoint; empty when none was asked."""
    error: SwarmcacheError | None = None

    @property
    def ok(self) -> bool:
        """Whether everything asked for is there now."""
        return self.error is None


def plan_pull(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    targets: Iterable[Target],
    cache: str,
    hub: Hub,
    *,
    lock: Lock | None = None,
    all_files: bool = False,
    refresh: bool = False,
) -> PullPlan:
    """Return what a pull of these repos into the cache folder would do; writes nothing.

    `all_files` takes every file, instead of one weights format; `refresh` asks the endpoint for
    complete repos too, except for those that `lock` pins. A repo that cannot be asked for, or of
    which the endpoint announces other files than the locked ones, is planned with its error.
    """
    empty = PullPlan(cache, (), _free_bytes(cache), all_files, lock)
    models = tuple(
        _planned(target, empty, hub, refresh=refresh) for target in dict.fromkeys(targets)
    )
    return replace(empty, models=models)


def apply_pull(plan: PullPlan, hub: Hub, progress: Progress | None = None) -> Iterator[Pulled]:
    """Carry the plan out, and yield how each repo came out, in the plan's order.

    One repo's failure is in its Pulled, and the next is fetched all the same. Raises DiskFull
    before anything is written when the plan does not fit on the disk.
    """
    if not plan.fits:
        raise not_enough_room(plan)
    for model in plan.models:
        yield _pulled(model, plan, hub, progress)


def as_it_is(model: PlannedPull) -> Pulled:
    """Return the outcome of doing nothing: what a dry run tells, and a repo without a listing."""
    return _outcome(model, model.found, error=model.error)


def not_enough_room(plan: PullPlan) -> DiskFull:
    """Return the error for a plan that does not fit."""
    return DiskFull(
        t(
            "The disk of {path} has {free} free, and {needed} are needed.",
            path=plan.cache,
            free=human_bytes(plan.free_bytes),
            needed=human_bytes(plan.fetch_bytes),
        ),
        hint="swarmcache status",
    )


def total_bytes(files: Iterable[RemoteFile]) -> int:
    """Return the bytes of some files, those of equal content once."""
    return sum({file.content: file.size or 0 for file in files}.values())


def _planned(target: Target, plan: PullPlan, hub: Hub, *, refresh: bool) -> PlannedPull:
    pin = plan.lock.find(target) if plan.lock is not None else None
    found = _found(target, plan)
    model = PlannedPull(target, found, pin=pin)
    if isinstance(found, Astray) or (found.state == "complete" and (pin or not refresh)):
        return model
    try:
        told = hub.listing(pinned(target, plan.lock), plan.cache)
        listing = told if pin is None else as_locked(told, pin)
    except SwarmcacheError as error:
        return replace(model, error=error)
    paths = [file.path for file in listing.files]
    one_format = target.type == "model" and not plan.all_files
    selection = select(paths) if one_format else Selection(tuple(paths), {})
    locked = set(listing.files)
    unlocked = tuple(file for file in told.files if file not in locked)
    model = replace(model, listing=listing, unlocked=unlocked)
    return _compared(model, selection, read_repo(plan.cache, target.name))


def _found(target: Target, plan: PullPlan) -> Outcome:
    return check_pinned(target, plan.cache, plan.lock, full=plan.all_files)


def _compared(model: PlannedPull, selection: Selection, repo: Repo | None) -> PlannedPull:
    """Return the plan with the selected files divided by what the cache has of them."""
    files = model.listing.files if model.listing else ()
    revision = repo.revision(model.listing.commit) if repo and model.listing else None
    cached = {file.path: file for file in revision.files} if revision else {}
    wrong = set(model.found.damaged) if model.pin else set()
    if repo and revision and not model.pin:
        wrong = set(check_revision(repo, revision).damaged)
    fetch: list[RemoteFile] = []
    again: list[RemoteFile] = []
    link: list[RemoteFile] = []
    for file in files:
        if file.path in selection.skipped:
            continue
        blob = repo.blobs.get(file.etag or "") if repo else None
        here = cached.get(file.path)
        if (here and not _agrees(here, file)) or file.path in wrong:
            again.append(file)
            fetch.append(file)
        elif here is None and blob is None:
            fetch.append(file)
        elif here is None and blob is not None:
            if blob.size == file.size:
                link.append(file)
            else:
                again.append(file)
                fetch.append(file)
    return replace(
        model,
        fetch=tuple(fetch),
        again=tuple(again),
        link=tuple(link),
        left_out=tuple(file for file in files if file.path in selection.skipped),
        kept_weights=tuple(path for path in selection.kept if weights_format(path)),
    )


def _agrees(here: CachedFile, file: RemoteFile) -> bool:
    """Tell whether a cached file has the size that the endpoint names, if it names one."""
    return here.blob is not None and file.size in {None, here.blob.size}


def _pulled(model: PlannedPull, plan: PullPlan, hub: Hub, progress: Progress | None) -> Pulled:
    astray = isinstance(model.found, Astray)
    if model.error is not None or (model.listing is None and not astray):
        return as_it_is(model)
    partials = _partials(plan.cache, model)
    try:
        source = _fetched(model, plan, hub, progress)
    except (SwarmcacheError, OSError) as error:
        endpoint = model.listing.endpoint if model.listing else ""
        ours = refusal(error, endpoint, model.target)
        return _outcome(model, _found(model.target, plan), error=ours)
    left = _partials(plan.cache, model)
    resumed = sum(size for path, size in partials.items() if path not in left)
    found = _found(model.target, plan)
    return replace(
        _outcome(model, found, error=_still_wrong(model, found)),
        files=len(model.fetch),
        downloaded_bytes=max(0, model.fetch_bytes - resumed),
        resumed_bytes=resumed,
        linked_bytes=total_bytes(model.link),
        source=source,
    )


def _fetched(model: PlannedPull, plan: PullPlan, hub: Hub, progress: Progress | None) -> str:
    """Bring the files, then move the ref, and return the endpoint the files came from."""
    listing, source = model.listing, ""
    pin, again = model.pin, [file.path for file in model.again]
    kept = paths_at(model.target, pin.commit, plan.cache) - set(again) if pin else set()
    if listing is not None:
        source = listing.endpoint
        if pin is not None:
            drop_false_manifest(model.target, pin, plan.cache)
        if not model.is_idle:
            _unlink_wrong(model, listing.commit, plan.cache)
            told = replace(listing, files=(*listing.files, *model.unlocked))
            leave = [file.path for file in (*model.left_out, *model.unlocked)]
            source = hub.fetch(told, plan.cache, leave=leave, again=again, progress=progress)
    if pin is not None:
        prove(model.target, pin, plan.cache, kept=kept, progress=progress)
        if isinstance(_found(model.target, plan), Astray):
            lead(model.target, pin, plan.cache)
    elif listing is not None and not is_commit(model.target.revision):
        write_ref(plan.cache, model.target.name, model.target.revision, listing.commit)
    return source


def _unlink_wrong(model: PlannedPull, commit: str, cache: str) -> None:
    """Remove what stands under a path with another blob than the one that is fetched again.

    The Hub's clients (2.4.0) bring the blob then, and leave what stands there as it is.
    """
    snapshot = os.path.join(cache, folder_name(model.target), SNAPSHOTS, commit)
    here = paths_at(model.target, commit, cache) if model.again else set()
    for file in model.again:
        path = os.path.join(snapshot, file.path)
        if file.path not in here:  # An endpoint may name anything, `..` too.
            continue
        if not (os.path.islink(path) and os.path.basename(os.readlink(path)) == file.etag):
            os.unlink(path)


def _outcome(model: PlannedPull, found: Outcome, error: SwarmcacheError | None) -> Pulled:
    return Pulled(
        model.target,
        found.commit,
        found.state,
        found.size,
        skipped_bytes=model.left_out_bytes,
        error=error,
    )


def _still_wrong(model: PlannedPull, found: Outcome) -> SwarmcacheError | None:
    """Return why a repo of which everything was fetched is not complete, or None."""
    if found.state == "damaged":
        return WrongBytes(
            t(
                "{id} is damaged after the download: {reason}",
                id=model.target.id,
                reason=found.reason,
            )
        )
    if found.state in {"incomplete", "missing"}:
        names = listed(found.missing[:3])
        return RepoNotFound(
            t("The endpoint lacks files that {id} needs: {names}.", id=model.target.id, names=names)
        )
    return None


def _partials(cache: str, model: PlannedPull) -> dict[str, int]:
    """Return the partial downloads that clients before 1.18 resume, with their bytes."""
    folder = os.path.join(cache, folder_name(model.target), BLOBS)
    paths = (os.path.join(folder, f"{file.etag}{INCOMPLETE}") for file in model.fetch)
    return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


def _free_bytes(path: str) -> int:
    """Return the free bytes of the disk that holds, or will hold, a folder."""
    while not os.path.isdir(path):
        path = os.path.dirname(path) or os.curdir
    return shutil.disk_usage(path).free


def what_is_left_out(model: PlannedPull) -> str:
    """Return one translated sentence on the formats left out, or nothing."""
    if not model.left_out:
        return ""
    names = _some([file.path for file in model.left_out])
    return t(
        "Leaves out {names}, {size}: {kept} holds the same weights.",
        names=names,
        size=human_bytes(model.left_out_bytes),
        kept=_some(model.kept_weights),
    )


def _some(paths: Sequence[str]) -> str:
    return listed(paths[:2]) + (" …" if len(paths) > 2 else "")  # noqa: PLR2004 - two are an example
