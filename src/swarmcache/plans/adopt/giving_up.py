"""Giving up the old place once everything came over; what a killed process left of that is ended.

`<old>/.locks/.swarmcache/linking/<repo folder>` is the link that will stand where the repo stood.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.layout import BLOBS, LOCKS, SNAPSHOTS, folder_name
from swarmcache.hubcache.leftovers.flat_records import LOCK, RECORD
from swarmcache.hubcache.locks import is_downloading
from swarmcache.hubcache.publishing import make_folder
from swarmcache.hubcache.state import OWN_FOLDER, PARTIALS, REPAIR, state_folder
from swarmcache.locale import t
from swarmcache.plans.adopt.flat import is_over
from swarmcache.plans.adopt.standing import OldPlace
from swarmcache.plans.adopt.unfinished import is_over as is_brought
from swarmcache.plans.clean import Named, Wishes, plan_clean
from swarmcache.plans.clean.applying import apply_clean
from swarmcache.plans.clean.remains import FOLDER as TRASH
from swarmcache.plans.clean.values import Choice, Cleaned, Group, Kept
from swarmcache.plans.staging import drop_leftovers
from swarmcache.transfer.refusals import of_disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.adopt.values import Adopted, AdoptPlan, Old
    from swarmcache.plans.clean import CleanPlan

_LINKING = "linking"


def give_up_old(
    plan: AdoptPlan,
    adopted: Sequence[Adopted],
    environment: Environment,
    old: Old,
    *,
    needed: bool = False,
) -> Iterator[Cleaned]:
    """Remove from the old place what came over whole, and with `link` leave links to it.

    By the plan of `clean`, with all its protections: what is in use, pinned or foreign stays; with
    `needed`, also what projects need goes, as they find it by the links. Flat
    files of old transformers go when they are removed; no link would help those who read them.
    Killed at any instant, a rerun goes on, also where nothing but links and trash is left.
    """
    yield from _give_up_repos(plan, adopted, environment, old, needed=needed)
    if plan.flat and old == "remove":
        yield from _give_up_flat(plan, environment)
    yield from finish_giving_up(plan.source, environment, plan.pull.tiers)


def _give_up_repos(
    plan: AdoptPlan,
    adopted: Sequence[Adopted],
    environment: Environment,
    old: Old,
    *,
    needed: bool,
) -> Iterator[Cleaned]:
    failed = {one.model.target.name for one in adopted if one.error is not None}
    partly = {kept.what.partition("@")[0] for kept in plan.kept}
    for repo in plan.repos:
        home = folder_name(repo)
        if repo in failed or repo.spelled in partly or os.path.islink(f"{plan.source}/{home}"):
            continue
        behind = (*_behind(plan, repo), *_not_over(plan, repo))
        if not os.access(f"{plan.source}/{home}", os.W_OK | os.X_OK):
            behind = (Kept(repo.spelled, t("this user cannot write it"), named=True, failed=True),)
        if behind:
            yield Cleaned(Group(None, Choice(), (), 0), (), 0, behind)
            continue
        wishes = Wishes(models=(Named(repo, None),), ignore_pins=needed)
        found = plan_clean(plan.source, environment, wishes, tiers=plan.pull.tiers)
        if old == "link" and found.kept:
            # Half of it would be where no link can stand any more.
            told = Kept(repo.spelled, t("no link can take its place"), named=True, failed=True)
            yield Cleaned(Group(None, Choice(), (), 0), (), 0, (*found.kept, told))
            continue
        if old == "link":
            _prepare(plan.source, home, os.path.realpath(f"{plan.pull.cache}/{home}"))
        yield from _cleaned(found, environment)
        _link(plan.source, home)


def _behind(plan: AdoptPlan, repo: RepoName) -> Iterator[Kept]:
    """Yield the unfinished downloads of a repo that should have come, and did not."""
    for one in plan.unfinished:
        if one.repo == repo and one.goes_on and not is_brought(one, plan.pull.cache):
            if is_downloading(plan.source, repo):
                reason = t("a download of it is under way")
                yield Kept(repo.spelled, reason, busy=True, named=True)
            else:
                reason = t("this unfinished download did not come over")
                yield Kept(one.path, reason, named=True, failed=True)


def _not_over(plan: AdoptPlan, repo: RepoName) -> Iterator[Kept]:
    """Yield the repo where the cache itself has not all of it: what goes here is the only copy."""
    home, old = f"{plan.pull.cache}/{folder_name(repo)}", OldPlace(plan.source, repo)
    for model in plan.pull.models:
        if model.target.name == repo and model.listing is not None:
            commit = model.listing.commit
            for file in model.listing.files:
                part = f"{SNAPSHOTS}/{commit}/{file.path}" if commit else f"{BLOBS}/{file.content}"
                if not os.path.exists(f"{home}/{part}") or old.holds(f"{home}/{part}"):
                    reason = t("{path} itself does not have all of it", path=plan.pull.cache)
                    yield Kept(repo.spelled, reason, named=True, failed=True)
                    return


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


def may_give_up(source: str, environment: Environment) -> bool:
    """Tell whether this user may remove the repos of a place, or put links there."""
    state = state_folder(source, environment)
    return state.path == state.beside and os.access(source, os.W_OK | os.X_OK)


def is_half_given_up(source: str) -> bool:
    """Tell whether a killed process left links to be made in an old place, or what it removed."""
    staged = [
        one for one in entries_of(f"{_own(source)}/{PARTIALS}") if one.name.startswith(REPAIR)
    ]
    return bool(staged) or any(entries_of(f"{_own(source)}/{one}") for one in (_LINKING, TRASH))


def finish_giving_up(
    source: str, environment: Environment, tiers: Sequence[str] = ()
) -> Iterator[Cleaned]:
    """Make the links that a killed process was about to make, and delete what it removed.

    Links of the old place may lead into `tiers`.
    """
    for entry in entries_of(f"{_own(source)}/{_LINKING}"):
        _link(source, entry.name)
    with suppress(OSError):
        os.rmdir(f"{_own(source)}/{_LINKING}")
    if entries_of(f"{_own(source)}/{TRASH}"):
        wishes = Wishes(leftovers=frozenset({"trash"}))
        yield from apply_clean(plan_clean(source, environment, wishes, tiers=tiers), environment)
    drop_leftovers(source, environment)


def _prepare(source: str, home: str, target: str) -> None:
    """Have the link ready before the repo goes, so that a rerun knows of it, and none goes without.

    Raises AccessDenied where there can be no links, DiskFull.
    """
    folder = f"{_own(source)}/{_LINKING}"
    place = f"{folder}/{home}"
    try:
        make_folder(folder)
        with suppress(FileNotFoundError):
            os.unlink(place)
        os.symlink(target, place)
    except OSError as error:
        named = OSError(error.errno, error.strerror, place)  # The system names the target.
        raise of_disk(named) or named from error


def _link(source: str, home: str) -> None:
    """Put a link that is ready into its place; it goes where something stays there."""
    ready, place = f"{_own(source)}/{_LINKING}/{home}", f"{source}/{home}"
    with suppress(FileNotFoundError):
        if os.path.lexists(place) or not os.path.isdir(ready):
            os.unlink(ready)
        else:
            os.rename(ready, place)


def _own(source: str) -> str:
    """Return our state beside the old place; whoever may not write there gives nothing up."""
    return f"{source}/{LOCKS}/{OWN_FOLDER}"
