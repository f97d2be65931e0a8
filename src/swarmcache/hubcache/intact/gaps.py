"""What is seen not to be there: dead links, lost blobs, folders in the way, refs to nowhere."""

from __future__ import annotations

import errno
import os
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.folder import lies_in, stays_inside, why_lost
from swarmcache.hubcache.intact.verdicts import FileVerdict, Missing
from swarmcache.hubcache.layout import BLOBS, REFS, parse_folder_name
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.problems import lost_tier
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.scan import Repo, Revision

_OF_REPO = {"dangling-ref": "dangling-ref", "bad-ref": "bad-ref", "unreadable": "unreadable"}


def gaps_of(
    repo: Repo, revision: Revision | None = None, *, tiers: Sequence[str] = ()
) -> Iterator[FileVerdict]:
    """Yield what is seen to be wrong where the files of a revision should be.

    Without a revision: of all, and the repo's refs and folders that cannot be read.
    """
    for every in repo.revisions if revision is None else (revision,):
        yield from _dead_links(repo, every, tiers)
        yield from _in_the_way(repo, every)
    for problem in repo.problems if revision is None else ():
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


def _dead_links(repo: Repo, revision: Revision, tiers: Sequence[str]) -> Iterator[FileVerdict]:
    cache = os.path.dirname(repo.path)
    for file in revision.files:
        if file.blob is None:
            link = f"{revision.path}/{file.path}"
            missing = _why_dead(link, cache, tiers)
            yield FileVerdict(repo.name, revision.commit, file.path, None, 0, missing)


def _why_dead(link: str, cache: str, tiers: Sequence[str]) -> Missing:
    """Return what is wrong with a snapshot's entry behind which the scan found no content."""
    real = os.path.realpath(link)
    target = t("It leads to {target}.", target=real)
    tier = lies_in(real, tiers)
    gone = why_lost(tier) if tier is not None else None
    if tier is not None and gone is not None:
        told = lost_tier(link, tier, gone).message
        return Missing("unreadable" if gone == "closed" else "missing-blob", told)
    if not stays_inside(real, cache, tiers):
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
    """Yield the paths where a folder, pipe or device stands instead of a file."""
    manifest = read_manifest(repo.path, revision.commit)
    cached = {file.path for file in revision.files}
    if manifest is None:
        found = set(_empty_folders(revision.path))
    else:
        absent = manifest.keys() - cached
        found = {path for path in absent if os.path.lexists(f"{revision.path}/{path}")}
    inside = f"{revision.path}/"
    found |= {
        problem.path.removeprefix(inside)
        for problem in repo.problems
        if problem.kind == "foreign-file" and problem.path.startswith(inside)
    }
    for path in sorted(found - cached):
        yield FileVerdict(repo.name, revision.commit, path, None, 0, Missing("not-a-file"))


def _empty_folders(snapshot: str) -> Iterator[str]:
    """Yield the empty folders that are named as files are.

    Clients make a folder just before they put a file into it, so any other may be theirs.
    """
    for folder, folders, names in os.walk(snapshot):
        suffix = os.path.splitext(folder)[1]
        if not folders and not names and suffix[1:].isalpha() and folder != snapshot:
            yield os.path.relpath(folder, snapshot).replace(os.sep, "/")
