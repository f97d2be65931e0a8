"""Refs: the files that say which commit a branch or tag is."""

from __future__ import annotations

import contextlib
import os

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import (
    REFS,
    SNAPSHOTS,
    RepoName,
    Target,
    check_repo_id,
    check_revision,
    folder_name,
    is_commit,
    is_short_commit,
)
from swarmcache.hubcache.publishing import make_folder, publish
from swarmcache.locale import t


def read_ref(cache: str, name: RepoName, revision: str) -> str | None:
    """Return the commit that a branch or tag points to in the cache, or None.

    A ref that holds no commit counts as absent, as it does for the Hub's clients.
    """
    try:
        with open(_path(cache, name, revision), encoding="ascii") as file:
            commit = file.read(64)
    except (OSError, UnicodeDecodeError):
        return None
    return commit if is_commit(commit) else None


def in_full(target: Target, cache: str) -> Target:
    """Return a target at the whole commit where its revision is the beginning of one.

    As `Repo.revision` has it: of one commit that is cached, and no ref. For what goes to the Hub,
    into refs or into a lock, where a commit has all its digits.
    """
    short = target.revision
    if not is_short_commit(short) or read_ref(cache, target.name, short) is not None:
        return target
    try:
        names = os.listdir(os.path.join(cache, folder_name(target), SNAPSHOTS))
    except OSError:
        return target
    found = [name for name in names if name.startswith(short) and is_commit(name)]
    return target._replace(revision=found[0]) if len(found) == 1 else target


def ref_written(cache: str, name: RepoName, revision: str) -> float:
    """Return when a branch or tag was written last, in seconds since the epoch; 0.0 for never."""
    try:
        return os.stat(_path(cache, name, revision)).st_mtime
    except OSError:
        return 0.0


def write_ref(
    cache: str, name: RepoName, revision: str, commit: str, *, staging: str | None = None
) -> bool:
    """Point a branch or tag to a commit, and return whether that changed anything.

    One rename replaces the old ref, so that no reader meets an empty file (huggingface_hub
    #4829, where clients before 1.31 wrote in place). No newline follows the commit: with one,
    offline lookups fail. It is made ready in the folder `staging`, if that is given: beside the
    other refs, what a killed process leaves would be one of them. Raises InvalidRepoId for names
    no cache can hold, OSError from the disk.
    """
    check_repo_id(name.id)
    check_revision(revision)
    if not is_commit(commit) or is_commit(revision):
        raise InvalidRepoId(
            t("{revision} cannot be a ref to {commit}.", revision=revision, commit=repr(commit))
        )
    if read_ref(cache, name, revision) == commit:
        return False
    path = _path(cache, name, revision)
    make_folder(os.path.dirname(path))
    temporary = f"{staging}/ref" if staging else f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "x", encoding="ascii") as file:
            file.write(commit)
        publish(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def _path(cache: str, name: RepoName, revision: str) -> str:
    return os.path.join(cache, folder_name(name), REFS, *revision.split("/"))
