"""Carrying an adopt out: as a pull without a Hub; then, if wished, the old place is given up."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.leftovers.flat_records import LOCK, RECORD
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.publishing import publish
from swarmcache.hubcache.registry import remember
from swarmcache.hubcache.state import is_download, state_folder
from swarmcache.hubcache.use.evictable import note_fetched
from swarmcache.hubcache.use.owners import made_ours
from swarmcache.plans.adopt.flat import bring_blobs, is_over
from swarmcache.plans.adopt.values import Adopted
from swarmcache.plans.clean import Named, Wishes, plan_clean
from swarmcache.plans.clean.applying import apply_clean
from swarmcache.plans.clean.values import Choice, Cleaned, Group, title
from swarmcache.plans.pull.bringing import brought
from swarmcache.plans.pull.values import not_enough_room, total_bytes
from swarmcache.plans.staging import staging
from swarmcache.progress import Silent
from swarmcache.transfer.hub import Hub
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.adopt.values import AdoptPlan, Old
    from swarmcache.plans.clean import CleanPlan
    from swarmcache.plans.pull import PlannedPull
    from swarmcache.progress import Progress


def apply_adopt(
    plan: AdoptPlan, environment: Environment, progress: Progress | None = None
) -> Iterator[Adopted]:
    """Bring each revision, and yield how it came out; the other cache is only read.

    Bytes that nobody has hashed are hashed first. Killed at any instant, both caches are legal, and
    a rerun goes on. Raises DiskFull before anything is written when it does not fit.
    """
    if not plan.pull.fits:
        raise not_enough_room(plan.pull)
    with Hub((), environment) as hub:
        for model in plan.pull.models:
            yield _adopted(plan, model, hub, progress or Silent())
    _move_partials(plan, environment)
    if os.path.isdir(plan.pull.cache):
        remember(plan.pull.cache, environment)


def give_up_old(
    plan: AdoptPlan, adopted: Sequence[Adopted], environment: Environment, old: Old
) -> Iterator[Cleaned]:
    """Remove from the old place what came over whole, and with `link` leave links to it.

    By the plan of `clean`, with all its protections: what is in use, pinned or foreign stays. Flat
    files of old transformers go when they are removed; no link would help those who read them.
    """
    yield from _give_up_repos(plan, adopted, environment, old)
    if plan.flat and old == "remove":
        yield from _give_up_flat(plan, environment)


def _give_up_repos(
    plan: AdoptPlan, adopted: Sequence[Adopted], environment: Environment, old: Old
) -> Iterator[Cleaned]:
    failed = {one.model.target.name for one in adopted if one.error is not None}
    partly = {kept.what.partition("@")[0] for kept in plan.kept}
    for repo in plan.repos:
        here = f"{plan.source}/{folder_name(repo)}"
        if repo in failed or title(repo) in partly:
            continue
        wishes = Wishes(models=(Named(repo, None),))
        yield from _cleaned(plan_clean(plan.source, environment, wishes), environment)
        if old == "link" and not os.path.lexists(here):
            os.symlink(os.path.realpath(f"{plan.pull.cache}/{folder_name(repo)}"), here)


def _give_up_flat(plan: AdoptPlan, environment: Environment) -> Iterator[Cleaned]:
    """Remove the flat files whose content is a blob now, with what lies beside them."""
    over = {file.location for file in plan.flat if is_over(file, plan.pull.cache)}
    found = plan_clean(plan.source, environment, Wishes(leftovers=frozenset({"legacy"})))
    groups = [
        group._replace(steps=tuple(step for step in group.steps if _content(step.path) in over))
        for group in found.groups
        if group.repo is None
    ]
    groups = [group for group in groups if group.steps]
    yield from _cleaned(found._replace(groups=tuple(groups)), environment)


def _content(path: str) -> str:
    """Return the content that a flat file is, or lies beside."""
    return path.removesuffix(RECORD).removesuffix(LOCK)


def _cleaned(plan: CleanPlan, environment: Environment) -> Iterator[Cleaned]:
    """Carry a clean out, and tell what stays of it."""
    yield from apply_clean(plan, environment)
    if plan.kept:
        yield Cleaned(Group(None, Choice(), (), 0), (), 0, plan.kept)


def _adopted(plan: AdoptPlan, model: PlannedPull, hub: Hub, progress: Progress) -> Adopted:
    cache, repo = plan.pull.cache, model.target.name
    commit = model.listing.commit if model.listing is not None else ""
    try:
        if commit:
            fetched = brought(model, plan.pull, hub, progress)
            _copy_manifest(plan, repo, commit, hub.environment)
        else:
            fetched = bring_blobs(model, cache, hub, progress)
    except (SwarmcacheError, OSError) as error:
        return Adopted(model, 0, 0, refusal(error, plan.source, model.target))
    if commit:
        note_fetched(cache, hub.environment, repo, commit)
    linked = total_bytes(model.link) + sum(one.linked for one in fetched)
    return Adopted(model, linked, sum(one.copied for one in fetched))


def _copy_manifest(plan: AdoptPlan, repo: RepoName, commit: str, environment: Environment) -> None:
    """Bring the list of a commit's files, where this cache has none."""
    theirs, ours = (f"{root}/{folder_name(repo)}" for root in (plan.source, plan.pull.cache))
    if read_manifest(theirs, commit) is None or read_manifest(ours, commit) is not None:
        return
    with staging(plan.pull.cache, environment) as place:
        publish(place.copied(manifest_path(theirs, commit)), manifest_path(ours, commit))


def _move_partials(plan: AdoptPlan, environment: Environment) -> None:
    """Take over downloads of the other cache that nobody works on; never raises."""
    theirs = state_folder(plan.source, environment).partials
    with suppress(OSError, SwarmcacheError):
        ours = partials_folder(plan.pull.cache, environment)
        for name in os.listdir(theirs):
            if not is_download(name) or os.path.lexists(f"{ours}/{name}"):
                continue
            if made_ours(f"{theirs}/{name}"):
                os.rename(f"{theirs}/{name}", f"{ours}/{name}")
