"""The marks of what a commit does not have, which come with it: without them nobody knows.

    .no_exist/<commit>/<path>        an empty file of the Hub's clients

Loading asks for files that most models lack. Where no list of the commit's files is cached, as of
clients before 1.22, only a mark tells that such a file need not be asked for again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.errors import UnsafeListing
from swarmcache.hubcache.layout import NO_EXIST, SNAPSHOTS
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.publishing import make_folder, share, sync_folders
from swarmcache.transfer.listing import check_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def marks_of(home: str, commit: str) -> tuple[str, ...]:
    """Return the paths that a repo's folder knows a commit not to have; of odd names none.

    A mark of a file that the commit has there is wrong, and none.
    """
    marks = f"{home}/{NO_EXIST}/{commit}"
    files = (f"{folder}/{name}" for folder, _, names in os.walk(marks) for name in names)
    paths = (os.path.relpath(file, marks) for file in files)
    return tuple(_lacking(home, commit, sorted(path for path in paths if _is_name(path))))


def put_marks(home: str, commit: str, paths: Iterable[str]) -> None:
    """Mark what a commit does not have, in a repo's folder; never a file that the commit has there.

    Each mark is made in one step, so that killed at any instant a rerun makes the rest. OSError.
    """
    folders = set()
    for path in _lacking(home, commit, paths):
        mark = f"{home}/{NO_EXIST}/{commit}/{path}"
        if os.path.lexists(mark):
            continue
        folder = os.path.dirname(mark)
        with suppress(FileExistsError, NotADirectoryError):  # A client has just seen the same.
            make_folder(folder)
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            share(mark, folder)
            folders.add(folder)
    sync_folders(sorted(folders))


def _lacking(home: str, commit: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield what of these paths neither the commit's snapshot nor the list of its files has."""
    has = read_manifest(home, commit) or {}
    snapshot = f"{home}/{SNAPSHOTS}/{commit}"
    for path in paths:
        if path not in has and not os.path.lexists(f"{snapshot}/{path}"):
            yield path


def _is_name(path: str) -> bool:
    try:
        check_path(path)
    except UnsafeListing:
        return False
    return True
