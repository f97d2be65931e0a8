"""Planning an `adopt`: each revision of the other cache as a listing, its files as the copies."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import CacheNotFound, RepoNotFound
from swarmcache.hubcache.complete.weights import Selection
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.intact.expectations import expected_of
from swarmcache.hubcache.layout import Target, folder_name
from swarmcache.hubcache.linking import may_link
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.refs import read_ref
from swarmcache.hubcache.scan import iter_repos, read_repo, repo_names
from swarmcache.hubcache.usage import free_bytes, nearest_folder
from swarmcache.locale import t
from swarmcache.plans.adopt.values import AdoptPlan
from swarmcache.plans.clean.values import Kept, title
from swarmcache.plans.pull.planning import compared, found_now
from swarmcache.plans.pull.values import PlannedPull, PullPlan, two_of
from swarmcache.transfer.listing import RemoteFile, RepoListing, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import CachedFile, Repo, Revision


def plan_adopt(source: str, cache: str, targets: Sequence[Target] = ()) -> AdoptPlan:
    """Return what an adopt of the `source` cache folder into `cache` will do; changes nothing.

    Of `targets` only, if there are any. HF_HOME stands for its `hub`. Raises CacheNotFound for a
    folder that holds no repos, RepoNotFound for a target that is not in it.
    """
    source = os.path.realpath(_hub_of(source))
    if source == os.path.realpath(cache):
        raise CacheNotFound(t("{path} is this cache itself.", path=source))
    pull = PullPlan(cache, (), free_bytes(cache), all_files=True)
    planner = _Planner(source, pull)
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

    def __init__(self, source: str, pull: PullPlan) -> None:
        self._source = source
        self._pull = pull
        self._place = nearest_folder(pull.cache)
        self.kept: list[Kept] = []

    def of_repo(self, repo: Repo, revisions: Sequence[Revision]) -> Iterator[PlannedPull]:
        """Yield a pull for each ref of these revisions, and for each that has none."""
        for revision in revisions:
            listing, copies = self._listed(repo, revision)
            if not listing.files:
                continue
            for name in self._names(repo, revision):
                target = Target(repo.name.type, repo.name.id, name)
                yield self._planned(replace(listing, target=target), copies)

    def _planned(self, listing: RepoListing, copies: dict[str, tuple[str, ...]]) -> PlannedPull:
        target, pull = listing.target, self._pull
        model = PlannedPull(target, found_now(target, pull), listing=listing, named=True)
        paths = Selection(tuple(file.path for file in listing.files), {})
        here = read_repo(pull.cache, target.name)
        model = compared(model, paths, here, bool)
        wanted = {file.content for file in model.fetch}
        near = {etag: found for etag, found in copies.items() if etag in wanted}
        linkable = frozenset(etag for etag, (one,) in near.items() if may_link(one, self._place))
        return replace(model, copies=near, linkable=linkable)

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

    def _listed(
        self, repo: Repo, revision: Revision
    ) -> tuple[RepoListing, dict[str, tuple[str, ...]]]:
        """Return a revision as a listing of what is cached of it, and where each content lies."""
        records = read_manifest(f"{self._source}/{folder_name(repo.name)}", revision.commit) or {}
        files: list[RemoteFile] = []
        copies: dict[str, tuple[str, ...]] = {}
        left: dict[str, list[str]] = {}
        for file in revision.files:
            expected = None if file.blob is None else expected_of(file.blob, records.get(file.path))
            reason = self._why_not(file, known=expected is not None)
            if reason or expected is None or file.blob is None:
                left.setdefault(reason, []).append(file.path)
                continue
            etag, size = expected.digest, file.blob.size
            is_lfs = expected.algorithm == "sha256"
            files.append(
                RemoteFile(file.path, size, etag if is_lfs else None, None if is_lfs else etag)
            )
            copies[etag] = (file.blob.path,)
        for reason, paths in left.items():
            told = t("{names}: {reason}", names=two_of(paths), reason=reason)
            self.kept.append(Kept(title(repo.name, revision.commit), told))
        target = Target(repo.name.type, repo.name.id, revision.commit)
        listing = RepoListing(target, revision.commit, tuple(files), self._source, whole=False)
        return listing, copies

    @staticmethod
    def _why_not(file: CachedFile, *, known: bool) -> str:
        check_path(file.path)
        if file.blob is None:
            return t("its content is not there")
        if not known:
            return t("nothing tells what its bytes must be")
        if not os.access(file.blob.path, os.R_OK):
            return t("this user cannot read it")
        return ""
