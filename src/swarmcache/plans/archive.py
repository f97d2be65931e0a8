"""One model with everything it needs as a tar: written from a cache, read into one.

    models--org--name/blobs/<etag>                  the content, once each
                     /snapshots/<commit>/<path>     links, as the Hub's clients make them
                     /refs/<ref>, /trees/<commit>.json

`tar x` into an empty folder makes a cache of it that every client reads. What is read is hostile
until it has proven to be just this, and each blob to be what its name says.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import shutil
import tarfile
from functools import partial
from typing import IO, TYPE_CHECKING

from swarmcache.errors import TransferError, UnsafeListing, WrongBytes
from swarmcache.hubcache.intact.expectations import algorithm_of, expected_of
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import new_digest
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.layout import (
    BLOBS,
    REFS,
    SNAPSHOTS,
    TREES,
    folder_name,
    is_commit,
    parse_folder_name,
)
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.reading import open_quietly
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.progress import Silent
from swarmcache.transfer.claims import new_folder
from swarmcache.transfer.listing import check_path
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.putting import let_settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.scan import Repo, Revision
    from swarmcache.progress import Progress

_CHUNK = 2**20
_MOST_TEXT = 64 * 2**20
"""Bytes of a ref or a list of files at most."""


def write_archive(
    wanted: Iterable[tuple[Repo, Revision]], stream: IO[bytes], progress: Progress | None = None
) -> int:
    """Write revisions to a stream, and return how many bytes of content that were.

    Raises WrongBytes for a file whose content is not there, or that nothing names a hash of.
    """
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar, progress or Silent())
        for repo, revision in wanted:
            writer.write(repo, revision)
    return writer.written


@contextlib.contextmanager
def unpacked(
    stream: IO[bytes], cache: str, environment: Environment, hear: Callable[[int], None]
) -> Iterator[str]:
    """Yield a folder beside the cache that holds what an archive has, proven; gone afterwards.

    `hear` is told of bytes of content as they come.
    Raises UnsafeListing for anything that is no such archive, WrongBytes for a blob that is not
    what its name says, DiskFull where there is no room.
    """
    folder = new_folder(partials_folder(cache, environment), owners.this_process())
    try:
        ledger = Ledger(state_folder(folder, environment))
        reader = _Reader(folder, ledger, hear)
        try:
            with tarfile.open(fileobj=stream, mode="r|*") as tar:
                for member in tar:
                    reader.take(tar, member)
        except tarfile.TarError as error:
            raise UnsafeListing(
                t("This is no archive of swarmcache export: {reason}.", reason=error)
            ) from error
        except EOFError as error:
            raise TransferError(t("The archive ends too early.")) from error
        ledger.flush()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Writer:
    """Writes revisions into one tar."""

    def __init__(self, tar: tarfile.TarFile, progress: Progress) -> None:
        self.written = 0
        """Bytes of content."""
        self._tar = tar
        self._progress = progress
        self._seen: set[str] = set()

    def write(self, repo: Repo, revision: Revision) -> None:
        """Add one revision: its content first, its refs last."""
        home, task = folder_name(repo.name), repo.name.id
        self._progress.start(task, sum(blob.size for _, blob in revision.files if blob))
        for path, etag, location in exportable(repo, revision):
            self._blob(f"{home}/{BLOBS}/{etag}", location, task)
            up = "/".join([".."] * (path.count("/") + 2))
            self._link(f"{home}/{SNAPSHOTS}/{revision.commit}/{path}", f"{up}/{BLOBS}/{etag}")
        manifest = manifest_path(repo.path, revision.commit)
        with contextlib.suppress(FileNotFoundError), open(manifest, "rb") as file:
            self._text(f"{home}/{TREES}/{revision.commit}.json", file.read())
        for ref in revision.refs:
            self._text(f"{home}/{REFS}/{ref}", revision.commit.encode())
        self._progress.finish(task)

    def _blob(self, name: str, location: str, task: str) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        handle = open_quietly(location)
        with os.fdopen(handle, "rb", buffering=0) as file:
            member = _member(name, os.fstat(handle).st_size)
            self._tar.addfile(member, _Counted(file, partial(self._progress.advance, task)))
            self.written += member.size

    def _link(self, name: str, target: str) -> None:
        if name not in self._seen:
            self._seen.add(name)
            member = _member(name, 0)
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
            self._tar.addfile(member)

    def _text(self, name: str, content: bytes) -> None:
        if name not in self._seen:
            self._seen.add(name)
            self._tar.addfile(_member(name, len(content)), io.BytesIO(content))


class _Counted(io.RawIOBase):
    """A file of which somebody hears how far it is read."""

    def __init__(self, file: io.FileIO, hear: Callable[[int], None]) -> None:
        self._file = file
        self._hear = hear

    def read(self, size: int = -1) -> bytes:
        """Read, and tell how much that was."""
        content = self._file.read(size) or b""
        self._hear(len(content))
        return content


class _Reader:
    """Unpacks one archive into a folder, member by member."""

    def __init__(self, folder: str, ledger: Ledger, hear: Callable[[int], None]) -> None:
        self._folder = folder
        self._ledger = ledger
        self._hear = hear

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Unpack one member; raises for all that the layout does not have."""
        if member.isdir():
            return
        check_path(member.name)
        home, part, rest = (*member.name.split("/", 2), "", "")[:3]
        place = f"{self._folder}/{member.name}"
        if parse_folder_name(home) is None or not rest:
            raise _odd(member.name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if part == SNAPSHOTS and member.issym():
            self._link(member, rest, place)
        elif part == BLOBS and member.isreg() and algorithm_of(rest) is not None:
            self._blob(_content(tar, member), member, place)
        elif self._is_text(part, rest) and member.isreg() and member.size <= _MOST_TEXT:
            with open(place, "xb") as file:
                file.write(_content(tar, member).read())
        else:
            raise _odd(member.name)

    @staticmethod
    def _is_text(part: str, rest: str) -> bool:
        return part == REFS or (part == TREES and is_commit(rest.removesuffix(".json")))

    @staticmethod
    def _link(member: tarfile.TarInfo, rest: str, place: str) -> None:
        commit, _, path = rest.partition("/")
        etag = posixpath.basename(member.linkname)
        wanted = "/".join([".."] * (path.count("/") + 2)) + f"/{BLOBS}/{etag}"
        if not (is_commit(commit) and path and member.linkname == wanted and algorithm_of(etag)):
            raise _odd(member.name)
        os.symlink(member.linkname, place)

    def _blob(self, content: IO[bytes], member: tarfile.TarInfo, place: str) -> None:
        etag = os.path.basename(place)
        algorithm = algorithm_of(etag)
        assert algorithm is not None  # noqa: S101 - told apart by the caller
        digest = new_digest(algorithm, member.size)
        with open(place, "xb") as file:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                self._hear(len(chunk))
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != etag:
            raise WrongBytes(
                t("{path} in the archive is not what its name says.", path=member.name)
            )
        let_settle(place)
        self._ledger.record(algorithm, fingerprint_of(place), etag, [etag])


def exportable(repo: Repo, revision: Revision) -> Iterator[tuple[str, str, str]]:
    """Yield path, etag and location of each file of a revision.

    Raises WrongBytes for one whose content is not there, or that nothing names a hash of.
    """
    records = read_manifest(repo.path, revision.commit) or {}
    for path, blob in revision.files:
        expected = None if blob is None else expected_of(blob, records.get(path))
        if blob is None or expected is None:
            raise WrongBytes(
                t(
                    "{path} of {id} is not there, or nothing names its hash.",
                    path=path,
                    id=repo.name.id,
                ),
                hint=("swarmcache", "check", repo.name.spelled),
            )
        yield path, expected.digest, blob.path


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise _odd(member.name)
    return content


def _odd(name: str) -> UnsafeListing:
    return UnsafeListing(t("An archive of a model has no {name}.", name=repr(name[:80])))
