"""What `swarmcache lock` would pin, as values.

A pin that stands is kept: only `plan_upgrade` moves one. A new pin is made from the cache where
that tells the hash of every file, and needs the endpoint otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from swarmcache.errors import SwarmcacheError, TransferError
from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.intact.expectations import algorithm_of, trusted_name
from swarmcache.hubcache.layout import Target, is_commit
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.refs import in_full
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import t
from swarmcache.lockfile import Lock, LockedFile, LockedModel, lock_path, write_lock
from swarmcache.plans.pinned import as_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.listing import RepoListing

Change = Literal["added", "kept", "moved", "failed"]


@dataclass(frozen=True, slots=True)
class PlannedPin:
    """One model of a lock to be."""

    target: Target
    old: LockedModel | None
    """The pin that stands now."""
    new: LockedModel | None
    """The pin that would stand; None where it cannot be told."""
    source: str = ""
    """The endpoint that was asked; empty for what the cache or the lock itself tells."""
    error: SwarmcacheError | None = None
    """Why there is no `new` one."""

    @property
    def change(self) -> Change:
        """What happens to the pin."""
        if self.new is None:
            return "failed"
        if self.old is None:
            return "added"
        return "kept" if self.old == self.new else "moved"

    @property
    def added(self) -> tuple[str, ...]:
        """Paths that only the new commit has."""
        return tuple(sorted(self._files(self.new).keys() - self._files(self.old).keys()))

    @property
    def removed(self) -> tuple[str, ...]:
        """Paths that only the old commit has."""
        return tuple(sorted(self._files(self.old).keys() - self._files(self.new).keys()))

    @property
    def modified(self) -> tuple[str, ...]:
        """Paths whose content is another one in the new commit."""
        old = self._files(self.old)
        new = self._files(self.new).items()
        return tuple(sorted(path for path, file in new if path in old and old[path] != file))

    @property
    def size(self) -> int:
        """Bytes of the new commit's files; equal ones once."""
        return sum({file.etag: file.size for file in self._files(self.new).values()}.values())

    @property
    def new_bytes(self) -> int:
        """Bytes of content that the old commit does not have; equal files once."""
        old = {file.etag for file in self._files(self.old).values()}
        new = {file.etag: file.size for file in self._files(self.new).values()}
        return sum(size for etag, size in new.items() if etag not in old)

    @staticmethod
    def _files(model: LockedModel | None) -> Mapping[str, LockedFile]:
        return {} if model is None else model.files


@dataclass(frozen=True, slots=True)
class LockPlan:
    """A lock to be, as a value."""

    path: str
    """The lock file, absolute."""
    current: Lock | None
    pins: tuple[PlannedPin, ...]

    @property
    def error(self) -> SwarmcacheError | None:
        """The first reason why nothing can be written."""
        return next((pin.error for pin in self.pins if pin.error is not None), None)

    @property
    def lock(self) -> Lock:
        """The lock as it would be; models that the plan does not name stay in it."""
        models = {_key(model): model for model in (self.current.models if self.current else ())}
        models |= {_key(pin.new): pin.new for pin in self.pins if pin.new is not None}
        return Lock(self.path, tuple(models[key] for key in sorted(models)))

    @property
    def is_idle(self) -> bool:
        """Whether the lock is already as planned."""
        return self.current is not None and self.lock == self.current


def plan_lock(  # noqa: PLR0913 - two places besides what is to be pinned
    targets: Iterable[Target],
    cache: str,
    project: str,
    current: Lock | None,
    hub: Hub,
    *,
    tiers: Sequence[str] = (),
) -> LockPlan:
    """Return the lock with a pin for each target; those that have one keep it. Writes nothing.

    Links of the cache may lead into `tiers`. A target whose commit and hashes can be had neither
    from the cache nor from an endpoint is planned with its error.
    """
    pins: list[PlannedPin] = []
    for target in dict.fromkeys(in_full(one, cache) for one in targets):
        old = _held(current, target)
        pins.append(PlannedPin(target, old, old) if old else _new_pin(target, cache, hub, tiers))
    return _plan(project, current, pins)


def plan_upgrade(
    targets: Iterable[Target], cache: str, project: str, current: Lock | None, hub: Hub
) -> LockPlan:
    """Return the lock with each target at the commit that its revision is now. Writes nothing.

    `hub` should ask one endpoint only: a mirror that lags behind must not move a pin back.
    """
    whole = dict.fromkeys(in_full(target, cache) for target in targets)
    pins = [_moved_pin(target, _held(current, target), cache, hub) for target in whole]
    return _plan(project, current, pins)


def apply_lock(plan: LockPlan) -> bool:
    """Write the lock, and return whether that changed it; raises the plan's error, or OSError."""
    if plan.error is not None:
        raise plan.error
    if plan.is_idle:
        return False
    write_lock(plan.lock)
    return True


def target_of(model: LockedModel) -> Target:
    """Return what a pin was made for."""
    return Target(model.type, model.id, model.revision)  # type: ignore[arg-type] # read_lock checks


def _plan(project: str, current: Lock | None, pins: Sequence[PlannedPin]) -> LockPlan:
    path = current.path if current is not None else lock_path(project)
    return LockPlan(path, current, tuple(_agreeing(pins, current)))


def _agreeing(pins: Sequence[PlannedPin], current: Lock | None) -> Iterable[PlannedPin]:
    """Yield the pins so that two of one commit have the same files, as the format demands."""
    known = {_commit_key(model): model.files for model in (current.models if current else ())}
    for pin in pins:
        if pin.new is None:
            yield pin
            continue
        files = known.setdefault(_commit_key(pin.new), pin.new.files)
        yield replace(pin, new=pin.new._replace(files=files))


def _new_pin(target: Target, cache: str, hub: Hub, tiers: Sequence[str]) -> PlannedPin:
    if (cached := _from_cache(target, cache, tiers)) is not None:
        return PlannedPin(target, None, cached)
    try:
        listing = hub.listing(target, cache)
        return PlannedPin(target, None, _from_listing(target, listing), listing.endpoint)
    except SwarmcacheError as error:
        return PlannedPin(target, None, None, error=error)


def _moved_pin(target: Target, old: LockedModel | None, cache: str, hub: Hub) -> PlannedPin:
    if old is not None and is_commit(target.revision):
        return PlannedPin(target, old, old)
    try:
        listing = hub.listing(target, cache)
        if old is not None and listing.commit == old.commit:
            as_locked(listing, old)  # A commit cannot change: another content is an attack.
            return PlannedPin(target, old, old, listing.endpoint)
        return PlannedPin(target, old, _from_listing(target, listing), listing.endpoint)
    except SwarmcacheError as error:
        return PlannedPin(target, old, None, error=error)


def _from_cache(target: Target, cache: str, tiers: Sequence[str]) -> LockedModel | None:
    """Return the pin that the cache tells by itself, or None where it does not tell every hash."""
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(target.revision) if repo is not None else None
    if repo is None or revision is None:
        return None
    files = _recorded(repo, revision) or _named(repo, revision)
    if files is None:
        return None
    return LockedModel(target.type, target.id, target.revision, revision.commit, files)


def _recorded(repo: Repo, revision: Revision) -> dict[str, LockedFile] | None:
    """Return the files that the commit's manifest lists."""
    manifest = read_manifest(repo.path, revision.commit) or {}
    files = {path: _locked(file.size, file.etag) for path, file in manifest.items()}
    return _all_told(files)


def _named(repo: Repo, revision: Revision) -> dict[str, LockedFile] | None:
    """Return the cached files by their blobs' names, of a revision that is complete."""
    if check_revision(repo, revision).state != "complete":
        return None
    files = {
        path: _locked(blob.size, trusted_name(blob)) if blob is not None else None
        for path, blob in revision.files
    }
    return _all_told(files)


def _from_listing(target: Target, listing: RepoListing) -> LockedModel:
    """Return the pin for what an endpoint tells; TransferError where it tells no hash or size."""
    files = {file.path: _locked(file.size, file.etag) for file in listing.files}
    told = _all_told(files)
    if told is None:
        message = t(
            "{endpoint} does not tell the hash of every file of {id}.",
            endpoint=listing.endpoint,
            id=target.id,
        )
        raise TransferError(message)
    return LockedModel(target.type, target.id, target.revision, listing.commit, told)


def _locked(size: int | None, etag: str | None) -> LockedFile | None:
    kind = algorithm_of(etag or "")
    if size is None or kind is None:
        return None
    return LockedFile(size, etag, None) if kind == "sha256" else LockedFile(size, None, etag)


def _all_told(files: Mapping[str, LockedFile | None]) -> dict[str, LockedFile] | None:
    told = {path: file for path, file in files.items() if file is not None}
    return told if told and len(told) == len(files) else None


def _held(current: Lock | None, target: Target) -> LockedModel | None:
    """Return the pin of exactly this revision: a name that now means the same commit may move."""
    models = current.models if current is not None else ()
    return next((m for m in models if _key(m) == (target.type, target.id, target.revision)), None)


def _key(model: LockedModel) -> tuple[str, str, str]:
    return model.type, model.id, model.revision


def _commit_key(model: LockedModel) -> tuple[str, str, str]:
    return model.type, model.id, model.commit
