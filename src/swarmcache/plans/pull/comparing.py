"""What the cache has now, against what a list of files says that it should have."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import UnsafeListing
from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.complete.pins import check_pinned
from swarmcache.hubcache.complete.weights import Selection, weights_format
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import CachedFile, Repo
    from swarmcache.plans.pull.values import PlannedPull, PullPlan
    from swarmcache.transfer.listing import RemoteFile


def found_now(target: Target, plan: PullPlan) -> Outcome:
    """Return what the cache holds of a repo now, judged as the plan's lock has it."""
    full, tiers = plan.all_files, plan.tiers
    return check_pinned(target, plan.cache, plan.lock, full=full, tiers=tiers)


def compared(
    model: PlannedPull, selection: Selection, repo: Repo | None, named: Callable[[str], bool]
) -> PlannedPull:
    """Return the plan with the selected files divided by what the cache has of them."""
    files = model.listing.files if model.listing else ()
    revision = repo.revision(model.listing.commit) if repo and model.listing else None
    cached = {file.path: file for file in revision.files} if revision else {}
    wrong = set(model.found.damaged) if model.pin else set()
    if repo and revision and not model.pin:
        wrong = set(check_revision(repo, revision).damaged)
    skipped = {file.path for file in files if not named(file.path)} | selection.skipped.keys()
    fetch: list[RemoteFile] = []
    again: list[RemoteFile] = []
    link: list[RemoteFile] = []
    for file in files:
        if file.path in skipped:
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
        left_out=tuple(file for file in files if file.path in skipped),
        kept_weights=tuple(path for path in selection.kept if weights_format(path)),
    )


def _agrees(here: CachedFile, file: RemoteFile) -> bool:
    """Tell whether a cached file has the size that the endpoint names, if it names one."""
    return here.blob is not None and file.size in {None, here.blob.size}


def refuse_collisions(files: Iterable[RemoteFile], cache: str) -> None:
    """Raise UnsafeListing for two names that would be one file on this disk."""
    from swarmcache.transfer.listing import colliding  # noqa: PLC0415 - only for what was listed

    pair = colliding(file.path for file in files)
    if pair is not None and _ignores_case(cache):
        raise UnsafeListing(
            t("{first} and {second} are one file on this disk.", first=pair[0], second=pair[1])
        )


def _ignores_case(folder: str) -> bool:
    """Tell whether a folder, or the nearest one above it that exists, ignores case."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or os.curdir
    swapped = os.path.join(os.path.dirname(folder), os.path.basename(folder).swapcase())
    try:
        return swapped != folder and os.path.samefile(folder, swapped)
    except OSError:
        return False
