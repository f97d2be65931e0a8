"""Complete for a program that loads a repo's tokenizer alone, and needs no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.integrity import check, outcome_of
from swarmcache.hubcache.complete.loading import Needs
from swarmcache.hubcache.complete.loading.tokenizer import tokenizer_files
from swarmcache.hubcache.complete.snapshot import snapshot_of
from swarmcache.hubcache.scan import read_repo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target


def check_tokenizer(target: Target, cache: str, *, tiers: Sequence[str] = ()) -> Outcome:
    """Return whether the tokenizer of `target` is complete in the cache; structural, no network.

    A repo without any is as complete as the whole of it.
    """
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(target.revision) if repo is not None else None
    if repo is None or revision is None:
        return check(target, cache, tiers=tiers)
    snapshot = snapshot_of(repo, revision)
    paths, unknown = tokenizer_files(snapshot)
    if not paths:
        return check(target, cache, tiers=tiers)
    return outcome_of(revision, snapshot, Needs(frozenset(paths), unknown))
