"""SC701: the models that the project needs do not fit on the disk.

What is missing is held against what is free where the cache lies. Where the cache holds the list of
a commit's files, their sizes are known; else the size is told from the name (`-7B-`: two bytes for
each parameter, less for quantized ones), and the finding says so. Nothing is asked of the network.

What it cannot know: the size of a model whose name does not tell it; what checkpoints, pushes and
logs take besides; and quotas of which the file system says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.needed import needed_states, place_of
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.sizes import named_size
from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.usage import free_bytes
from swarmcache.locale import listed, t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.doctor.needed import NeededState


def check(case: Case) -> Iterator[Finding]:
    """Find the caches in which what is missing does not fit."""
    by_cache: dict[str, list[NeededState]] = {}
    for found in needed_states(case):
        if found.outcome.state in {"missing", "incomplete"}:
            by_cache.setdefault(found.cache, []).append(found)
    for cache, states in by_cache.items():
        sizes = [(state, *_size(state)) for state in states]
        needed = sum(size for _, size, _ in sizes)
        free = free_bytes(cache)
        if needed <= free:
            continue
        guessed = [state.model.target.id for state, _, known in sizes if not known]
        yield _found(case, sizes[0][0], cache, needed, free, guessed)


def _found(  # noqa: PLR0913, PLR0917 - what it tells
    case: Case, first: NeededState, cache: str, needed: int, free: int, guessed: list[str]
) -> Finding:
    message = t(
        "{needed} are missing in {cache}, and {free} are free there.",
        needed=human_bytes(needed),
        cache=cache,
        free=human_bytes(free),
    )
    if guessed:
        by_name = t("Sizes told from the name: {models}.", models=listed(guessed))
        message = f"{message} {by_name}"
    fix = Fix("display", t("Run swarmcache clean --free SIZE, or move the cache: swarmcache move."))
    return RULE.finding(
        t("the models do not fit on the disk"),
        message,
        place_of(case, first.model),
        fix=fix,
        confidence="medium" if guessed else "high",
    )


def _size(found: NeededState) -> tuple[int, bool]:
    """Return the bytes that a model lacks, and whether that is known and not told by its name."""
    target, commit = found.model.target, found.outcome.commit
    if commit is not None:
        listing = read_manifest(f"{found.cache}/{folder_name(target.name)}", commit)
        if listing is not None:
            gaps = [listing[path].size for path in found.outcome.missing if path in listing]
            return sum(gaps), True
    return named_size(target.id), False


RULE = Rule("SC701", "disk-forecast", "error", "high", check)
