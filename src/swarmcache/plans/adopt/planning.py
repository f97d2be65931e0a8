"""Planning an `adopt`: each revision of the other cache as a listing, its files as the copies."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import RepoNotFound
from swarmcache.hubcache.complete.integrity import absent
from swarmcache.hubcache.complete.weights import Selection
from swarmcache.hubcache.folder import cache_exists, within
from swarmcache.hubcache.intact.expectations import Expected, algorithm_of, trusted_name
from swarmcache.hubcache.layout import BLOBS, Target, folder_name
from swarmcache.hubcache.linking import is_hub_blob
from swarmcache.hubcache.refs import read_ref
from swarmcache.hubcache.scan import iter_repos, read_repo
from swarmcache.hubcache.usage import free_bytes
from swarmcache.locale import t
from swarmcache.plans.adopt.flat import FlatReader
from swarmcache.plans.adopt.listing import Listed, listed
from swarmcache.plans.adopt.places import find_places
from swarmcache.plans.adopt.standing import OldPlace, Proof, will_be_lost
from swarmcache.plans.adopt.unfinished import unfinished_of
from swarmcache.plans.adopt.values import AdoptPlan
from swarmcache.plans.clean.values import Kept
from swarmcache.plans.nearby import Nearby
from swarmcache.plans.pull.comparing import compared, found_now
from swarmcache.plans.pull.room import with_room
from swarmcache.plans.pull.values import PlannedPull, PullPlan, two_of
from swarmcache.progress import Silent
from swarmcache.transfer.listing import RemoteFile, RepoListing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Blob, Repo, Revision
    from swarmcache.plans.adopt.unfinished import Unfinished
    from swarmcache.progress import Progress


def plan_adopt(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    source: str,
    cache: str,
    targets: Sequence[Target] = (),
    *,
    endpoints: Sequence[str] = (),
    tiers: Sequence[str] = (),
    symlinked_tiers: Sequence[str] = (),
    progress: Progress | None = None,
    proves: Environment | None = None,
) -> AdoptPlan:
    """Return what an adopt of the `source` folder into the cache folder will do; changes nothing.

    Of `targets` only, if there are any. With `endpoints`, whose urls are believed, flat files of
    old transformers come too. Links of both caches may lead into `tiers`; what lies in the
    `symlinked_tiers` among them comes as such a link. Plain files are hashed where a blob may have
    their bytes. `proves` is for whoever gives up the other copy: what the cache has only by links
    into the old place comes too, and what nobody remembers as right is hashed. HF_HOME stands for
    what is in it. Raises CacheNotFound for a folder that holds nothing of this, and for a cache
    that is a file or lies in the other one, RepoNotFound for a target that is not in it.
    """
    cache_exists(cache)
    places = find_places(source, cache, flat=bool(endpoints))
    pull = PullPlan(
        cache,
        (),
        free_bytes(cache),
        all_files=True,
        tiers=tuple(tiers),
        symlinked_tiers=tuple(
            # A link into what may be given up next would lead nowhere.
            one
            for one in symlinked_tiers
            if not within(places.source, os.path.realpath(one))
        ),
    )
    hears = progress or Silent()
    proof = Proof(cache, proves, hears) if proves is not None else None
    planner = _Planner(places.source, pull, hears, proof)
    models: list[PlannedPull] = []
    for repo, revisions in _wanted(places.hub, targets, tiers) if places.hub else ():
        of_repo = list(planner.of_repo(repo, revisions))
        models += of_repo if targets else [*of_repo, *planner.of_unused(repo, of_repo)]
    named = (model.target.name for model in models)
    repos = tuple(dict.fromkeys([*named, *planner.barely_begun]))
    caches = [cache] if places.hub is None else [cache, places.hub]
    flat = FlatReader(places.flat, endpoints, caches)
    models += map(planner.of_flat, flat.listed())
    kept = (*planner.kept, *flat.kept)
    pull = replace(pull, models=tuple(models))
    unfinished = tuple(planner.unfinished)
    return AdoptPlan(places.source, pull, kept, repos, tuple(flat.files), unfinished)


def _wanted(
    source: str, targets: Sequence[Target], tiers: Sequence[str]
) -> Iterator[tuple[Repo, Sequence[Revision]]]:
    """Yield each repo with the revisions that are to come."""
    if not targets:
        yield from ((repo, repo.revisions) for repo in iter_repos(source, tiers))
        return
    named: dict[RepoName, list[Target]] = {}
    for target in targets:
        named.setdefault(target.name, []).append(target)
    for name, wanted in named.items():
        repo = read_repo(source, name, tiers)
        found = [(one, repo.revision(one.revision) if repo else None) for one in wanted]
        for target, revision in found:
            if revision is None:
                raise RepoNotFound(absent(repo, target, source).reason)
        if repo is not None:
            revisions = {revision.commit: revision for _, revision in found if revision}
            yield repo, list(revisions.values())


class _Planner:
    """Plans repo after repo."""

    def __init__(
        self, source: str, pull: PullPlan, progress: Progress, proof: Proof | None
    ) -> None:
        self._source = source
        self._proof = proof
        self._pull = pull
        self._progress = progress
        self._here = Nearby((), pull.cache)
        self.kept: list[Kept] = []
        self.unfinished: list[Unfinished] = []
        self.barely_begun: list[RepoName] = []
        """The repos that hold no content: nothing comes of them but an unfinished download."""

    def of_repo(self, repo: Repo, revisions: Sequence[Revision]) -> Iterator[PlannedPull]:
        """Yield a pull for each ref of these revisions, and for each that has none."""
        here = self._read(repo.name)
        closed = [one for one in repo.problems if one.kind == "unreadable"]
        self.kept += [Kept(repo.name.spelled, one.message, named=True) for one in closed]
        self.unfinished += unfinished_of(repo)
        if not (closed or repo.blobs or any(revision.files for revision in repo.revisions)):
            self.barely_begun.append(repo.name)
        for revision in revisions:
            found = listed(self._source, here, repo, revision, self._progress)
            for reason, paths in found.left.items():
                told = t("{names}: {reason}", names=two_of(paths), reason=reason)
                self.kept.append(Kept(repo.name.at(revision.commit), told, named=True))
            if not found.listing.files:
                continue
            for name in self._names(repo, revision):
                yield self._planned(Target(repo.name.type, repo.name.id, name), found, here)

    def of_flat(self, found: Listed) -> PlannedPull:
        """Return a pull for some flat files; where no commit is known, of their blobs alone."""
        target = found.listing.target
        here = self._read(target.name)
        model = self._planned(target, found, here)
        return model if found.listing.commit else replace(model, link=())

    def of_unused(self, repo: Repo, models: Sequence[PlannedPull]) -> Iterator[PlannedPull]:
        """Yield a pull of the contents that no revision uses: the next download links them."""
        used = {blob.name for one in repo.revisions for _, blob in one.files if blob is not None}
        listings = [model.listing for model in models if model.listing is not None]
        used |= {file.content for listing in listings for file in listing.files}
        blobs = [one for etag, one in sorted(repo.blobs.items()) if etag not in used]
        files = [named for blob in blobs if (named := _named_by_hash(blob)) is not None]
        if files:
            target = Target(repo.name.type, repo.name.id, "main")
            listing = RepoListing(target, "", tuple(files), self._source, whole=False)
            copies = {blob.name: (blob.path,) for blob in blobs}
            yield self.of_flat(Listed(listing, copies, {}, {}))

    def _read(self, repo: RepoName) -> Repo | None:
        """Return what this cache has of a repo; a link to the old place's folder will be none."""
        home = f"{self._pull.cache}/{folder_name(repo)}"
        if self._proof is not None and OldPlace(self._source, repo).holds(f"{home}/{BLOBS}"):
            return None
        return read_repo(self._pull.cache, repo, self._pull.tiers)

    def _planned(self, target: Target, found: Listed, here: Repo | None) -> PlannedPull:
        listing = replace(found.listing, target=target)
        model = PlannedPull(target, found_now(target, self._pull), listing=listing, named=True)
        paths = Selection(tuple(file.path for file in listing.files), {})
        model = compared(model, paths, here, bool)
        if self._proof is not None:
            old = OldPlace(self._source, target.name)
            lost = will_be_lost(listing, here, old, self._proof)
            model = _again(model, [file for file in listing.files if file.path in lost])
        near = {
            etag: (*self._elsewhere_here(file, target), *found.copies[etag])
            for file in model.fetch
            if (etag := file.content) in found.copies
        }
        return with_room(replace(model, copies=near, plain=found.plain), self._pull)

    def _elsewhere_here(self, file: RemoteFile, target: Target) -> tuple[str, ...]:
        """Return the blobs of this cache that should have a file's bytes, of whatever repo."""
        algorithm = algorithm_of(file.content)
        if algorithm is None:
            return ()
        expected = Expected(algorithm, file.content, file.size, "name")
        own = f"{self._pull.cache}/{folder_name(target)}/{BLOBS}/{file.content}"
        found = self._here.copies(expected, target.name, file.path, own)
        return tuple(path for path in found if is_hub_blob(path))

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
                self.kept.append(Kept(repo.name.at(revision.commit), reason))
        yield from free or [revision.commit]


def _again(model: PlannedPull, files: Sequence[RemoteFile]) -> PlannedPull:
    """Return a plan that brings these files although they seem to be here."""
    fetch = dict.fromkeys([*model.fetch, *files])
    again = dict.fromkeys([*model.again, *files])
    link = tuple(file for file in model.link if file not in again)
    return replace(model, fetch=tuple(fetch), again=tuple(again), link=link)


def _named_by_hash(blob: Blob) -> RemoteFile | None:
    """Return a blob that no revision uses as a file; None where its name is no hash."""
    algorithm = algorithm_of(trusted_name(blob))
    sha256, git_sha1 = (blob.name, None) if algorithm == "sha256" else (None, blob.name)
    return RemoteFile(blob.name, blob.size, sha256, git_sha1) if algorithm is not None else None
