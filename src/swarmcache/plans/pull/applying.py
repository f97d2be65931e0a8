"""Carrying a pull out: bytes to blobs, blobs to a revision, the ref last."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from swarmcache.errors import CacheBusy, RepoNotFound, SwarmcacheError, WrongBytes
from swarmcache.hubcache.fingerprint import fingerprint_of
from swarmcache.hubcache.layout import BLOBS, folder_name
from swarmcache.hubcache.ledger import Ledger
from swarmcache.hubcache.pins import Astray
from swarmcache.hubcache.registry import remember
from swarmcache.hubcache.state import state_folder
from swarmcache.locale import listed, t
from swarmcache.plans.pinned import drop_false_manifest, lead, not_as_locked, paths_at, prove
from swarmcache.plans.pull.guard import drop_guards
from swarmcache.plans.pull.planning import found_now
from swarmcache.plans.pull.revision import NewRevision
from swarmcache.plans.pull.values import as_it_is, not_enough_room, outcome, total_bytes
from swarmcache.progress import Silent
from swarmcache.transfer.contents import Content, Failed, Fetched
from swarmcache.transfer.hub import PARTIALS, partials_folder
from swarmcache.transfer.refusals import refusal, weightiest
from swarmcache.transfer.telling import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.integrity import Outcome
    from swarmcache.plans.pull.values import PlannedPull, Pulled, PullPlan
    from swarmcache.progress import Progress
    from swarmcache.transfer.crew import Crew
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.listing import RemoteFile


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
    try:
        fetched = _carried_out(model, plan, hub, progress)
    except (SwarmcacheError, OSError) as error:
        endpoint = model.listing.endpoint if model.listing else ""
        ours = refusal(error, endpoint, model.target)
        return outcome(model, found_now(model.target, plan), ours)
    found = found_now(model.target, plan)
    copied = sum(one.copied for one in fetched)
    return replace(
        outcome(model, found, _still_wrong(model, found)),
        files=len(model.fetch),
        downloaded_bytes=sum(one.downloaded for one in fetched),
        resumed_bytes=sum(one.resumed for one in fetched),
        linked_bytes=total_bytes(model.link) + copied,
        source=_main_source(fetched),
    )


def _carried_out(model: PlannedPull, plan: PullPlan, hub: Hub, progress: Progress) -> list[Fetched]:
    """Bring the files, prove what a lock pins, and let the revision be seen."""
    listing, pin, target, cache = model.listing, model.pin, model.target, plan.cache
    again = {file.path for file in model.again}
    kept = paths_at(target, pin.commit, cache) - again if pin else set()
    if pin is not None:
        drop_false_manifest(target, pin, cache)
    if listing is None:
        if pin is not None:
            prove(target, pin, cache, kept=kept, progress=progress)
            lead(target, pin, cache)
        return []
    proven: set[str] = set()

    def is_locked() -> None:
        if pin is not None:
            prove(target, pin, cache, kept=kept, proven=proven, progress=progress)

    partials = partials_folder(cache, hub.environment)
    revision = NewRevision(cache, partials, target, listing.commit)
    contents = [_content(model, file, revision) for file in _once(model.fetch)]
    with hub.crew(cache) as crew:

        def bring_back(files: Sequence[RemoteFile]) -> None:
            lost = [_content(model, file, revision) for file in _once(files)]
            gone = [replace(one, again=False) for one in lost if not crew.put_back(one.location)]
            if gone:
                fetched.extend(_fetched(model, crew, gone, progress))

        fetched = _fetched(model, crew, contents, progress)
        hashes = {one.content.etag for one in fetched if one.content.algorithm is not None}
        proven |= {file.path for file in model.fetch if file.etag in hashes}
        everything = (*listing.files, *model.unlocked)
        left_out = {file.path for file in model.left_out}
        files = [file for file in listing.files if file.path not in left_out]
        revision.publish(
            everything, files, again=model.again, bring_back=bring_back, prove=is_locked
        )
        for content in (_content(model, file, revision) for file in _once(files)):
            crew.forget(content)
    _remember(fetched, cache, hub)
    return fetched


def _tidy(plan: PullPlan, hub: Hub) -> None:
    """Remove what pulls that were killed at their very end have left; never raises."""
    idle = [model for model in plan.models if model.found.state == "complete"]
    folder = f"{state_folder(plan.cache, hub.environment).beside}/{PARTIALS}"
    with suppress(OSError, SwarmcacheError):
        names = os.listdir(folder)
        for model in idle:
            drop_guards(f"{plan.cache}/{folder_name(model.target)}")
        if not names or not idle:
            return
        with hub.crew(plan.cache) as crew:  # Which sweeps, as it ends.
            for model, name in product(idle, names):
                target = model.target
                blob = f"{plan.cache}/{folder_name(target)}/{BLOBS}/{name}"
                if os.path.exists(blob):
                    size = os.path.getsize(blob)
                    crew.forget(
                        Content(target.name, model.found.commit or "", "", name, size, blob)
                    )


def _fetched(
    model: PlannedPull, crew: Crew, contents: Sequence[Content], progress: Progress
) -> list[Fetched]:
    """Return what was fetched; raises the weightiest error when something could not be."""
    outcomes = list(told(crew.run(contents), model.target.id, contents, progress))
    failures = [one for one in outcomes if isinstance(one, Failed)]
    if failures:
        error = weightiest([one.error for one in failures])
        if model.pin is not None and isinstance(error, WrongBytes):
            wrong = [one.content.path for one in failures if isinstance(one.error, WrongBytes)]
            raise not_as_locked(model.pin, sorted(wrong)) from error
        raise error
    return [one for one in outcomes if isinstance(one, Fetched)]


def _content(model: PlannedPull, file: RemoteFile, revision: NewRevision) -> Content:
    listing = model.listing
    return Content(
        model.target.name,
        listing.commit if listing else "",
        file.path,
        file.etag or "",
        file.size or 0,
        revision.blob(file),
        copies=model.copies.get(file.content, ()),
        again=bool(model.again) and file in model.again,
    )


def _once(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return one file for each content."""
    return list({file.content: file for file in files}.values())


def _remember(fetched: Sequence[Fetched], cache: str, hub: Hub) -> None:
    """Note what was hashed on the way, so that `verify` need not do it again; never raises."""
    ledger = Ledger(state_folder(cache, hub.environment))
    for one in fetched:
        algorithm = one.content.algorithm
        try:
            found = fingerprint_of(one.content.location)
        except OSError:
            continue
        if algorithm is not None:
            ledger.record(algorithm, found, one.content.etag, [one.content.etag])
    ledger.flush()


def _main_source(fetched: Sequence[Fetched]) -> str:
    """Return where the largest file came from."""
    largest = max(fetched, key=lambda one: one.content.size, default=None)
    return largest.sources[-1] if largest and largest.sources else ""


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
                hint=f"swarmcache pull {model.target.id}",
            )
        names = listed(found.missing[:3])
        return RepoNotFound(
            t("The endpoint lacks files that {id} needs: {names}.", id=model.target.id, names=names)
        )
    return None
