"""A download under way: its bytes, and a journal that survives whatever stops it.

    .locks/.swarmcache/partial/<key>/
    ├── owner.…         who works on it (hubcache/use/owners.py)
    ├── data            the bytes, with holes; hard-linked into `blobs` once they are proven
    └── journal         what of them is there

Each line of the journal ends with a checksum; what is torn counts for nothing:

    size <bytes> <boot>             a session begins, in this boot of this machine
    written <start> <stop>          handed to the operating system: survives SIGKILL
    durable <start> <stop>          on the disk: survives a power cut
    etag <origin> <validator>       what an origin calls these bytes, for If-Range
    reset                           nothing of all this is true any more

Contents of at most SMALL_BYTES have no journal: they are fetched anew. A line says `durable`
only after the data was synced, and is synced itself, so no more than SYNC_BYTES can be lost to a
power cut; `written` counts only in the same boot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from swarmcache.hubcache.intact.journal import sealed
from swarmcache.hubcache.publishing import share, sync_folders
from swarmcache.hubcache.use.owners import boot_id
from swarmcache.transfer.contents import SMALL_BYTES
from swarmcache.transfer.ranges import Range, Ranges
from swarmcache.transfer.recall import Recall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

DATA = "data"
"""The name of its bytes."""
SYNC_BYTES = 16 * 2**20
"""What a power cut may cost for each file."""
_AT_ONCE = SYNC_BYTES * 3 // 4 - 2**20
"""So much is synced at once …"""
_AHEAD = SYNC_BYTES // 4 - 2**20
"""… while other connections write so much more, and then wait. Each may have a buffer in hand, for
which a MiB is spared twice."""
_SEEN_SECONDS = 5.0
"""How often whoever waits sees that an earlier process's bytes are being hashed."""
_sync_data = getattr(os, "fdatasync", os.fsync)


class Partial:
    """One partial download, open in this process; safe to use from several threads."""

    def __init__(self, folder: str, size: int) -> None:
        """Open or begin it; OSError from the disk. Whoever opens it must own the folder."""
        self.folder = folder
        self.size = size
        self.etags: dict[str, str] = {}
        """By origin: the validator that it gave for these bytes."""
        self.generation = 0
        """Counts the resets."""
        self._lock = threading.Condition()
        self._unsynced = Ranges()
        self._syncing = False
        self._writing: list[Range] = []
        """Bytes that are on their way from a thread to the file."""
        self._is_unquiet = False
        """Whether somebody waits for the last of these."""
        self._closed = False
        self._seen = time.monotonic()
        self._is_anchored = False
        """Whether a power cut leaves the names of the files."""
        self.awaited = size
        """The prefix that must be exceeded to wake whoever waits; `size` when nobody does."""
        self._data = self._opened()
        self._journal = -1
        try:
            self._have = self._recalled()
            self._begin()
            self.resumed = self._have.size
            """Bytes that an earlier process had left."""
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the partial itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def data(self) -> str:
        """The path of its bytes."""
        return f"{self.folder}/{DATA}"

    @property
    def handle(self) -> int:
        """The open file of its bytes."""
        return self._data

    @property
    def have(self) -> int:
        """Bytes that are there."""
        with self._lock:
            return self._have.size

    @property
    def prefix(self) -> int:
        """Bytes that are there from the first on."""
        with self._lock:
            return self._have.prefix

    def ranges(self) -> list[Range]:
        """Return what is there."""
        with self._lock:
            return list(self._have)

    def missing(self) -> list[Range]:
        """Return what is not there yet."""
        with self._lock:
            return list(self._have.missing(self.size))

    def write(self, at: int, content: memoryview, generation: int = 0) -> int:
        """Put what lacks of some bytes to its place, and return how many those were.

        Bytes that are there, or that another thread is bringing, are never written over: what is
        hashed stays what it was. Bytes of an earlier `generation` come too late, after a reset.
        OSError from the disk.
        """
        with self._lock:
            parts = self._admitted(Range(at, at + len(content)), generation)
        try:
            for part in parts:
                self._put(part, content[part.start - at : part.stop - at])
        except BaseException:
            with self._lock:
                self._brought(parts)
            raise
        with self._lock:
            self._brought(parts)
            if self._closed or generation != self.generation:
                return 0
            self._noted(parts)
            self._lock.wait_for(lambda: self._unsynced.size < _AHEAD or not self._syncing)
            due = self._unsynced.size >= _AT_ONCE and not (self._syncing or self._closed)
        if due:
            self.sync()
        return sum(part.size for part in parts)

    def await_prefix(self, beyond: int, seconds: float) -> int:
        """Return `prefix` once it exceeds `beyond`, or as it is after so many seconds."""
        with self._lock:
            self.awaited = beyond
            self._lock.wait_for(lambda: self._have.prefix > beyond, seconds)
            self.awaited = self.size
            return self._have.prefix

    def sync(self) -> None:
        """Have everything written so far on the disk, and the journal say so."""
        with self._lock:
            self._lock.wait_for(lambda: not self._syncing)
            synced, self._unsynced = self._unsynced, Ranges()
            generation = self.generation
            self._syncing = synced.size > 0
        if not synced.size:
            return
        try:
            with _of(self.data):
                _sync_data(self._data)
            if self._journal >= 0:
                self._anchor()
                with self._lock:
                    if generation == self.generation:
                        self._note(*(b"durable %d %d" % one for one in synced))
                with _of(self.data):
                    _sync_data(self._journal)
        finally:
            with self._lock:
                self._syncing = False
                self._close_if_quiet()
                self._lock.notify_all()

    def settle(self) -> None:
        """Have all bytes on the disk, which are about to be published; the journal may lag."""
        with _of(self.data):
            _sync_data(self._data)

    def name(self, origin: str, etag: str) -> None:
        """Remember what an origin calls these bytes."""
        with self._lock:
            self.etags[origin] = etag
            self._note(_etag_line(origin, etag))

    def get_on(self) -> None:
        """Let whoever waits for these bytes see that work is done on them; never raises."""
        now = time.monotonic()
        if now - self._seen > _SEEN_SECONDS and self._journal >= 0:
            self._seen = now
            with contextlib.suppress(OSError):
                os.utime(f"{self.folder}/journal")

    def reset(self) -> None:
        """Forget all bytes: they were proven wrong, or belong to another file."""
        with self._lock:
            self.generation += 1
            self._is_unquiet = True
            self._lock.wait_for(self._is_quiet)
            self._is_unquiet = False
            self._note(b"reset", self._session())
            self._have, self._unsynced = Ranges(), Ranges()
            self.etags.clear()
            self._empty()

    def close(self) -> None:
        """Close the files; nothing is lost by it, and what a thread still brings is dropped.

        Never waits: a thread that is in the middle of a write closes them when that is done. The
        number of an open file must not become another file's under it.
        """
        with self._lock:
            self._closed = True
            self._lock.notify_all()
            self._close_if_quiet()

    def _close_if_quiet(self) -> None:
        if self._closed and self._is_quiet():
            for handle in (self._data, self._journal):
                if handle >= 0:
                    with contextlib.suppress(OSError):
                        os.close(handle)
            self._data = self._journal = -1

    def _is_quiet(self) -> bool:
        return not self._writing and not self._syncing

    def _admitted(self, wanted: Range, generation: int) -> list[Range]:
        """Return the parts of a range that may be written now, noted as under way."""
        if self._closed or generation != self.generation:
            return []
        busy = Ranges([*self._have, *self._writing]) if self._writing else self._have
        parts = list(busy.lacking(wanted))
        self._writing += parts
        return parts

    def _brought(self, parts: list[Range]) -> None:
        for part in parts:
            self._writing.remove(part)
        self._close_if_quiet()
        if self._is_unquiet:
            self._lock.notify_all()

    def _put(self, part: Range, content: memoryview) -> None:
        done = 0
        while done < part.size:
            with _of(self.data):
                done += os.pwrite(self._data, content[done:], part.start + done)

    def _noted(self, parts: list[Range]) -> None:
        if parts:
            self._note(*(b"written %d %d" % part for part in parts))
        for part in parts:
            self._have.add(part)
            self._unsynced.add(part)
        if self._have.prefix > self.awaited:
            self.awaited = self.size
            self._lock.notify_all()

    def _note(self, *lines: bytes) -> None:
        if self._journal < 0:
            return
        text = b"".join(map(sealed, lines))
        with _of(self.data):
            if os.write(self._journal, text) < len(text):
                os.write(self._journal, b"\n")  # Torn, and no part of the next line.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        return os.open(self.data, flags, 0o666)

    def _empty(self) -> None:
        """Begin with an empty file; one that is a blob as well is left to that."""
        if os.fstat(self._data).st_nlink <= 1:
            os.ftruncate(self._data, 0)
            return
        os.unlink(self.data)
        old, self._data = self._data, self._opened()
        os.close(old)

    def _anchor(self) -> None:
        """Have the names of the files on the disk too, once."""
        if not self._is_anchored:
            self._is_anchored = True
            partials = os.path.dirname(self.folder)
            own = os.path.dirname(partials)
            sync_folders([self.folder, partials, own, os.path.dirname(own)])

    def _session(self) -> bytes:
        return b"size %d %s" % (self.size, boot_id().encode() or b"-")

    def _recalled(self) -> Ranges:
        """Return what the journal knows to be there."""
        recall = Recall.read(self.folder) if self.size > SMALL_BYTES else Recall()
        if recall.size != self.size:
            return Ranges()
        self.etags.update(recall.etags)
        end = min(self.size, os.fstat(self._data).st_size)
        return Ranges(Range(start, min(stop, end)) for start, stop in recall.have)

    def _begin(self) -> None:
        """Write the journal anew, by one rename: short, and only with what is on the disk now."""
        if self.size <= SMALL_BYTES:
            self._empty()
            share(self.data, self.folder)
            return
        if 0 < self._have.size < self.size and os.fstat(self._data).st_nlink > 1:
            self._have = Ranges()  # A blob must not be written to.
        if self._have.size:
            _sync_data(self._data)
        else:
            self._empty()
            share(self.data, self.folder)
        temporary = f"{self.folder}/journal.new"
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._journal = os.open(temporary, flags, 0o666)
        self._note(
            self._session(),
            *(_etag_line(origin, etag) for origin, etag in self.etags.items()),
            *(b"durable %d %d" % one for one in self._have),
        )
        share(temporary, self.folder)
        if self._have.size:
            _sync_data(self._journal)
        os.replace(temporary, f"{self.folder}/journal")


@contextlib.contextmanager
def _of(path: str) -> Iterator[None]:
    """Let an error of an open file name the file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def _etag_line(origin: str, etag: str) -> bytes:
    return b"etag %s %s" % (quote(origin, safe="").encode(), quote(etag, safe="").encode())
