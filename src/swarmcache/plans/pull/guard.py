"""A ref of our own keeps `hf cache prune` from a revision that is just being made visible.

A prune deletes what no ref led to when it read the refs, whenever it comes to deleting; so the few
milliseconds between a snapshot's rename and its ref's would cost a finished download (seen once in
a hundred pulls against prunes in a loop, huggingface_hub 2.4.0). With this ref the commit has one
before its first file is seen:

    snapshots/<commit>/             empty
    refs/swarmcache.<owner>         leads there, until the real ref does

What a killed process leaves is an empty folder and a ref to it, and the next pull removes it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import REFS
from swarmcache.hubcache.publishing import make_folder, share, sync_folders
from swarmcache.hubcache.use import owners

if TYPE_CHECKING:
    from collections.abc import Iterator

GUARD = "swarmcache."
_OLD_SECONDS = 300.0
"""After so long a guard of another machine stands for nobody."""


@contextmanager
def guarded(repo: str, snapshot: str, staging: str) -> Iterator[None]:
    """Keep a commit's snapshot from prunes inside; OSError from the disk.

    `repo` is the repo's folder, `staging` one of our own in which a file can be made ready.
    """
    refs, snapshots = f"{repo}/{REFS}", os.path.dirname(snapshot)
    guard = f"{refs}/{GUARD}{owners.this_process().record}"
    staged = f"{staging}/guard"
    with open(staged, "w", encoding="ascii") as file:
        file.write(os.path.basename(snapshot))
    make_folder(refs)
    make_folder(snapshots)
    try:
        with suppress(FileExistsError):
            os.mkdir(snapshot)
            share(snapshot, snapshots)
        os.replace(staged, guard)  # At once: until then the empty folder is a prune's.
        sync_folders([refs, snapshots])
        yield
    finally:
        with suppress(OSError):
            os.unlink(guard)
        with suppress(OSError):
            os.rmdir(snapshot)  # Only where it is still empty.


def drop_guards(repo: str) -> None:
    """Remove the guards of killed processes from a repo's folder; never raises."""
    with suppress(OSError):
        for name in os.listdir(f"{repo}/{REFS}"):
            if name.startswith(GUARD) and _is_left(f"{repo}/{REFS}", name):
                with suppress(OSError):
                    _drop(repo, name)


def _is_left(refs: str, name: str) -> bool:
    owner = owners.parse_record(name.removeprefix(GUARD))
    if owner is not None and owner.is_near:
        return owners.start_time(owner.pid) != owner.start
    return (
        owners.file_system_time(os.path.dirname(refs)) - os.stat(f"{refs}/{name}").st_mtime
        > _OLD_SECONDS
    )


def _drop(repo: str, name: str) -> None:
    with open(f"{repo}/{REFS}/{name}", encoding="ascii") as file:
        commit = file.read(64)
    os.unlink(f"{repo}/{REFS}/{name}")
    with suppress(OSError):
        os.rmdir(f"{repo}/snapshots/{os.path.basename(commit)}")
