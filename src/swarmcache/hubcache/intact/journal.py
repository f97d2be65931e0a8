"""Lines appended by many processes, and read again by them: nothing worse than a lost line."""

from __future__ import annotations

import os
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.belonging import give, opened
from swarmcache.hubcache.drafts import draft_of
from swarmcache.hubcache.state import file_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_MAX_READ = 1 << 30


class Journal:
    """A file of lines, each with a checksum; what is torn, foreign or garbage is no line."""

    def __init__(self, path: str, mode: int = 0o700) -> None:
        self.path = path
        self._mode = file_mode(mode)
        self._inode = 0
        self._offset = 0

    def news(self) -> Iterator[bytes]:
        """Yield the lines added since the last call, by whichever process; OSError never."""
        return unsealed(self._added())

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines by one write; raises OSError where they cannot be written."""
        if not lines:
            return
        with self._opened() as handle:
            torn = os.fstat(handle).st_size > 0
            if torn:
                os.lseek(handle, -1, os.SEEK_END)
                torn = os.read(handle, 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + b"".join(map(sealed, lines)))

    def rewrite(self, kept: Callable[[], Iterable[bytes]]) -> None:
        """Replace all lines by one rename; raises OSError where it cannot be written.

        `kept` is asked for the lines when nobody else can add one any more.
        """
        with self._opened(), draft_of(self.path) as draft:
            with open(draft, "xb") as file:
                file.writelines(map(sealed, kept()))
            with suppress(OSError):
                os.chmod(draft, self._mode)
            give(draft)
            os.replace(draft, self.path)

    def _added(self) -> bytes:
        """Return the whole lines behind those already read; of a new file, all of them."""
        try:
            with open(self.path, "rb", buffering=0, opener=_open_at_once) as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._offset:
                    self._inode, self._offset = found.st_ino, 0
                if found.st_size == self._offset:
                    return b""
                file.seek(self._offset)
                added = file.read(_MAX_READ) or b""
        except OSError:
            return b""
        added = added[: added.rfind(b"\n") + 1]
        self._offset += len(added)
        return added

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield the file, locked; again when it was replaced before the lock was had."""
        while True:
            handle = self._open()
            try:
                _lock(handle)
                if _is_at(handle, self.path):
                    yield handle
                    return
            finally:
                os.close(handle)

    def _open(self) -> int:
        handle = opened(self.path, os.O_RDWR | os.O_APPEND, 0o600)
        with suppress(OSError):
            if not os.fstat(handle).st_size:
                os.fchmod(handle, self._mode)
        return handle


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, and wait for no writer where a pipe stands in its place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def sealed(line: bytes) -> bytes:
    """Return a line, without a line break of its own, as it is written: with its checksum."""
    return b"%s %08x\n" % (line, zlib.crc32(line))


def unsealed(content: bytes) -> Iterator[bytes]:
    """Yield the lines that were written whole; what is torn, foreign or garbage is passed over."""
    for line in content.split(b"\n"):
        text, _, checksum = line.rpartition(b" ")
        if checksum == b"%08x" % zlib.crc32(text):
            yield text


def _lock(handle: int) -> None:
    """Wait for the file's kernel lock; where there are none, a line may be lost, no more."""
    with suppress(ImportError, OSError):
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(handle, fcntl.LOCK_EX)


def _is_at(handle: int, path: str) -> bool:
    held = os.fstat(handle)
    try:
        found = os.stat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
