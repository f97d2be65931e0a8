"""Carrying a pull out: bytes to blobs, blobs to a revision, the ref last."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from swarmcache.errors import CacheBusy, RepoNotFound, SwarmcacheError, WrongBytes
from swarmcache.hubcache.complete.pins import Astray
from swarmcache.hubcache.layout import BLOBS, folder_name
from swarmcache.hubcache.registry import remember
from swarmcache.hubcache.state import state_folder
from swarmcache.locale import listed, t
from swarmcache.plans.pull.comparing import found_now
from swarmcache.plans.pull.values import as_it_is, not_enough_room, outcome, total_bytes
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.plans.pull.values import PlannedPull, Pulled, PullPlan
    from swarmcache.progress import Progress
    from swarmcache.transfer.contents import Fetched
    from swarmcache.transfer.hub import Hub


def apply_pull(plan: PullPlan, hub: Hub, progress: Progress | None = None) -> Iterator[Pulled]:
    """Carry the plan out, and yield how each repo came out, in the plan's order.

    One repo's failure is in its Pulled, and the next is fetched all the same. Killed at any
    instant, the cache is as good as before, and a rerun goes on from there. Raises DiskFull
    before anything is written when the plan does not fit on the disk.
    """
    if not plan.fits:
        raise not_enough_room(plan)
    for model in plan.models:
        yield _pulled(model, plan, hub, progress or Silent())
    _tidy(plan, hub)
    if os.path.isdir(plan.cache):
        remember(plan.cache, hub.environment)


def _pulled(model: PlannedPull, plan: PullPlan, hub: Hub, progress: Progress) -> Pulled:
    astray = isinstance(model.found, Astray)
    if model.error is not None or (model.listing is None and not astray):
        return as_it_is(model)
    from swarmcache.plans.pull.bringing import brought  # noqa: PLC0415 - where nothing is missing,
    from swarmcache.plans.pull.revision import Known  # noqa: PLC0415 - a pull takes milliseconds
    from swarmcache.transfer.refusals import refusal  # noqa: PLC0415 - as above

    try:
        fetched = brought(model, plan, hub, progress, Known(marks=model.marks))
    except (SwarmcacheError, OSError) as error:
        endpoint = model.listing.endpoint if model.listing else ""
        ours = refusal(error, endpoint, model.target)
        return outcome(model, found_now(model.target, plan), ours)
    found = found_now(model.target, plan)
    copied = sum(one.copied for one in fetched)
    linked = sum(one.linked for one in fetched)
    return replace(
        outcome(model, found, _still_wrong(model, found)),
        files=len(model.fetch),
        downloaded_bytes=sum(one.downloaded for one in fetched),
        resumed_bytes=sum(one.resumed for one in fetched),
        linked_bytes=total_bytes(model.link) + copied + linked,
        copied_bytes=copied,
        source=_main_source(fetched) or _teller(model),
    )


def _tidy(plan: PullPlan, hub: Hub) -> None:
    """Remove what pulls that were killed at their very end have left; never raises."""
    idle = [model for model in plan.models if model.found.state == "complete"]
    folder = state_folder(plan.cache, hub.environment).partials
    with suppress(OSError, SwarmcacheError):
        names = os.listdir(folder)
        from swarmcache.plans.pull.guard import drop_guards  # noqa: PLC0415 - hardly ever

        for model in idle:
            drop_guards(f"{plan.cache}/{folder_name(model.target)}")
        if not names or not idle:
            return
        from swarmcache.transfer.contents import Content, etag_of  # noqa: PLC0415 - hardly ever

        with hub.crew(plan.cache) as crew:  # Which sweeps, as it ends.
            for model, name in product(idle, names):
                target = model.target
                etag = etag_of(name)
                blob = f"{plan.cache}/{folder_name(target)}/{BLOBS}/{etag}"
                if os.path.exists(blob):
                    size = os.path.getsize(blob)
                    crew.forget(
                        Content(target.name, model.found.commit or "", "", etag, size, blob)
                    )


def _main_source(fetched: Sequence[Fetched]) -> str:
    """Return where the largest file came from."""
    largest = max(fetched, key=lambda one: one.content.size, default=None)
    return largest.sources[-1] if largest and largest.sources else ""


def _teller(model: PlannedPull) -> str:
    """Return the cache that told the commit of what had not to be fetched."""
    return model.listing.endpoint if model.listing and model.unanswered else ""


def _still_wrong(model: PlannedPull, found: Outcome) -> SwarmcacheError | None:
    """Return why a repo of which everything was fetched is not complete, or None."""
    if found.state == "damaged":
        return WrongBytes(
            t(
                "{id} is fetched as it was announced, and damaged as such: {reason}",
                id=model.target.id,
                reason=found.reason,
            )
        )
    if found.state in {"incomplete", "missing"} and not model.named:
        brought = {file.path for file in (*model.fetch, *model.link)}
        if brought & set(found.missing):
            return CacheBusy(
                t("Files of {id} disappear while they are being put in place.", id=model.target.id),
                hint=("swarmcache", "pull", model.target.spelled),
            )
        names = listed(found.missing[:3])
        return RepoNotFound(
            t("The endpoint lacks files that {id} needs: {names}.", id=model.target.id, names=names)
        )
    return None
