"""What is not there: dead links, lost blobs, files that loading needs, refs to nowhere."""

from __future__ import annotations

import errno
import os
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.integrity import check, check_revision
from swarmcache.hubcache.layout import BLOBS, REFS, parse_folder_name
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.verdicts import FileVerdict, Missing
from swarmcache.hubcache.weights import index_format, weights_format
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import Problem, Repo, Revision
    from swarmcache.hubcache.verdicts import MissingKind

_OF_REPO = {"dangling-ref": "dangling-ref", "bad-ref": "bad-ref", "unreadable": "unreadable"}


def gaps_of(repo: Repo, revision: Revision | None = None) -> Iterator[FileVerdict]:
    """Yield what is missing of one revision, files that loading needs included.

    Without a revision: of the whole repo, where a file that was never fetched is no gap, but
    refs and folders that cannot be read are.
    """
    if revision is not None:
        yield from _dead_links(repo, revision)
        yield from _not_cached(repo, revision)
        return
    for every in repo.revisions:
        yield from _dead_links(repo, every)
        yield from _in_the_way(repo, every)
    for problem in repo.problems:
        if problem.kind in _OF_REPO:
            yield _of_problem(repo, problem)


def no_revision(target: Target, repo: Repo | None, cache: str) -> FileVerdict:
    """Return the verdict on a target that leads to no snapshot: its ref, or the whole of it."""
    reason = check(target, cache).reason
    if repo is not None:
        ref = f"{repo.path}/{REFS}/{target.revision}"
        for problem in repo.problems:
            if problem.path == ref or problem.kind == "unreadable":
                return _of_problem(repo, problem)
    return FileVerdict(target.name, None, "", None, 0, Missing("missing-revision", reason))


def why_unreadable(path: str) -> str:
    """Return why this user cannot read a file; empty when it can."""
    if os.access(path, os.R_OK):
        return ""
    return t("{path} cannot be read by this user.", path=path)


def _of_problem(repo: Repo, problem: Problem) -> FileVerdict:
    missing = Missing(_OF_REPO[problem.kind], problem.message)  # type: ignore[arg-type]
    return FileVerdict(repo.name, None, problem.path, None, 0, missing)


def _dead_links(repo: Repo, revision: Revision) -> Iterator[FileVerdict]:
    cache = os.path.dirname(repo.path)
    for file in revision.files:
        if file.blob is None:
            link = f"{revision.path}/{file.path}"
            missing = _why_dead(link, cache)
            yield FileVerdict(repo.name, revision.commit, file.path, None, 0, missing)


def _why_dead(link: str, cache: str) -> Missing:
    """Return what is wrong with a snapshot's entry behind which the scan found no content."""
    real = os.path.realpath(link)
    target = t("It leads to {target}.", target=real)
    if not real.startswith(os.path.realpath(cache) + os.sep):
        return Missing("outside-link", target)
    try:
        mode = os.stat(link).st_mode
    except OSError as error:
        if error.errno == errno.EACCES:
            return Missing("unreadable", why_unreadable(link))
        lost = error.errno == errno.ENOENT and _is_blob(real, cache)
        return Missing("missing-blob" if lost else "broken-link", target)
    return Missing("unreadable" if S_ISREG(mode) else "not-a-file", target)


def _is_blob(real: str, cache: str) -> bool:
    """Tell whether a path is where a blob of a repo, or of the cache's shared store, belongs."""
    folder = os.path.dirname(real)
    of_repo = parse_folder_name(os.path.basename(os.path.dirname(folder))) is not None
    in_store = real.startswith(f"{os.path.realpath(cache)}/{BLOBS}/")
    return in_store or (of_repo and os.path.basename(folder) == BLOBS)


def _in_the_way(repo: Repo, revision: Revision) -> Iterator[FileVerdict]:
    """Yield the paths of the manifest where a folder, pipe or device stands instead."""
    cached = {file.path for file in revision.files}
    for path in sorted((read_manifest(repo.path, revision.commit) or {}).keys() - cached):
        if os.path.lexists(f"{revision.path}/{path}"):
            yield FileVerdict(repo.name, revision.commit, path, None, 0, Missing("not-a-file"))


def _not_cached(repo: Repo, revision: Revision) -> Iterator[FileVerdict]:
    """Yield what loading needs and the cache lacks, and what stands in a file's place."""
    in_the_way = list(_in_the_way(repo, revision))
    yield from in_the_way
    told = {verdict.path for verdict in in_the_way}
    indexed = {index_format(file.path) for file in revision.files} - {None}
    for path in check_revision(repo, revision).missing:
        if path not in told:
            is_shard = weights_format(path) in indexed
            kind: MissingKind = "missing-shard" if is_shard else "missing-file"
            yield FileVerdict(repo.name, revision.commit, path, None, 0, Missing(kind))
