"""The steps that put a ref right, or the reason why it must stay as it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import NotRepairable
from swarmcache.hubcache.complete.weights import select
from swarmcache.hubcache.layout import folder_name, is_commit
from swarmcache.hubcache.locks import is_downloading
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.reading import read_start
from swarmcache.locale import t
from swarmcache.plans.plan import PutManifest, PutRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.intact.expectations import Expected
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.nearby import Nearby
    from swarmcache.plans.plan import Step
    from swarmcache.plans.repair.asking import Asking
    from swarmcache.plans.repair.contents import Contents

_SETTLED_SECONDS = 3600
"""Clients write a ref before the files of its commit: in the middle of a download a ref leads
nowhere, and that is as it should be."""


def misread_ref(repo: RepoName, path: str) -> tuple[Step, ...]:
    """Return how a ref that ends in white space is put right.

    Raises NotRepairable for one that holds no commit: nothing here tells which it was.
    """
    commit = ref_text(path).strip()
    if not is_commit(commit):
        raise NotRepairable(
            t("{path} holds no commit, and nothing tells which it was.", path=path),
            hint=f"swarmcache pull {repo.spelled} --refresh",
        )
    return (PutRef(path, commit),)


def ref_text(path: str) -> str:
    """Return what a ref says; empty when it cannot be read."""
    try:
        return read_start(path, 256).decode("ascii", "replace")
    except OSError:
        return ""


def dangling_ref(  # noqa: PLR0913, PLR0917 - what a whole commit takes
    repo: RepoName,
    path: str,
    cache: str,
    now: float,
    contents: Contents,
    sources: Nearby,
    asking: Asking,
) -> tuple[Step, ...]:
    """Return how the commit that a ref names is brought into the cache: exactly that commit.

    The ref itself is never changed: it is all that tells what the user had. Raises NotRepairable
    while it may belong to a download under way, TransferError and its kin when the commit cannot
    be had.
    """
    if is_downloading(cache, repo):
        raise NotRepairable(t("A download of {id} is under way.", id=repo.id))
    if now - os.stat(path).st_mtime < _SETTLED_SECONDS:
        raise NotRepairable(
            t("{path} is younger than an hour, and may belong to a download.", path=path)
        )
    commit = ref_text(path).strip()
    steps: dict[str, Step] = {}
    manifest = _manifest(repo, commit, cache, sources, asking)
    if manifest is not None:
        steps[manifest.location] = manifest
    for file, expected in _files(repo, commit, sources, asking):
        for step in contents.steps(repo, commit, file, expected):
            steps.setdefault(step.location, step)
    return tuple(steps.values())


def _manifest(
    repo: RepoName, commit: str, cache: str, sources: Nearby, asking: Asking
) -> PutManifest | None:
    """Return the step for the commit's list of files; None where it is there or cannot be had.

    It comes before the files: by it, clients know half a commit for what it is.
    """
    folder = f"{cache}/{folder_name(repo)}"
    if read_manifest(folder, commit) is not None:
        return None
    copy = sources.manifest(repo, commit)
    nearby = sources.files(repo, commit)
    if copy is None and nearby is not None:
        return None
    listing = None if copy else asking.listing(repo, commit)
    return PutManifest(repo, commit, manifest_path(folder, commit), copy, listing)


def _files(
    repo: RepoName, commit: str, sources: Nearby, asking: Asking
) -> Iterator[tuple[str, Expected | None]]:
    """Yield the files of a commit that loading needs, and what each must be where that is known."""
    nearby = sources.files(repo, commit)
    if nearby is not None:
        yield from nearby.items()
        return
    paths = [file.path for file in asking.listing(repo, commit).files]
    for path in select(paths).kept if repo.type == "model" else paths:
        yield path, None
