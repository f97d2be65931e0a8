"""What goes first when only so much need go: what is missed least.

Leftovers, then weights that repeat others, then revisions that no branch or tag names, then the
models that were used least recently. It stops when enough is freed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.linking import may_share
from swarmcache.hubcache.payloads import USERS
from swarmcache.hubcache.usage import free_bytes
from swarmcache.plans.clean.choosing import Chooser
from swarmcache.plans.clean.counting import Counter
from swarmcache.plans.clean.drafting import drafts
from swarmcache.plans.clean.holders import Holding
from swarmcache.plans.clean.payloads import stored_payloads
from swarmcache.plans.clean.values import LEFTOVER_KINDS, Choice, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.hubcache.complete.weights import Format
    from swarmcache.hubcache.extents import Piece
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.beside import Beside
    from swarmcache.plans.clean.planning import Planner
    from swarmcache.plans.clean.values import Kept, Wishes

REPETITIONS: frozenset[Format] = frozenset({"pickle", "tensorflow", "flax"})
"""Formats that go where complete safetensors files hold the same weights."""


_WORTH = 20
"""A removal that frees less than a twentieth of what it takes away is one for nothing."""


class Picked(NamedTuple):
    """What goes."""

    chosen: list[tuple[Seen, Choice]]
    around: Beside
    kept: tuple[Kept, ...]
    short: int
    """Bytes by which it is not enough."""
    spared: Mapping[Piece, int]
    """The bytes of what may go and stays, since it would free next to nothing."""


def pick_least_harm(planner: Planner) -> Picked:
    """Return what goes to keep the budget, or to have as much free as was asked for."""
    wishes = planner.wishes
    repos = [seen for name in planner.names() if (seen := planner.look(name)) is not None]
    around = planner.around(frozenset())
    leftovers = around if wishes.evictable is not None else _countable(planner)
    goals = _goals(planner, repos, leftovers)
    kept: dict[Kept, None] = {}
    picked: list[_Candidate] = []
    _take_beside(goals, around)
    if not _are_met(goals) and wishes.evictable is None:
        around = leftovers
        _take_beside(goals, around)
    for level in _levels(wishes):
        chooser = Chooser(level, planner.protection)
        for seen in sorted(repos, key=lambda one: planner.protection.last_used(one.repo)):
            if _are_met(goals):
                break
            name = seen.repo.name
            chosen = chooser.choose(seen.repo, seen.inventory, planner.half_removed.get(name))
            kept.update(dict.fromkeys(chosen.kept))
            if chosen.choice is not None:
                touched = tuple([goal.take(seen, chosen.choice) for goal in goals])
                picked.append(_Candidate(seen, chosen.choice, touched))
    useful, spared = _useful(picked, goals)
    short = max([0, *(goal.need - goal.freed for goal in goals)])
    return Picked(_merged(useful), around, tuple(kept), short, spared)


class _Candidate(NamedTuple):
    """What may go of one repo."""

    seen: Seen
    choice: Choice
    touched: tuple[Mapping[Piece, int], ...]
    """For each goal: the bytes of what loses a name by it."""


class _Goal:
    """So many bytes that are to go, and how many did."""

    def __init__(self, counter: Counter, need: int) -> None:
        self.counter = counter
        self.need = need
        self.freed = 0

    @property
    def is_met(self) -> bool:
        """Whether enough goes."""
        return self.freed >= self.need

    def take(self, seen: Seen, choice: Choice) -> Mapping[Piece, int]:
        """Let a choice go; return the bytes of what loses a name by it."""
        touched: dict[Piece, int] = {}
        self.counter.touched = touched
        found = drafts(seen.repo, seen.inventory, choice)
        self.freed += self.counter.group(seen.repo.name, choice, found, 0).bytes
        self.freed += sum(one.bytes for one in self.counter.payloads())
        return touched

    def can_spare(self, touched: Mapping[Piece, int]) -> bool:
        """Tell whether what loses these names goes for next to nothing."""
        gain = sum(self.counter.gone.get(piece, 0) for piece in touched)
        is_needed = self.is_met and self.freed - gain < self.need
        return gain * _WORTH <= sum(touched.values()) and not is_needed

    def spare(self, touched: Mapping[Piece, int]) -> None:
        """Let these names stay after all."""
        self.freed -= sum(self.counter.gone.pop(piece, 0) for piece in touched)


def _goals(planner: Planner, repos: Iterable[Seen], around: Beside) -> list[_Goal]:
    """Return how much must go: of what the cache holds, of what the disk has, or of both."""
    wishes, goals = planner.wishes, []
    if wishes.budget is not None:
        held = held_in(planner, repos, around)
        held.keep(wishes.linked)
        counter = Counter(planner.cache, planner.holders, held)
        goals.append(_Goal(counter, held.bytes - wishes.budget))
    if wishes.free is not None:
        counter = Counter(planner.cache, planner.holders)
        goals.append(_Goal(counter, wishes.free - free_bytes(planner.cache)))
    return goals


def _are_met(goals: Iterable[_Goal]) -> bool:
    return all(goal.is_met for goal in goals)


def _take_beside(goals: Iterable[_Goal], around: Beside) -> None:
    for goal in goals:
        goal.freed += goal.counter.group(None, Choice(), around.drafts, 0).bytes


def _useful(
    picked: Iterable[_Candidate], goals: Sequence[_Goal]
) -> tuple[list[_Candidate], dict[Piece, int]]:
    """Return the candidates without those that need not go, and the bytes of these.

    One whose bytes all have another name, or are shared by reflink, frees nothing but a few small
    files of its own, unless all who have them go as well.
    """
    useful: list[_Candidate] = []
    spared: dict[Piece, int] = {}
    for candidate in picked:
        each = list(zip(goals, candidate.touched, strict=True))
        if all(goal.can_spare(touched) for goal, touched in each):
            for goal, touched in each:
                goal.spare(touched)
                spared.update(touched)
        else:
            useful.append(candidate)
    return useful, spared


def _merged(picked: list[_Candidate]) -> list[tuple[Seen, Choice]]:
    """Return one choice for each repo."""
    found: dict[RepoName, tuple[Seen, Choice]] = {}
    for seen, choice, _ in picked:
        name = seen.repo.name
        before = found[name][1] if name in found else Choice()
        found[name] = (seen, _both(before, choice))
    return list(found.values())


def _levels(wishes: Wishes) -> Iterator[Wishes]:
    """Yield what may go, the least harm first; the user's own filters hold for all of it."""
    everything = frozenset(LEFTOVER_KINDS)
    yield wishes._replace(models=(), everything=False, leftovers=everything)
    models = wishes._replace(
        everything=wishes.everything or not wishes.models, leftovers=frozenset()
    )
    yield models._replace(formats=wishes.formats or REPETITIONS)
    yield models._replace(detached=True)
    yield models


def _countable(planner: Planner) -> Beside:
    """Return the leftovers beside the repos that help: for a budget, only those in the cache.

    Space on the disk is freed by those outside too, if they lie on the same one.
    """
    found = planner.around(frozenset(LEFTOVER_KINDS) - {"locks"})
    inside, all_of_disk = planner.cache + "/", planner.wishes.budget is None
    helpful = [
        draft
        for draft in found.drafts
        if draft.path.startswith(inside)
        or (all_of_disk and may_share(os.path.dirname(draft.path), planner.cache))
    ]
    return found._replace(drafts=tuple(helpful))


def held_in(planner: Planner, repos: Iterable[Seen], around: Beside) -> Holding:
    """Return what repos, the shared store, and what lies beside them hold of the disk."""
    files: dict[str, os.stat_result] = {}
    for inside in (
        *(seen.inventory.files for seen in repos),
        *(one.files for one in around.drafts),
    ):
        files.update(inside)
    for payload in stored_payloads(planner.cache):
        for path in (payload, f"{payload}{USERS}"):
            if os.path.exists(path):
                files[path] = os.lstat(path)
    return Holding(planner.holders, files)


def _both(one: Choice, other: Choice) -> Choice:
    """Return the choice of both; what goes with a whole revision needs no naming."""
    commits = tuple(dict.fromkeys([*one.commits, *other.commits]))
    twins = [commit for commit in (*one.twins, *other.twins) if commit not in commits]
    return Choice(
        commits,
        one.formats | other.formats,
        tuple(dict.fromkeys(twins)),
        one.leftovers | other.leftovers,
        one.whole or other.whole,
        one.orphans | other.orphans,
        one.half_removed | other.half_removed,
    )
