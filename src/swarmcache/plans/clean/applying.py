"""Carrying a clean out: under all locks that matter, after one more look, by renames into trash."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.errors import FULL, AccessDenied, CacheBusy, os_sentence
from swarmcache.hubcache.layout import REPO_ENTRIES, folder_name
from swarmcache.hubcache.locks import PATIENCE
from swarmcache.hubcache.mounts import from_elsewhere
from swarmcache.hubcache.payloads import USERS
from swarmcache.hubcache.publishing import sync_folders
from swarmcache.hubcache.scan import read_repo
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use.evictable import forget_fetched
from swarmcache.hubcache.use.last_use import forget_uses
from swarmcache.hubcache.use.leases import sweep_leases
from swarmcache.hubcache.use.owners import is_half_made, made_ours
from swarmcache.hubcache.use.roots import expire_roots
from swarmcache.locale import t
from swarmcache.plans.clean.cramped import CrampedTrash
from swarmcache.plans.clean.drafting import drafts, fingerprint
from swarmcache.plans.clean.holders import Holders
from swarmcache.plans.clean.homes import remove_chunk_cache, remove_flat_file
from swarmcache.plans.clean.known import look, take_inventory
from swarmcache.plans.clean.locking import lock_all, new_downloads
from swarmcache.plans.clean.protection import Protection, is_settled
from swarmcache.plans.clean.remains import FOLDER
from swarmcache.plans.clean.rights import refuse_closed
from swarmcache.plans.clean.trash import Trash
from swarmcache.plans.clean.values import Cleaned, Kept
from swarmcache.plans.staging import staging

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo
    from swarmcache.plans.clean.locking import Locks
    from swarmcache.plans.clean.values import CleanPlan, Group
    from swarmcache.plans.plan import Remove


def apply_clean(
    plan: CleanPlan, environment: Environment, *, seconds: float = PATIENCE
) -> Generator[Cleaned, None, None]:
    """Carry the plan out, and yield how each group came out, in the plan's order.

    Killed at any instant it leaves a legal cache, and the next clean deletes what is in the trash.
    What changed since the plan was made, or is in use by now, stays. A group that a full disk
    stopped is tried again once others freed something, else by renames alone, and is yielded after
    them. Raises AccessDenied for a cache that this user cannot write, CacheBusy when another
    process changes it for `seconds`.
    """
    groups, is_cramped = plan.groups, False
    while True:
        waiting: list[Cleaned] = []
        freed_bytes = 0
        with staging(plan.cache, environment, seconds=seconds, cramped=True) as place:
            sweep_leases(plan.cache, environment)
            expire_roots(plan.cache, environment)
            trash = _trash(plan, environment, is_cramped=is_cramped or place.is_cramped)
            cleaner = _Cleaner(plan, environment, trash)
            for group in groups:
                one = cleaner.clean(group)
                freed_bytes += one.freed_bytes
                if cleaner.found_full and not one.done:
                    waiting.append(one)
                else:
                    yield one
        if not waiting or (isinstance(trash, CrampedTrash) and not freed_bytes):
            break
        groups, is_cramped = tuple(one.group for one in waiting), not freed_bytes
    yield from waiting


def _trash(plan: CleanPlan, environment: Environment, *, is_cramped: bool) -> Trash:
    """Return the trash, or what stands in for it where not even its folder can be made."""
    state = state_folder(plan.cache, environment)
    holders = Holders(plan.cache, environment, plan.tiers)
    if not is_cramped:
        try:
            return Trash(state.folder(FOLDER), plan.cache, holders, plan.tiers)
        except OSError as error:
            if error.errno not in FULL:
                raise
    return CrampedTrash(f"{state.path}/{FOLDER}", plan.cache, holders, plan.tiers)


class _Cleaner:
    """Applies the groups of one plan."""

    def __init__(self, plan: CleanPlan, environment: Environment, trash: Trash) -> None:
        self._plan = plan
        self._cache = plan.cache
        self._trash = trash
        self._environment = environment
        named = {group.repo for group in plan.groups if group.named and group.repo is not None}
        self._protection = Protection(plan.cache, environment, (), named)
        self.found_full = False
        """Whether the disk was too full for something of the last group."""

    def clean(self, group: Group) -> Cleaned:
        """Return how a group came out."""
        before = self._trash.freed_bytes
        self.found_full = False
        done: list[Remove] = []
        try:
            kept = self._beside(group, done) if group.repo is None else self._repo(group, done)
        except CacheBusy as error:
            kept = [self._stays(group, error.message, busy=True)]
        except AccessDenied as error:
            kept = [self._stays(group, error.message, failed=True)]
        except OSError as error:
            kept = [self._stays(group, self._sentence(error), failed=True)]
        return Cleaned(group, tuple(done), self._trash.freed_bytes - before, tuple(kept))

    def _stays(
        self, group: Group, reason: str, *, busy: bool = False, failed: bool = False
    ) -> Kept:
        what = group.repo.spelled if group.repo is not None else group.steps[0].path
        return Kept(what, reason, busy, group.named, failed)

    def _sentence(self, error: OSError) -> str:
        self.found_full |= error.errno in FULL
        return os_sentence(error)

    def _repo(self, group: Group, done: list[Remove]) -> list[Kept]:
        """Remove what goes of a repo, under the locks of its blobs."""
        name = group.repo
        assert name is not None  # noqa: S101 - told apart by the caller
        repo = read_repo(self._cache, name, self._plan.tiers)
        if repo is None:
            return []  # Somebody else removed it.
        with contextlib.ExitStack() as locks:
            held = lock_all(self._cache, repo, locks)
            reason = self._changed(group)
            if reason is not None:
                return [self._stays(group, reason)]
            for step in group.steps:
                refuse_closed(step.path)
            reason = self._used(repo, group)
            if reason is not None:
                return [self._stays(group, reason, busy=True)]
            kept: list[Kept] = []
            try:
                for number, steps in enumerate(self._trash.batches(group.steps)):
                    if kept and number == 1:
                        break  # What names the contents is back.
                    kept += self._taken(repo, steps, done, held)
            finally:
                sync_folders([repo.path, self._cache])
                kept += self._trash.empty()
                self._drop_hollow(repo, held)
            if not os.path.lexists(repo.path):
                forget_uses(self._cache, self._environment, [name])
                forget_fetched(self._cache, self._environment, name)
            else:
                gone = [step.commit for step in done if step.kind == "revision" and step.commit]
                forget_fetched(self._cache, self._environment, name, gone)
            return kept

    def _taken(
        self, repo: Repo, steps: Sequence[Remove], done: list[Remove], held: Locks
    ) -> list[Kept]:
        """Take a batch into the trash and look it through; return what is back, and why."""
        home = folder_name(repo.name)
        taken: list[Remove] = []
        try:
            for step in steps:
                self._trash.take(step.path, home)
                taken.append(step)
        except OSError as error:
            if error.errno in FULL:
                self._put_back(taken, home)
            raise
        finally:
            kept = self._looked_through(repo, taken, held)
            done += taken
        self._trash.settle([step.path for step in taken])
        return kept

    def _changed(self, group: Group) -> str | None:
        """Return why a repo is not what it was when the plan was made, or None."""
        reason = t("it changed since the plan was made")
        assert group.repo is not None  # noqa: S101 - told apart by the caller
        seen = look(self._cache, group.repo, self._plan.tiers)
        if seen is None or fingerprint(*seen) != group.seen:
            return reason
        again = [(one.kind, one.path) for one in drafts(*seen, group.choice)]
        return None if again == [(step.kind, step.path) for step in group.steps] else reason

    def _used(self, repo: Repo, group: Group) -> str | None:
        """Return who uses what is to go, as of now, or None; our own locks do not count."""
        self._protection.refresh()
        reason = self._protection.used(repo, locked=True)
        if reason is not None:
            return reason
        inventory = take_inventory(repo.path, self._cache, self._plan.tiers)
        for step in group.steps:
            files = dict(inventory.below(step.path))
            reason = self._protection.opened_files(files)
            if reason is not None:
                return reason
        gone = {step.commit for step in group.steps if step.kind in {"revision", "file"}}
        whole = any(step.kind == "repo" for step in group.steps)
        blobs = repo.blobs if whole else [os.path.basename(step.path) for step in group.steps]
        reason = self._protection.opened_blobs(repo, blobs)
        if reason is not None:
            return reason
        for revision in repo.revisions:
            if whole or revision.commit in gone:
                reason = self._protection.opened(revision)
                if reason is not None:
                    return reason
        return None

    def _looked_through(self, repo: Repo, done: list[Remove], held: Locks) -> list[Kept]:
        """Put back what should not have gone after all: something came in at the last instant.

        A stranger in what was renamed; a download, whose lock is older than all that it wrote; or
        a blob that a client has just linked: it found the blob there, and takes no lock for that
        (huggingface_hub 0.36 to 2.4.0, `hf_hub_download`).
        """
        home = folder_name(repo.name)
        strangers = self._trash.strangers(home)
        kept = [Kept(path, t("it is not of the Hub's layout")) for path in strangers]
        point = self._trash.mounted(home)
        if point is not None:
            kept.append(Kept(repo.name.spelled, from_elsewhere(point)))
        if new_downloads(self._cache, repo, held):
            kept.append(Kept(repo.name.spelled, t("a download of it is under way"), busy=True))
        if kept:
            self._put_back(done, home)
            return kept
        blobs = [step for step in done if step.kind in {"blob", "orphan"}]
        if blobs:
            linked = _broken_links(self._cache, repo.name, self._plan.tiers)
            for step in blobs:
                if os.path.basename(step.path) in linked and self._trash.put_back(step.path, home):
                    done.remove(step)
                    kept.append(Kept(step.path, t("it changed since the plan was made"), busy=True))
        return kept

    def _drop_hollow(self, repo: Repo, held: Locks) -> None:
        """Remove the folders of a repo of which nothing is left, unless a download begins there."""
        home = folder_name(repo.name)
        if _is_hollow(repo.path):
            self._trash.take(repo.path, home)
            if new_downloads(self._cache, repo, held):
                self._trash.put_back(repo.path, home)
            self._trash.empty()

    def _put_back(self, done: list[Remove], home: str) -> None:
        """Put everything back where it stood, the last first."""
        for step in reversed(list(done)):
            if self._trash.put_back(step.path, home):
                done.remove(step)

    def _beside(self, group: Group, done: list[Remove]) -> list[Kept]:
        """Remove what lies beside the repos; what fails or is used stops nothing else."""
        kept: list[Kept] = []
        for step in group.steps:
            if step.kind == "trash":
                kept += self._trash.empty()
                done.append(step)
            elif not os.path.lexists(step.path):
                done.append(step)  # A payload goes with the last blob that links to it.
            else:
                try:
                    reason, failed = self._taken_beside(step), False
                except OSError as error:
                    reason, failed = self._sentence(error), True
                if reason is None:
                    done.append(step)
                else:
                    kept.append(Kept(step.path, reason, busy=not failed, failed=failed))
        return kept + self._trash.empty()

    def _taken_beside(self, step: Remove) -> str | None:
        """Remove one thing after a look of its own, or return why it stays."""
        path, trash = step.path, self._trash
        if step.kind == "payload":
            opened = self._protection.opened_files({path: os.lstat(path)})
            if opened is not None:
                return opened
            busy = trash.free_payloads([path.removesuffix(USERS)], unlisted=True)
            return t("another process holds its lock") if busy else None
        if step.kind == "locks":
            return None if trash.take_lock(path) else t("its owner may live")
        if step.kind == "xet":
            return remove_chunk_cache(path, self._protection, trash.unlink)
        if step.kind == "legacy":
            return remove_flat_file(path, self._protection, trash.unlink)
        if step.kind == "partial" and not (made_ours(path) or is_half_made(path)):
            reason: str | None = t("a download of it is under way")
        elif step.kind == "temporary" and not is_settled(os.lstat(path)):
            reason = t("it changed since the plan was made")
        else:
            reason = self._protection.opened_files({path: os.lstat(path)})
        if reason is None:
            trash.take(path, step.kind)
        return reason


def _broken_links(cache: str, name: RepoName, tiers: tuple[str, ...]) -> set[str]:
    """Return the names of the blobs that snapshots link and that are not there."""
    repo = read_repo(cache, name, tiers)
    found = set()
    for revision in repo.revisions if repo is not None else ():
        for path, blob in revision.files:
            if blob is None:
                with contextlib.suppress(OSError):
                    found.add(os.path.basename(os.readlink(f"{revision.path}/{path}")))
    return found


def _is_hollow(folder: str) -> bool:
    """Tell whether nothing but empty folders of the layout is left of a repo."""
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
        return REPO_ENTRIES.issuperset(names) and all(_is_empty(f"{folder}/{n}") for n in names)
    return False


def _is_empty(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return all(e.is_dir(follow_symlinks=False) and _is_empty(e.path) for e in entries)
