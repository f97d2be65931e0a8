"""Planning an `adopt`: each revision of the other cache as a listing, its files as the copies."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import CacheNotFound, RepoNotFound
from swarmcache.hubcache.complete.weights import Selection
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import Target
from swarmcache.hubcache.linking import may_link
from swarmcache.hubcache.refs import read_ref
from swarmcache.hubcache.scan import iter_repos, read_repo, repo_names
from swarmcache.hubcache.usage import free_bytes, nearest_folder
from swarmcache.locale import t
from swarmcache.plans.adopt.listing import listed
from swarmcache.plans.adopt.values import AdoptPlan
from swarmcache.plans.clean.values import Kept, title
from swarmcache.plans.pull.planning import compared, found_now
from swarmcache.plans.pull.values import PlannedPull, PullPlan, two_of
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.plans.adopt.listing import Listed
    from swarmcache.progress import Progress


def plan_adopt(
    source: str, cache: str, targets: Sequence[Target] = (), progress: Progress | None = None
) -> AdoptPlan:
    """Return what an adopt of the `source` cache folder into `cache` will do; changes nothing.

    Of `targets` only, if there are any. Plain files are hashed where a blob may have their bytes.
    HF_HOME stands for its `hub`. Raises CacheNotFound for a folder that holds no repos,
    RepoNotFound for a target that is not in it.
    """
    source = os.path.realpath(_hub_of(source))
    if source == os.path.realpath(cache):
        raise CacheNotFound(t("{path} is this cache itself.", path=source))
    pull = PullPlan(cache, (), free_bytes(cache), all_files=True)
    planner = _Planner(source, pull, progress or Silent())
    models = [
        model
        for repo, revisions in _wanted(source, targets)
        for model in planner.of_repo(repo, revisions)
    ]
    return AdoptPlan(source, replace(pull, models=tuple(models)), tuple(planner.kept))


def _wanted(source: str, targets: Sequence[Target]) -> Iterator[tuple[Repo, Sequence[Revision]]]:
    """Yield each repo with the revisions that are to come."""
    if not targets:
        yield from ((repo, repo.revisions) for repo in iter_repos(source))
        return
    named: dict[RepoName, list[Target]] = {}
    for target in targets:
        named.setdefault(target.name, []).append(target)
    for name, wanted in named.items():
        repo = read_repo(source, name)
        found = [(one, repo.revision(one.revision) if repo else None) for one in wanted]
        for target, revision in found:
            if revision is None:
                raise RepoNotFound(
                    t("Nothing of {id} is cached in {cache}.", id=target.id, cache=source)
                )
        if repo is not None:
            revisions = {revision.commit: revision for _, revision in found if revision}
            yield repo, list(revisions.values())


def _hub_of(folder: str) -> str:
    cache_exists(folder, named=True)
    if repo_names(folder):
        return folder
    hub = f"{folder}/hub"
    if os.path.isdir(hub) and repo_names(hub):
        return hub
    raise CacheNotFound(t("{path} holds no repos of the Hub's layout.", path=folder))


class _Planner:
    """Plans repo after repo."""

    def __init__(self, source: str, pull: PullPlan, progress: Progress) -> None:
        self._source = source
        self._pull = pull
        self._progress = progress
        self._place = nearest_folder(pull.cache)
        self.kept: list[Kept] = []

    def of_repo(self, repo: Repo, revisions: Sequence[Revision]) -> Iterator[PlannedPull]:
        """Yield a pull for each ref of these revisions, and for each that has none."""
        here = read_repo(self._pull.cache, repo.name)
        for revision in revisions:
            found = listed(self._source, here, repo, revision, self._progress)
            for reason, paths in found.left.items():
                told = t("{names}: {reason}", names=two_of(paths), reason=reason)
                self.kept.append(Kept(title(repo.name, revision.commit), told))
            if not found.listing.files:
                continue
            for name in self._names(repo, revision):
                yield self._planned(Target(repo.name.type, repo.name.id, name), found, here)

    def _planned(self, target: Target, found: Listed, here: Repo | None) -> PlannedPull:
        listing = replace(found.listing, target=target)
        model = PlannedPull(target, found_now(target, self._pull), listing=listing, named=True)
        paths = Selection(tuple(file.path for file in listing.files), {})
        model = compared(model, paths, here, bool)
        wanted = {file.content for file in model.fetch}
        near = {etag: files for etag, files in found.copies.items() if etag in wanted}
        linkable = {etag for etag, files in near.items() if may_link(files[0], self._place)}
        return replace(model, copies=near, linkable=frozenset(linkable), plain=found.plain)

    def _names(self, repo: Repo, revision: Revision) -> Iterator[str]:
        """Yield under which names a revision comes: never over a ref that says something else."""
        free = []
        for ref in revision.refs:
            here = read_ref(self._pull.cache, repo.name, ref)
            if here in {None, revision.commit}:
                free.append(ref)
            else:
                reason = t(
                    "here {ref} is commit {commit}; it comes without that name",
                    ref=ref,
                    commit=str(here)[:12],
                )
                self.kept.append(Kept(title(repo.name, revision.commit), reason))
        yield from free or [revision.commit]
