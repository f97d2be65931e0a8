"""Carrying a dedupe out: one copy proven right, the others replaced by it, each by one rename."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, CacheBusy, os_sentence
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.linking import link_content
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.publishing import replace
from swarmcache.hubcache.state import state_folder
from swarmcache.locale import t
from swarmcache.plans.dedupe.beside import share_twins
from swarmcache.plans.dedupe.proving import Prover
from swarmcache.plans.dedupe.values import Left, Shared
from swarmcache.plans.staging import has_leftovers, staging
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.linking import Way
    from swarmcache.plans.dedupe.values import Copy, DedupePlan, Group
    from swarmcache.plans.staging import Staging
    from swarmcache.progress import Progress


def apply_dedupe(
    plan: DedupePlan, environment: Environment, progress: Progress | None = None
) -> Iterator[Shared | Left]:
    """Carry the plan out, and yield how each file came out.

    Killed at any instant, or after a power cut, each blob is the old or the new file with the same
    content, so that no folder need be synced. A copy whose bytes are wrong is replaced and never
    kept; what changed since the plan was made stays.
    """
    states = {cache: state_folder(cache, environment) for cache in plan.caches}
    ledgers = {cache: Ledger(state) for cache, state in states.items()}
    prover = Prover(states, ledgers)
    yield from prover.prove(plan.groups, progress or Silent())
    for cache in plan.caches:
        work = [(group, copy) for group in plan.groups for copy in _others(group, cache, prover)]
        if not (work or has_leftovers(cache, environment)):
            continue
        try:
            with staging(cache, environment) as place:
                for group, copy in work:
                    yield _shared(group, copy, prover.kept[group.key], place, ledgers)
        except (CacheBusy, AccessDenied) as error:
            yield Left(cache, error.message, isinstance(error, CacheBusy), failed=True)
        finally:
            for ledger in ledgers.values():
                ledger.flush()
    yield from share_twins(plan.twins)


def _others(group: Group, cache: str, prover: Prover) -> Iterator[Copy]:
    """Yield the names in one cache that are to lead to the copy that is kept."""
    keeper = prover.kept.get(group.key)
    if keeper is not None:
        for copy in group.copies:
            same = copy.found.inode in group.same_as(keeper)
            if copy.cache == cache and not same and not copy.is_link:
                yield copy


def _shared(
    group: Group, copy: Copy, keeper: Copy, place: Staging, ledgers: Mapping[str, Ledger]
) -> Shared | Left:
    """Let one name lead to the content that is kept, under the Hub's lock."""
    staged = place.new_name()
    try:
        with blob_lock(copy.cache, copy.repo, group.etag, 0):
            way = _linked(copy, keeper, staged)
            if isinstance(way, Left):
                return way
            before = os.stat(copy.path)
            replace(staged, copy.path)
    except FileNotFoundError:
        return _changed(copy)
    except CacheBusy:
        return Left(copy.path, t("another process holds its lock"), busy=True)
    except AccessDenied as error:
        return Left(copy.path, error.message, failed=True)
    except OSError as error:
        return Left(copy.path, os_sentence(error), failed=True)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(staged)
    now = fingerprint_of(copy.path)
    ledgers[copy.cache].record(group.algorithm, now, group.etag, [group.etag])
    if way == "hardlink":
        ledgers[keeper.cache].relinked(group.algorithm, now)
    freed = before.st_blocks * 512 if way == "reflink" or before.st_nlink == 1 else 0
    return Shared(copy.path, keeper.path, way, freed)


def _linked(copy: Copy, keeper: Copy, staged: str) -> Way | Left:
    """Make the second name of the content ready, unless something speaks against it."""
    if not (_is_as_planned(copy) and _is_as_planned(keeper)):
        return _changed(copy)
    way = link_content(keeper.path, staged)
    if way is None:
        return Left(copy.path, t("this file system can neither link nor share it"))
    if way == "reflink":
        _dress(staged, copy)
    elif copy.mode & 0o044 & ~keeper.mode:
        return Left(copy.path, t("more users may read it than its copy {path}", path=keeper.path))
    return way


def _changed(copy: Copy) -> Left:
    return Left(copy.path, t("it changed since the plan was made"), busy=True)


def _is_as_planned(copy: Copy) -> bool:
    return copy.found.still(fingerprint_of(copy.path))


def _dress(staged: str, copy: Copy) -> None:
    """Give a reflink the owner, the mode and the times of the file that it replaces."""
    found = os.stat(copy.path)
    with contextlib.suppress(OSError):  # Only root gives files away.
        os.chown(staged, found.st_uid, found.st_gid)
    os.chmod(staged, copy.mode)
    os.utime(staged, ns=(found.st_atime_ns, found.st_mtime_ns))
