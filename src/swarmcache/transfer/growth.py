"""How a download gets on, seen from outside: by what appears in the repo's folder.

No client reports its bytes in a way that all versions share; the folder is the same for all.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import RemoteFile


@final
class Growth:
    """Watches one repo's folder while a client fills it, and tells a Progress."""

    def __init__(
        self,
        cache: str,
        folder: str,
        task: str,
        wanted: Sequence[RemoteFile],
        progress: Progress | None,
    ) -> None:
        self._folder = os.path.join(cache, folder)
        self._task = task
        self._progress = progress
        self._wanted = {file.content: file.size or 0 for file in wanted}
        self._total = sum(self._wanted.values())
        self._seen = self._measure()
        self._told = 0

    def __enter__(self) -> Growth:
        """Tell that the work begins; what is there already counts as done."""
        if self._progress is not None:
            self._progress.start(self._task, self._total)
            self._tell()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell that the work is over."""
        if self._progress is not None:
            if kind is None:
                self._progress.advance(self._task, max(0, self._total - self._told))
            self._progress.finish(self._task)

    def look(self) -> bool:
        """Return whether anything has changed since the last look."""
        found = self._measure()
        changed = found != self._seen
        self._seen = found
        if changed:
            self._tell()
        return changed

    def _tell(self) -> None:
        """Advance to the bytes seen; never back, and never past the total."""
        done = min(self._seen[0], self._total)
        if self._progress is not None and done > self._told:
            self._progress.advance(self._task, done - self._told)
            self._told = done

    def _measure(self) -> tuple[int, int]:
        """Return the bytes here of what is wanted, and how many files the repo's folder holds."""
        here: dict[str, int] = {}
        count = 0
        for entry in _files(os.path.join(self._folder, BLOBS)):
            etag = entry.name.partition(".")[0]
            if etag in self._wanted:
                here[etag] = max(here.get(etag, 0), _size(entry))
            count += 1
        count += sum(1 for _ in _files(os.path.join(self._folder, SNAPSHOTS)))
        return sum(min(size, self._wanted[etag]) for etag, size in here.items()), count


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder; those that come and go meanwhile may be left out."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                entries = list(found)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield entry


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0
