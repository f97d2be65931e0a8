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
from swarmcache.plans.clean.payloads import stored_payloads
from swarmcache.plans.clean.values import LEFTOVER_KINDS, Choice, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.hubcache.complete.weights import Format
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.beside import Beside
    from swarmcache.plans.clean.planning import Planner
    from swarmcache.plans.clean.values import Kept, Wishes

REPETITIONS: frozenset[Format] = frozenset({"pickle", "tensorflow", "flax"})
"""Formats that go where complete safetensors files hold the same weights."""


class Picked(NamedTuple):
    """What goes."""

    chosen: list[tuple[Seen, Choice]]
    around: Beside
    kept: tuple[Kept, ...]
    short: int
    """Bytes by which it is not enough."""


def pick_least_harm(planner: Planner) -> Picked:
    """Return what goes to keep the budget, or to have as much free as was asked for."""
    wishes = planner.wishes
    repos = [seen for name in planner.names() if (seen := planner.look(name)) is not None]
    around = planner.around(frozenset())
    leftovers = around if wishes.evictable is not None else _countable(planner)
    need = _needed(planner.cache, wishes, repos, leftovers)
    kept: dict[Kept, None] = {}
    picked: list[_Candidate] = []
    counter = Counter(planner.cache)
    freed = counter.group(None, Choice(), around.drafts, 0).bytes
    if freed < need and wishes.evictable is None:
        around = leftovers
        freed += counter.group(None, Choice(), around.drafts, 0).bytes
    for level in _levels(wishes):
        chooser = Chooser(level, planner.protection)
        for seen in sorted(repos, key=lambda one: planner.protection.last_used(one.repo)):
            if freed >= need:
                break
            name = seen.repo.name
            chosen = chooser.choose(seen.repo, seen.inventory, planner.half_removed.get(name))
            kept.update(dict.fromkeys(chosen.kept))
            if chosen.choice is not None:
                more = _freed(counter, seen, chosen.choice)
                freed += more
                picked.append(_Candidate(seen, chosen.choice, more))
    useful = _useful(picked, planner.cache, around)
    return Picked(_merged(useful), around, tuple(kept), max(0, need - freed))


class _Candidate(NamedTuple):
    """What may go of one repo."""

    seen: Seen
    choice: Choice
    bytes: int
    """What it frees after all the candidates before it."""


def _freed(counter: Counter, seen: Seen, choice: Choice) -> int:
    found = drafts(seen.repo, seen.inventory, choice)
    group = counter.group(seen.repo.name, choice, found, 0)
    return group.bytes + sum(one.bytes for one in counter.payloads())


def _useful(picked: list[_Candidate], cache: str, around: Beside) -> list[_Candidate]:
    """Return the candidates without those that need not go.

    One whose bytes all have another name frees nothing, unless those names go as well.
    """
    useful = picked
    for candidate in picked:
        if not candidate.bytes:
            rest = [one for one in useful if one is not candidate]
            if _total(rest, cache, around) == _total(useful, cache, around):
                useful = rest
    return useful


def _total(picked: list[_Candidate], cache: str, around: Beside) -> int:
    counter = Counter(cache)
    total = counter.group(None, Choice(), around.drafts, 0).bytes
    return total + sum(_freed(counter, seen, choice) for seen, choice in _merged(picked))


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


def _needed(cache: str, wishes: Wishes, repos: Iterable[Seen], around: Beside) -> int:
    """Return the bytes that must go."""
    need = 0
    if wishes.budget is not None:
        need = held_bytes(cache, repos, around) - wishes.budget
    if wishes.free is not None:
        need = max(need, wishes.free - free_bytes(cache))
    return need


def held_bytes(cache: str, repos: Iterable[Seen], around: Beside) -> int:
    """Return the allocated bytes of repos, of the shared store, and of what lies beside them."""
    files = [found for seen in repos for found in seen.inventory.files.values()]
    files += [found for draft in around.drafts for found in draft.files.values()]
    for payload in stored_payloads(cache):
        files += [os.lstat(one) for one in (payload, f"{payload}{USERS}") if os.path.exists(one)]
    held = {(found.st_dev, found.st_ino): found.st_blocks * 512 for found in files}
    return sum(held.values())


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
