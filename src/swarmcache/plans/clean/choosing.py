"""Which revisions and leftovers of a repo the user's wishes select, protected ones left out."""

from __future__ import annotations

import fnmatch
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.layout import BLOBS, REFS
from swarmcache.locale import t
from swarmcache.plans.clean.drafting import repeated, target_name
from swarmcache.plans.clean.protection import is_settled, keep
from swarmcache.plans.clean.values import Choice, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.plans.clean.known import Inventory
    from swarmcache.plans.clean.protection import Protection
    from swarmcache.plans.clean.remains import HalfRemoved
    from swarmcache.plans.clean.values import LeftoverKind, Wishes

_REPO_LEFTOVERS: frozenset[LeftoverKind] = frozenset(
    {"partial", "temporary", "orphan", "manifest", "marks"}
)


class Chosen(NamedTuple):
    """What of one repo goes, and what of it stays though it was selected."""

    choice: Choice | None
    kept: tuple[Kept, ...]


class Chooser:
    """Applies one user's wishes to repo after repo."""

    def __init__(self, wishes: Wishes, protection: Protection, now: float | None = None) -> None:
        self._wishes = wishes
        self._protection = protection
        self._now = time.time() if now is None else now

    def choose(
        self, repo: Repo, inventory: Inventory, half_removed: HalfRemoved | None = None
    ) -> Chosen:
        """Return what of a repo goes."""
        selected = self.selected(repo)
        leftovers = self._leftovers(repo)
        broken = (
            not repo.revisions
            and "broken" in self._wishes.leftovers
            and self._wishes.evictable is None
            and _all_settled(repo, inventory)
        )
        named = self.is_named(repo)
        empty = not repo.revisions and (self._all_of(repo) or broken)
        if not (selected or leftovers or empty or half_removed):
            return Chosen(None, ())
        reason = self._protection.used(repo)
        if reason is not None:
            stays = bool(selected or empty or repo.leftovers)
            held = (keep(repo, reason, busy=True, named=named),) if stays else ()
            return Chosen(None, held)
        gone, kept = self._unprotected(repo, inventory, selected, named=named)
        choice = self._choice(repo, gone, half_removed, empty=empty)
        if choice.leftovers or choice.whole:
            opened = self._protection.opened_files(inventory.files)
            opened = opened or self._protection.opened_blobs(repo, repo.blobs)
            if opened is not None:
                kept.append(keep(repo, opened, busy=True, named=named))
                choice = choice._replace(whole=False, leftovers=frozenset())
        if choice.orphans:
            opened = self._protection.opened_blobs(repo, choice.orphans)
            if opened is not None:
                kept.append(keep(repo, opened, busy=True, named=named))
                choice = choice._replace(orphans=frozenset())
        kept += self._young(repo, choice)
        if inventory.strangers and choice.whole:
            kept += [Kept(path, t("it is not of the Hub's layout")) for path in inventory.strangers]
        return Chosen(choice, tuple(kept))

    def _young(self, repo: Repo, choice: Choice) -> Iterator[Kept]:
        """Yield the leftovers that stay since whoever made them may be about to use them."""
        for leftover in repo.leftovers:
            if leftover.kind in choice.leftovers and not choice.whole:
                with suppress(OSError):
                    if not is_settled(os.lstat(leftover.path)):
                        yield Kept(leftover.path, t("it is younger than 10 minutes"), busy=True)

    def selected(self, repo: Repo) -> list[Revision]:
        """Return the revisions that the wishes select, protected or not."""
        wishes = self._wishes
        if not wishes.wants_models or self._is_spared(repo):
            return []
        if wishes.older_than is not None:
            used = self._protection.last_used(repo)
            if self._now - used < wishes.older_than:
                return []
        revisions = self._named_revisions(repo)
        if wishes.detached:
            revisions = [revision for revision in revisions if not revision.refs]
        if wishes.formats:
            revisions = [rev for rev in revisions if self._repeats(repo, rev)]
        return revisions

    def is_named(self, repo: Repo) -> bool:
        """Tell whether the user named the model."""
        return any(model.repo == repo.name for model in self._wishes.models)

    def _leftovers(self, repo: Repo) -> frozenset[LeftoverKind]:
        evictable = self._wishes.evictable
        if evictable is not None and repo.name not in evictable:
            return frozenset()
        return self._wishes.leftovers & _REPO_LEFTOVERS

    def _named_revisions(self, repo: Repo) -> list[Revision]:
        models = [model for model in self._wishes.models if model.repo == repo.name]
        if any(model.revision is None for model in models) or (not models and self._everything):
            return list(repo.revisions)
        found = [repo.revision(model.revision) for model in models if model.revision is not None]
        commits = {revision.commit for revision in found if revision is not None}
        return [revision for revision in repo.revisions if revision.commit in commits]

    @property
    def _everything(self) -> bool:
        return self._wishes.everything and not self._wishes.models

    def _all_of(self, repo: Repo) -> bool:
        """Tell whether the repo as such was asked for, not some of its revisions."""
        wishes = self._wishes
        if wishes.detached or wishes.formats or wishes.older_than is not None:
            return False
        models = [model for model in wishes.models if model.repo == repo.name]
        whole = any(model.revision is None for model in models) or self._everything
        return whole and not self._is_spared(repo)

    def _is_spared(self, repo: Repo) -> bool:
        return any(fnmatch.fnmatchcase(repo.name.id, glob) for glob in self._wishes.spared)

    def _repeats(self, repo: Repo, revision: Revision) -> bool:
        """Tell whether a revision has weights in a wished format, and would load without them."""
        gone = repeated(revision, self._wishes.formats)
        rest = revision._replace(files=tuple(f for f in revision.files if f.path not in gone))
        return bool(gone) and check_revision(repo, rest).state == "complete"

    def _unprotected(
        self, repo: Repo, inventory: Inventory, selected: Sequence[Revision], *, named: bool
    ) -> tuple[list[Revision], list[Kept]]:
        gone, kept = [], []
        for revision in selected:
            found = next(self._reasons(repo, inventory, revision), None)
            if found is None:
                gone.append(revision)
            else:
                reason, busy = found
                kept.append(keep(repo, reason, revision.commit, busy=busy, named=named))
        return gone, kept

    def _reasons(
        self, repo: Repo, inventory: Inventory, revision: Revision
    ) -> Iterator[tuple[str, bool]]:
        """Yield why a revision must stay, and whether that is for now only."""
        unreadable = [p.path for p in repo.problems if p.kind == "unreadable"]
        if unreadable:
            yield t("{path} cannot be read", path=unreadable[0]), False
        strangers = inventory.strangers_below(revision.path)
        if strangers:
            yield t("{path} in it is not the Hub's", path=strangers[0]), False
        leaves = next(self._ways_out(repo, inventory, revision), None)
        if leaves is not None:
            yield t("{path} leaves the cache, or is not the Hub's", path=leaves), False
        pinned = self._protection.pinned(repo, revision)
        if pinned is not None and not self._wishes.ignore_pins:
            yield pinned, False
        evictable = self._wishes.evictable
        if evictable is not None and revision.commit not in evictable.get(repo.name, ()):
            yield t("swarmcache did not bring it"), False
        opened = self._protection.opened(revision)
        if opened is not None:
            yield opened, True

    def _ways_out(self, repo: Repo, inventory: Inventory, revision: Revision) -> Iterator[str]:
        """Yield what a revision consists of and may not be removed as the Hub's."""
        refs = [f"{repo.path}/{REFS}/{ref}" for ref in revision.refs]
        yield from (path for path in (revision.path, *refs) if not inventory.vouches(path))
        for path, blob in revision.files:
            if blob is None:
                name = target_name(f"{revision.path}/{path}")
                if (place := f"{repo.path}/{BLOBS}/{name}") in inventory.strangers:
                    yield place

    def _choice(
        self,
        repo: Repo,
        gone: Sequence[Revision],
        half_removed: HalfRemoved | None,
        *,
        empty: bool,
    ) -> Choice:
        commits = tuple(revision.commit for revision in gone)
        twins = commits if self._wishes.formats else ()
        commits = () if self._wishes.formats else commits
        every = len(commits) == len(repo.revisions) and bool(commits)
        tidy = not repo.leftovers and not any(p.kind == "dangling-ref" for p in repo.problems)
        orphans, halfway = frozenset[str](), frozenset[str]()
        if half_removed is not None:
            orphans = half_removed.linked
            halfway = half_removed.commits
        return Choice(
            commits,
            self._wishes.formats,
            twins,
            self._leftovers(repo),
            whole=empty or (every and (self._all_of(repo) or tidy)),
            orphans=orphans,
            half_removed=halfway,
        )


def _all_settled(repo: Repo, inventory: Inventory) -> bool:
    """Tell whether nobody is about to use what is left of a repo, as far as its age tells."""
    try:
        folder = os.stat(repo.path)
    except FileNotFoundError:
        return False  # Another process has removed it just now.
    return all(is_settled(found) for found in (*inventory.files.values(), folder))
