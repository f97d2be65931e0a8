"""Moving a whole cache: everything comes over first, then the settings, then the old place goes.

What is left to do after a kill is told by a note in the new place:

    <new cache>/.locks/.swarmcache/moving      the old place's path
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.drafts import sweep_drafts
from swarmcache.hubcache.leftovers.surroundings import read_surroundings
from swarmcache.hubcache.publishing import make_folder, write_whole
from swarmcache.hubcache.registry import forget
from swarmcache.hubcache.scan import list_cache, repo_names
from swarmcache.hubcache.state import file_mode, state_folder
from swarmcache.hubcache.usage import free_bytes
from swarmcache.hubcache.use.last_use import copy_uses
from swarmcache.hubcache.use.roots import move_roots
from swarmcache.plans.adopt import AdoptPlan, plan_adopt
from swarmcache.plans.adopt.giving_up import finish_giving_up
from swarmcache.plans.adopt.places import refuse_inside_a_cache
from swarmcache.plans.pull.values import PullPlan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.problems import Problem
    from swarmcache.progress import Progress

_NOTE = "moving"
_MAX_PATH = 4096


class MovePlan(NamedTuple):
    """A whole cache that is to lie elsewhere."""

    adopt: AdoptPlan
    foreign: tuple[Problem, ...]
    """What lies in the old place and is not the Hub's: it stays there."""
    flat: int = 0
    """Flat files of old transformers and what lies beside them: they stay too."""


def plan_move(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    source: str,
    dest: str,
    environment: Environment,
    *,
    tiers: Sequence[str] = (),
    symlinked_tiers: Sequence[str] = (),
    progress: Progress | None = None,
) -> MovePlan:
    """Return what a move of the cache folder `source` to `dest` will do; changes nothing.

    Links may lead into `tiers`; those into the `symlinked_tiers` among them move as links. Raises
    CacheNotFound for a new place inside of any cache, besides what `plan_adopt` raises.
    """
    refuse_inside_a_cache(dest)
    plan = plan_adopt(
        source,
        dest,
        tiers=tiers,
        symlinked_tiers=symlinked_tiers,
        progress=progress,
        proves=environment,
    )
    around = read_surroundings(list_cache(plan.source))
    foreign = tuple(one for one in around.problems if one.kind == "foreign-file")
    flat = sum(left.kind == "legacy" for left in around.leftovers)
    return MovePlan(plan, foreign, flat)


def nothing_to_move(cache: str) -> AdoptPlan:
    """Return the plan of a move that is done already."""
    return AdoptPlan(cache, PullPlan(cache, (), free_bytes(cache), all_files=True), ())


def unfinished_move(cache: str, used: str, environment: Environment) -> str | None:
    """Return the old place of a move into this cache that was not finished, or None.

    `used` is the cache that counts now: of a move from elsewhere the note is out of date.
    """
    path = f"{state_folder(cache, environment).beside}/{_NOTE}"
    with suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:
        source = file.read(_MAX_PATH)
        counts = os.path.realpath(used) in {source, os.path.realpath(cache)}
        return source if counts and os.path.isdir(source) else None
    return None


def is_all_over(source: str) -> bool:
    """Tell whether nothing of an unfinished move is left in the old place."""
    return not repo_names(source)


def begin_move(plan: MovePlan, environment: Environment) -> None:
    """Note in the new place where everything comes from; raises OSError."""
    make_folder(plan.adopt.pull.cache)
    state = state_folder(plan.adopt.pull.cache, environment)
    state.folder("ledger")
    path, mode = f"{state.path}/{_NOTE}", file_mode(state.mode)
    write_whole(path, plan.adopt.source, mode=mode, errors="surrogateescape")


def take_along(
    source: str, cache: str, environment: Environment, staying: Collection[str] = ()
) -> None:
    """Bring what projects need and when models were used.

    Of projects that are `staying` with the old place, it remembers too what they need.
    """
    move_roots(source, cache, environment, staying=staying)
    copy_uses(source, cache, environment)


def end_move(source: str, cache: str, environment: Environment, tiers: Sequence[str] = ()) -> None:
    """Finish what a killed process has begun in the old place, and forget the move."""
    for _ in finish_giving_up(source, environment, tiers):
        pass
    if is_all_over(source):
        forget(source, environment)
    state = state_folder(cache, environment).beside
    sweep_drafts(state)
    with suppress(OSError):
        os.unlink(f"{state}/{_NOTE}")
