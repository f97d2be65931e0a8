"""Planning a `dedupe`: blobs are compared by the hash in their name; none is opened.

Only names and sizes are looked at here. That the bytes are right is proven of the one that is kept,
before anything is replaced by it.
"""

from __future__ import annotations

import os
from stat import S_IMODE, S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.extents import share_extents
from swarmcache.hubcache.folder import entries_of, stays_inside
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.intact.fingerprint import Fingerprint
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.layers import is_layered
from swarmcache.hubcache.layout import BLOBS, folder_name
from swarmcache.hubcache.linking import disk_of, may_link, may_reflink
from swarmcache.hubcache.payloads import payload_of
from swarmcache.hubcache.scan import list_cache
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.visitors import shared_group
from swarmcache.plans.dedupe.places import is_cache, once_each
from swarmcache.plans.dedupe.twins import Blobs, twins
from swarmcache.plans.dedupe.values import LEAST, Copy, DedupePlan, Group, Key
from swarmcache.plans.plan import ShareContent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.state import State
    from swarmcache.plans.dedupe.values import Node, Twin


def plan_dedupe(
    caches: Sequence[str], environment: Environment, tiers: Sequence[str] = ()
) -> DedupePlan:
    """Return what a dedupe within and across these cache folders will do; changes nothing.

    Links may lead into `tiers`, too, and what they lead to counts.

    A folder that is no cache, as `save_pretrained` makes it, may be among them: it only shares.
    Raises CacheNotFound for no such folder.
    """
    folders = once_each(caches)
    plain = [one for one in folders if not is_cache(one)]
    real = [one for one in folders if one not in plain]
    found: dict[Key, list[Copy]] = {}
    inodes: dict[tuple[int, int], int] = {}
    logical = layered = 0
    states = {cache: state_folder(cache, environment) for cache in real}
    for cache, state in states.items():
        for key, copy in _copies(cache, state, tiers):
            if is_layered(copy.path):
                layered += copy.physical
            else:
                found.setdefault(key, []).append(copy)
            inodes[copy.node] = copy.physical
            logical += key.size
    ledgers = {cache: Ledger(state) for cache, state in states.items()}
    groups: list[Group] = []
    steps: list[ShareContent] = []
    shared = 0
    fixed: dict[str, int] = {}
    for key, copies in sorted(found.items(), key=lambda one: (-one[0].size, one[0])):
        algorithm = algorithm_of(key.etag)
        if algorithm is None or len({copy.node for copy in copies}) == 1:
            continue
        if key.size < LEAST and may_reflink(os.path.dirname(copies[0].path)):
            continue
        copies[:] = map(_with_payload, copies)
        copies.sort(key=lambda copy: _rank(copy, key.etag, algorithm, ledgers[copy.cache]))
        already = list(_already(copies))
        kept = frozenset(copy.node for copy in already)
        for copy in _fixed(copies, kept):
            fixed[copy.cache] = fixed.get(copy.cache, 0) + copy.physical
        movable = [copy for copy in copies[1:] if not copy.fixed]
        group = Group(key.etag, algorithm, key.size, (copies[0], *movable), kept)
        planned = list(_steps(group))
        shared += sum(copy.physical for copy in already)
        if planned:
            groups.append(group)
            steps += planned
    twin_files = tuple(_twins(real, plain, environment, Blobs(found)))
    logical += sum(one.size for one in twin_files)
    physical = sum(inodes.values()) - shared + sum(one.physical for one in twin_files)
    return DedupePlan(
        tuple(real), tuple(groups), tuple(steps), logical, physical, twin_files, layered, fixed
    )


def _twins(
    caches: Sequence[str], folders: Sequence[str], environment: Environment, blobs: Blobs
) -> Iterator[Twin]:
    for cache in caches:
        yield from twins(cache, (), environment, blobs)
    yield from twins("", folders, environment, blobs)


def _copies(cache: str, state: State, tiers: Sequence[str]) -> Iterator[tuple[Key, Copy]]:
    """Yield each blob of a cache that is named by its hash, as far as it can be read."""
    listing = list_cache(cache)
    for repo in listing.names:
        if repo in listing.linked:
            continue
        blobs = f"{cache}/{folder_name(repo)}/{BLOBS}"
        fixed = not (state.is_beside and _may_change(blobs))
        for entry in entries_of(blobs):
            if algorithm_of(entry.name) is None:
                continue
            copy = _copy(cache, repo, entry, tiers, fixed=fixed)
            if copy is not None:
                yield copy


def _may_change(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _copy(
    cache: str, repo: RepoName, entry: os.DirEntry[str], tiers: Sequence[str], *, fixed: bool
) -> tuple[Key, Copy] | None:
    try:
        if entry.is_symlink() and not stays_inside(os.path.realpath(entry.path), cache, tiers):
            return None
        status = os.stat(entry.path)
    except OSError:
        return None
    if not S_ISREG(status.st_mode) or not status.st_size:
        return None
    found = Fingerprint.of(status)
    physical, mode = status.st_blocks * 512, S_IMODE(status.st_mode)
    copy = Copy(entry.path, cache, repo, found, physical, mode, entry.path, fixed)
    copy = copy._replace(device=status.st_dev)
    return Key(disk_of(entry.path, status.st_dev), entry.name, status.st_size), copy


def _with_payload(copy: Copy) -> Copy:
    """Return a copy that knows what it links; asked of what is stored twice, and of no more."""
    if not os.path.islink(copy.path):
        return copy
    file = payload_of(copy.cache, copy.path)
    fixed = copy.fixed or not _may_change(os.path.dirname(file or copy.path))
    return copy._replace(file=file, fixed=fixed)


def _rank(copy: Copy, etag: str, algorithm: Algorithm, ledger: Ledger) -> tuple[object, ...]:
    """Return what sorts the copy to keep first, and a wrong one last.

    1. One that cannot be replaced, if it can be linked; one that cannot be linked comes late.
    2. One that is proven, or in a group's cache, or open to most; one that is linked most.
    """
    known = ledger.recall(algorithm, copy.found)
    place = 2 if not _is_linkable(copy) else 0 if copy.fixed else 1
    readers = (copy.mode & 0o044).bit_count()
    is_groups = shared_group(copy.cache) is not None
    most = -copy.found.links
    is_wrong = known is not None and known.digest != etag
    return (
        is_wrong,
        place,
        known is None,
        -readers,
        not is_groups,
        copy.file == copy.path,
        most,
        copy.path,
    )


def _is_linkable(copy: Copy) -> bool:
    """Tell whether this user can let other files share the bytes of one."""
    folder = os.path.dirname(copy.path)
    return may_link(copy.path, folder) or may_reflink(folder)


def _steps(group: Group) -> Iterator[ShareContent]:
    """Yield what is replaced by the copy that is kept; the bytes count with the last name."""
    keeper = group.copies[0]
    gone: dict[Node, int] = {}
    for copy in group.others(keeper):
        count = gone[copy.node] = gone.get(copy.node, 0) + 1
        freed = copy.physical if count == copy.found.links else 0
        yield ShareContent(
            copy.repo, copy.file or copy.path, keeper.path, group.etag, group.size, freed
        )


def _fixed(copies: Sequence[Copy], shared: frozenset[Node]) -> Iterator[Copy]:
    """Yield the first name of each further file that this user cannot replace."""
    seen = {copies[0].node, *shared}
    for copy in copies:
        if copy.fixed and copy.node not in seen:
            seen.add(copy.node)
            yield copy


def _already(copies: Sequence[Copy]) -> Iterator[Copy]:
    """Yield the first name of each other file that is a reflink of the first."""
    keeper, seen = copies[0], {copies[0].node}
    for copy in copies[1:]:
        if copy.node not in seen:
            seen.add(copy.node)
            if share_extents(keeper.path, copy.path):
                yield copy
