"""Carrying an adopt out: as a pull without a Hub."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import DiskFull, SwarmcacheError, WrongBytes
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import BLOBS, folder_name
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.registry import remember
from swarmcache.hubcache.scan import repo_names
from swarmcache.hubcache.state import is_download, state_folder
from swarmcache.hubcache.use.evictable import note_fetched
from swarmcache.hubcache.use.owners import made_ours
from swarmcache.plans.adopt.flat import bring_blobs
from swarmcache.plans.adopt.standing import OldPlace
from swarmcache.plans.adopt.unfinished import bring_unfinished
from swarmcache.plans.adopt.values import Adopted
from swarmcache.plans.marks import marks_of
from swarmcache.plans.pull.bringing import brought
from swarmcache.plans.pull.revision import Known
from swarmcache.plans.pull.values import not_enough_room, total_bytes
from swarmcache.progress import Silent
from swarmcache.transfer.claims import carried, sweep
from swarmcache.transfer.hub import Hub
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.plans.adopt.values import AdoptPlan
    from swarmcache.plans.pull import PlannedPull
    from swarmcache.progress import Progress


def apply_adopt(
    plan: AdoptPlan, environment: Environment, progress: Progress | None = None
) -> Iterator[Adopted]:
    """Bring each revision, and yield how it came out.

    Of the other cache only unfinished downloads are taken; the rest is read. Bytes that nobody has
    hashed are hashed first. Killed at any instant, both caches are legal, and a rerun goes on.
    Raises DiskFull before anything is written when it does not fit.
    """
    refuse_no_room(plan)
    hears = progress or Silent()
    if plan.archive is not None:
        hears = _Unpacked(hears, plan)
    with Hub((), environment) as hub:
        here: dict[str, str] = {}
        for model in plan.pull.models:
            one = _adopted(plan, _shared(model, here), hub, hears)
            one = one._replace(model=model)
            here |= _blobs(one, plan.pull.cache)
            yield one
    if plan.partials:
        _move_partials(plan, environment)
        bring_unfinished(plan.unfinished, plan.source, plan.pull.cache, environment)
    if os.path.isdir(plan.pull.cache):
        remember(plan.pull.cache, environment)


class _Unpacked:
    """Tells of what was unpacked by the archive's name: its folder is nothing to a user."""

    def __init__(self, progress: Progress, plan: AdoptPlan) -> None:
        self._progress = progress
        self._plan = plan

    def start(self, task: str, total: int) -> None:
        """Pass it on."""
        self._progress.start(self._told(task), total)

    def advance(self, task: str, count: int) -> None:
        """Pass it on."""
        self._progress.advance(self._told(task), count)

    def finish(self, task: str) -> None:
        """Pass it on."""
        self._progress.finish(self._told(task))

    def _told(self, task: str) -> str:
        return task.replace(self._plan.source, self._plan.told)


def refuse_no_room(plan: AdoptPlan) -> None:
    """Raise DiskFull for a place that is too small, which may be no cache of any project yet."""
    pull = plan.pull
    if pull.fits:
        return
    found = not_enough_room(pull)
    if not (os.path.isdir(pull.cache) and repo_names(pull.cache)):
        raise DiskFull(found.message, hint=("df", "-h"))
    raise DiskFull(found.message, hint=f"{found.hint} --cache-dir {shlex.quote(pull.cache)}")


def _shared(model: PlannedPull, here: Mapping[str, str]) -> PlannedPull:
    """Return a plan that takes what an earlier model has brought from where it is now."""
    copies = {
        etag: (here[etag], *files) if etag in here else files
        for etag, files in model.copies.items()
    }
    return replace(model, copies=copies)


def _blobs(one: Adopted, cache: str) -> dict[str, str]:
    """Return the blobs of a model that came over, by etag."""
    if one.error is not None:
        return {}
    blobs = f"{cache}/{folder_name(one.model.target.name)}/{BLOBS}"
    fetched = (file.content for file in one.model.fetch if file.path not in one.model.plain)
    return {etag: f"{blobs}/{etag}" for etag in fetched}


def _adopted(plan: AdoptPlan, model: PlannedPull, hub: Hub, progress: Progress) -> Adopted:
    cache, repo = plan.pull.cache, model.target.name
    commit = model.listing.commit if model.listing is not None else ""
    try:
        _part(plan, model)
        if commit:
            fetched = brought(model, plan.pull, hub, progress, _known(plan, model))
        else:
            fetched = bring_blobs(model, cache, hub, progress)
    except WrongBytes as error:
        if plan.archive is not None:  # What a hint would name is gone by then.
            told = WrongBytes(error.message.replace(plan.source, plan.told))
            return Adopted(model, 0, 0, told)
        what = f"{repo.spelled} --repair" if commit else "--all"  # It names what to remove.
        mend = f"swarmcache verify {what} --cache-dir {shlex.quote(plan.source)}"
        return Adopted(model, 0, 0, WrongBytes(error.message, hint=error.hint or mend))
    except (SwarmcacheError, OSError) as error:
        return Adopted(model, 0, 0, refusal(error, plan.source, model.target))
    if commit:
        note_fetched(cache, hub.environment, repo, commit)
    linked = total_bytes(model.link) + sum(one.linked for one in fetched)
    copied = sum(one.copied for one in fetched)
    return Adopted(model, linked, copied, found=_found(plan, model, commit))


def _found(plan: AdoptPlan, model: PlannedPull, commit: str) -> Outcome | None:
    """Return what is here now of a commit, which may have been half of it in the other cache."""
    if not commit:
        return None
    at_commit = model.target._replace(revision=commit)
    return check(at_commit, plan.pull.cache, tiers=plan.pull.tiers)


def _part(plan: AdoptPlan, model: PlannedPull) -> None:
    """Take away a link into the old place that stands where the repo itself is to stand."""
    home = f"{plan.pull.cache}/{folder_name(model.target.name)}"
    is_link = bool(model.fetch) and os.path.islink(home)
    if is_link and OldPlace(plan.source, model.target.name).holds(f"{home}/{BLOBS}"):
        os.unlink(home)


def _known(plan: AdoptPlan, model: PlannedPull) -> Known:
    """Return what the other cache knows of a commit: all that it has, and what it has not."""
    home = f"{plan.source}/{folder_name(model.target.name)}"
    commit = model.listing.commit if model.listing else ""
    marks = marks_of(home, commit)
    with suppress(OSError):
        if read_manifest(home, commit) is not None:
            with open(manifest_path(home, commit), encoding="utf-8") as file:
                return Known(file.read(), marks)
    return Known(None, marks)


def _move_partials(plan: AdoptPlan, environment: Environment) -> None:
    """Take over downloads of the other cache that nobody works on; never raises."""
    theirs = state_folder(plan.source, environment).partials
    with suppress(OSError, SwarmcacheError):
        ours = partials_folder(plan.pull.cache, environment)
        sweep(ours)
        for name in os.listdir(theirs):
            if is_download(name) and made_ours(f"{theirs}/{name}"):
                carried(f"{theirs}/{name}", ours)
            else:
                with suppress(OSError):
                    os.rmdir(f"{theirs}/{name}")  # All that a killed process left of one.
