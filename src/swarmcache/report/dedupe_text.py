"""`dedupe` for people: what is stored twice, what becomes one, and what that frees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import listed, t, tn
from swarmcache.report.clean_text import kept_line
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.plans.dedupe import DedupePlan, Left, Shared
    from swarmcache.plans.dedupe.values import Group
    from swarmcache.report.terminal import Terminal

_SHOWN = 20
"""Contents that the plan names; `--verbose` and `--json` name all."""


def plan_lines(plan: DedupePlan, *, verbose: bool) -> Iterator[str]:
    """Yield what is stored, the largest contents of which one copy will do, and the sum."""
    yield tn(
        "{n} cache: {logical} of content, {physical} on disk.",
        "{n} caches: {logical} of content, {physical} on disk.",
        len(plan.caches),
        logical=human_bytes(plan.logical_bytes),
        physical=human_bytes(plan.physical_bytes),
    )
    if plan.layered_bytes:
        yield t(
            "{size} of it are in the layers of an image (overlay), or may be: replacing them would"
            " free nothing, so they stay. A volume in the place of the cache has no layers.",
            size=human_bytes(plan.layered_bytes),
        )
    for cache, count in plan.fixed_bytes.items():
        yield t(
            "{size} in {cache} are stored elsewhere too; this user cannot replace them, so they "
            "stay.",
            size=human_bytes(count),
            cache=cache,
        )
    if plan.twins:
        yield tn(
            "{n} file that is no blob, {size}, shares its bytes where the file system can.",
            "{n} files that are no blobs, {size}, share their bytes where the file system can.",
            len(plan.twins),
            size=human_bytes(sum(one.physical for one in plan.twins)),
        )
    elif not plan.groups:
        yield t("Nothing is stored twice that could be stored once.")
    if not plan.groups:
        return
    shown = plan.groups if verbose else plan.groups[:_SHOWN]
    for group in shown:
        files = len({copy.node for copy in group.copies})
        places = _places(group, several=len(plan.caches) > 1)
        size = human_bytes(group.size)
        yield t("To store once: {size}, {n} times in {places}", size=size, n=files, places=places)
    if len(plan.groups) > len(shown):
        yield t("… and {n} smaller ones; --verbose names all", n=len(plan.groups) - len(shown))
    yield t("Together {size}.", size=human_bytes(plan.freed_bytes_expected))


def _places(group: Group, *, several: bool) -> str:
    """Return where a content is: the repos, with their caches where there are several."""
    repos: dict[str, list[str]] = {}
    for copy in sorted(group.copies, key=lambda copy: (copy.cache, copy.repo.spelled)):
        repos.setdefault(copy.cache, []).append(copy.repo.spelled)
    parts = [listed(names) + (f" ({cache})" if several else "") for cache, names in repos.items()]
    return "; ".join(parts)


def left_lines(terminal: Terminal, left: Iterable[Left]) -> Iterator[str]:
    """Yield a line for each file that stays, with its reason."""
    return (kept_line(terminal, one.path, one.reason) for one in left)


def shared_line(terminal: Terminal, plan: DedupePlan, shared: Sequence[Shared]) -> str:
    """Return the line that tells what was freed, and what the caches take now."""
    freed = sum(one.freed_bytes for one in shared)
    return f"{terminal.ok if shared else terminal.warn} " + tn(
        "Shared {n} file: {size} are free again; on disk now {physical}, {before} before.",
        "Shared {n} files: {size} are free again; on disk now {physical}, {before} before.",
        len(shared),
        size=human_bytes(freed),
        physical=human_bytes(plan.physical_bytes - freed),
        before=human_bytes(plan.physical_bytes),
    )
