"""Complete? One definition for `check`, `status`, `pull` and `run`.

A revision is complete when every file that loading needs is there with a plausible size:

1. the ref, or the commit itself, leads to a snapshot;
2. what loading needs is known (`loading.py`): config, one whole weights format, tokenizer,
   generation config, custom code named in `auto_map`; with `full`, every file of the commit;
3. each of them is cached, neither a dead link nor cut off nor empty, its size is the one that the
   commit's manifest names, and a weights file's own header agrees with its size.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeAlias

from swarmcache.hubcache.complete.loading import Needs, needed_files
from swarmcache.hubcache.complete.snapshot import snapshot_of
from swarmcache.hubcache.layout import REFS, folder_name
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import listed, t, tn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.complete.snapshot import Snapshot
    from swarmcache.hubcache.intact.blame import Wrongs
    from swarmcache.hubcache.layout import RepoName, Target
    from swarmcache.hubcache.scan import Repo, Revision

State = Literal["complete", "incomplete", "damaged", "missing", "unknown"]


class Found(NamedTuple):
    """What every outcome tells."""

    commit: str | None = None
    """The commit that the revision leads to, or None when it leads nowhere."""
    snapshot: str | None = None
    """The snapshot's folder, absolute; what offline loading opens."""
    size: int = 0
    """Bytes of content cached for the revision; files that share a blob count once."""
    missing: tuple[str, ...] = ()
    """Paths in the repo that loading needs and the cache lacks."""
    damaged: tuple[str, ...] = ()
    """Paths that are cached and cannot be right."""
    reason: str = ""
    """One sentence for a person; empty when complete."""


class Complete(Found):
    """Everything that loading needs is there."""

    __slots__ = ()
    state: ClassVar[State] = "complete"


class Incomplete(Found):
    """A needed file is absent."""

    __slots__ = ()
    state: ClassVar[State] = "incomplete"


class Damaged(Found):
    """A needed file is cut off, empty or a dead link, or the ref cannot be read."""

    __slots__ = ()
    state: ClassVar[State] = "damaged"


class Missing(Found):
    """Nothing is cached under this name."""

    __slots__ = ()
    state: ClassVar[State] = "missing"


class Unknown(Found):
    """Nothing in the cache tells what loading needs."""

    __slots__ = ()
    state: ClassVar[State] = "unknown"


Outcome: TypeAlias = "Complete | Incomplete | Damaged | Missing | Unknown"


def check(target: Target, cache: str, *, full: bool = False, tiers: Sequence[str] = ()) -> Outcome:
    """Return whether `target` is complete in the cache folder; structural, no network.

    With `full`, every file of the revision is asked for, README included; that can only be told
    where the cache holds the commit's manifest. Links may lead into `tiers`, too. Never raises
    for what it finds inside the repo.
    """
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(target.revision) if repo is not None else None
    if repo is None or revision is None:
        return absent(repo, target, cache)
    return check_revision(repo, revision, full=full)


def absent(repo: Repo | None, target: Target, cache: str) -> Outcome:
    """Return why the cache folder, which has this repo or none, has no snapshot of the revision."""
    if repo is None:
        return Missing(reason=t("Nothing of {id} is cached in {cache}.", id=target.id, cache=cache))
    closed = next((p for p in repo.problems if p.kind == "unreadable"), None)
    if closed is not None:
        return Unknown(reason=closed.message)
    ref_path = os.path.join(repo.path, REFS, target.revision)
    bad_ref = next((p for p in repo.problems if p.kind == "bad-ref" and p.path == ref_path), None)
    if bad_ref is not None:
        return Damaged(reason=bad_ref.message)
    commit = repo.refs.get(target.revision)
    if commit is not None:
        reason = t(
            "{rev} is commit {commit}, of which no file is cached.",
            rev=target.revision,
            commit=commit[:12],
        )
        return Missing(commit=commit, reason=reason)
    if several := repo.begun_by(target.revision):
        reason = t(
            "{rev} is the beginning of several commits; cached: {others}.",
            rev=target.revision,
            others=listed(revision.commit for revision in several),
        )
        return Missing(reason=reason)
    others = listed(name for r in repo.revisions for name in r.refs or (r.commit[:12],))
    if not others:
        reason = t("{folder} holds no snapshot.", folder=folder_name(repo.name))
    else:
        reason = t(
            "No revision {rev} is cached; cached: {others}.", rev=target.revision, others=others
        )
    return Missing(reason=reason)


def check_revision(
    repo: Repo, revision: Revision, *, full: bool = False, known: Wrongs | None = None
) -> Outcome:
    """Return whether a scanned revision is complete.

    `known` is what `verify` found wrong in the cache; looked up when it is not given.
    """
    snapshot = snapshot_of(repo, revision, known)
    outcome = outcome_of(revision, snapshot, needs_of(snapshot, repo.name, full=full))
    lost = next((one for one in repo.problems if one.kind == "lost-tier"), None)
    if lost is not None and isinstance(outcome, (Damaged, Incomplete)):
        return outcome._replace(reason=lost.message)
    return outcome


def needs_of(snapshot: Snapshot, name: RepoName, *, full: bool = False) -> Needs:
    """Return the files that a snapshot must hold: of a model what loading takes, else all."""
    if name.type != "model" or (full and snapshot.manifest is not None):
        return _all_files(snapshot)
    needed = needed_files(snapshot)
    return _all_files(snapshot, at_least=needed.paths) if full else needed


def outcome_of(revision: Revision, snapshot: Snapshot, needs: Needs) -> Outcome:
    """Return whether a scanned revision holds what it must, and holds it soundly."""
    missing = tuple(sorted(needs.paths - snapshot.files.keys()))
    cached = needs.paths if not missing else needs.paths & snapshot.files.keys()
    damaged = tuple(sorted([path for path in cached if not snapshot.is_sound(path)]))
    size = revision_size(revision)
    found = (revision.commit, revision.path, size, missing, damaged)
    if damaged:
        return Damaged(*found, tn("{n} file is damaged.", "{n} files are damaged.", len(damaged)))
    if missing:
        return Incomplete(
            *found, tn("{n} file is missing.", "{n} files are missing.", len(missing))
        )
    if needs.unknown:
        return Unknown(*found, needs.unknown)
    return Complete(*found)


def revision_size(revision: Revision) -> int:
    """Return the bytes of content of a revision; files that share a blob count once."""
    sizes = {blob.inode: blob.size for _, blob in revision.files if blob is not None}
    return sum(sizes.values())


def _all_files(snapshot: Snapshot, *, at_least: frozenset[str] = frozenset()) -> Needs:
    """Return every file of the commit; without its manifest, those cached and those `at_least`."""
    if snapshot.manifest is not None:
        return Needs(frozenset(snapshot.manifest))
    return Needs(
        at_least.union(snapshot.files),
        t("No manifest of this commit is cached to tell all its files."),
    )
