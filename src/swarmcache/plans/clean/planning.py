"""Planning a `clean`: nothing on disk is changed, no lock is taken."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import folder_name, is_short_commit
from swarmcache.hubcache.mounts import from_elsewhere, mounted_in, mounts_below
from swarmcache.hubcache.scan import list_cache, read_repo
from swarmcache.hubcache.state import state_folder
from swarmcache.locale import listed, t
from swarmcache.plans.clean.beside import beside
from swarmcache.plans.clean.choosing import Chooser
from swarmcache.plans.clean.counting import Counter
from swarmcache.plans.clean.drafting import drafts, fingerprint
from swarmcache.plans.clean.harm import pick_least_harm
from swarmcache.plans.clean.holders import Holders
from swarmcache.plans.clean.known import look
from swarmcache.plans.clean.protection import Protection, rooted
from swarmcache.plans.clean.remains import FOLDER, half_removed
from swarmcache.plans.clean.values import Choice, CleanPlan, Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.extents import Piece
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.beside import Beside
    from swarmcache.plans.clean.protection import Pin
    from swarmcache.plans.clean.values import LeftoverKind, Named, Seen, Wishes


def plan_clean(  # noqa: PLR0913 - one keyword for each thing a caller may know
    cache: str,
    environment: Environment,
    wishes: Wishes,
    *,
    pins: Iterable[Pin] = (),
    tiers: Sequence[str] = (),
    python: str | None = None,
) -> CleanPlan:
    """Return what a clean of the cache folder will do by these wishes.

    `pins` are what the project one stands in, and the settings, need; the projects registered in
    the cache are added. A plan for named models looks at no others. `python` is the interpreter
    whose libraries count, if it is not the environment's. Raises CacheNotFound for no
    such folder, AccessDenied where nobody can tell what is needed.
    """
    return Planner(cache, environment, wishes, pins, tiers, python).plan()


class Planner:
    """Plans for one cache."""

    def __init__(  # noqa: PLR0913, PLR0917 - as `plan_clean`
        self,
        cache: str,
        environment: Environment,
        wishes: Wishes,
        pins: Iterable[Pin],
        tiers: Sequence[str],
        python: str | None = None,
    ) -> None:
        self.listing = list_cache(cache)
        self.cache = os.path.realpath(cache)
        self.mounts = mounts_below(self.cache)
        self.tiers = tiers
        self.environment = environment
        self.holders = Holders(self.cache, environment, tiers)
        self.python = python
        trash = f"{state_folder(self.cache, environment).beside}/{FOLDER}"
        self.half_removed = half_removed(trash, self.cache)
        every = [] if wishes.ignore_pins else [*pins, *rooted(self.cache, environment)]
        named = {model.repo for model in wishes.models}
        self.protection = Protection(self.cache, environment, every, named)
        self._seen: dict[RepoName, Seen | None] | None = None
        self.wish(wishes)

    def wish(self, wishes: Wishes) -> None:
        """Plan for other wishes from now on; pins, and the models that are named, stay."""
        self.wishes = wishes
        self.kept: list[Kept] = []
        self.chooser = Chooser(wishes, self.protection)

    def remember(self) -> None:
        """Look at each repo only once from now on, for several plans of one moment."""
        self._seen = {}

    def plan(self) -> CleanPlan:
        """Return the plan."""
        chosen: Iterable[tuple[Seen, Choice]] = self._chosen()
        around, short = self.around(self.wishes.leftovers), 0
        spared: Mapping[Piece, int] = {}
        if self.wishes.limited:
            picked = pick_least_harm(self)
            self.kept += picked.kept
            chosen, around, short = picked.chosen, picked.around, picked.short
            spared = picked.spared if short else {}
        self.kept += around.kept
        counter, groups = Counter(self.cache, self.holders), []
        first = counter.group(None, Choice(), around.drafts, 0)
        if first.steps:
            groups.append(first)
        for seen, choice in chosen:
            found = drafts(seen.repo, seen.inventory, choice)
            mark = fingerprint(seen.repo, seen.inventory)
            named = self.chooser.is_named(seen.repo)
            group = counter.group(seen.repo.name, choice, found, mark, named=named)
            if group.steps:
                groups.append(group)
        groups += counter.payloads()
        files = self.protection.files if groups else None
        return CleanPlan(
            self.cache,
            tuple(groups),
            (*self.kept, *self._unclear()),
            files.uninspected if files is not None else 0,
            files.visible if files is not None else True,
            short,
            sum({**counter.touched, **spared}.values()) - sum(counter.gone.values()),
            tuple(self._absent()),
            tuple(self.tiers),
        )

    def _chosen(self) -> Iterator[tuple[Seen, Choice]]:
        for name in self.names():
            seen = self.look(name)
            if seen is None:
                continue
            chosen = self.chooser.choose(seen.repo, seen.inventory, self.half_removed.get(name))
            self.kept += chosen.kept
            if chosen.choice is not None:
                yield seen, chosen.choice

    def names(self) -> list[RepoName]:
        """Return the repos that the wishes may concern."""
        wishes = self.wishes
        if wishes.everything or wishes.leftovers or wishes.limited:
            return list(self.listing.names)
        named = {model.repo for model in wishes.models} | self.half_removed.keys()
        return [name for name in self.listing.names if name in named]

    def look(self, name: RepoName) -> Seen | None:
        """Return a repo with its inventory; None for one that is not there, or leaves the cache."""
        if self._seen is None:
            return self._look(name)
        if name not in self._seen:
            self._seen[name] = self._look(name)
        return self._seen[name]

    def _look(self, name: RepoName) -> Seen | None:
        if name in self.listing.linked:
            self._stays(name, t("its folder is a link, which may leave the cache"))
            return None
        folder = f"{self.cache}/{folder_name(name)}"
        point = mounted_in(folder, self.mounts) if self.mounts else None
        if point is not None:
            self._stays(name, from_elsewhere(point))
            return None
        try:
            return look(self.cache, name, self.tiers)
        except FileNotFoundError:
            if os.path.isdir(folder):  # Else all of it is gone, as other cleans leave it.
                self._stays(name, t("another process is removing some of it"), busy=True)
            return None

    def _stays(self, name: RepoName, reason: str, *, busy: bool = False) -> None:
        named = any(model.repo == name for model in self.wishes.models)
        self.kept.append(Kept(name.spelled, reason, busy, named))

    def around(self, kinds: frozenset[LeftoverKind]) -> Beside:
        """Return what of these kinds of leftovers lies beside the repos; trash always."""
        return beside(self.cache, self.environment, kinds, self.protection, python=self.python)

    def _absent(self) -> Iterator[Named]:
        """Yield what was named and is not cached."""
        for model in self.wishes.models:
            if model.repo not in self.listing.names:
                yield model
            elif model.revision is not None and model.repo not in self.listing.linked:
                repo = read_repo(self.cache, model.repo, self.tiers)
                if repo is None or repo.begun_by(model.revision):
                    continue
                if repo.revision(model.revision) is None:
                    yield model

    def _unclear(self) -> Iterator[Kept]:
        """Yield what was named by the beginning of a commit, and more than one begins so."""
        for repo, short in self.wishes.models:
            if short is None or not is_short_commit(short):
                continue
            found = read_repo(self.cache, repo, self.tiers)
            several = found.begun_by(short) if found is not None else []
            if len(several) > 1:
                others = listed(revision.commit for revision in several)
                reason = t("several commits begin so: {others}", others=others)
                yield Kept(f"{repo.spelled}@{short}", reason, named=True)
