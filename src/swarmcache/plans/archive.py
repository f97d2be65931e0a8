"""One model with everything it needs as a tar: written from a cache, read into one.

    models--org--name/blobs/<etag>                  the content, once each
                     /snapshots/<commit>/<path>     links, as the Hub's clients make them
                     /refs/<ref>, /trees/<commit>.json, /.no_exist/<commit>/<path>

A file that nothing names a hash of stands in its snapshot itself, as it does in its cache; the
comment of its pax header, `sha256:<hash>`, tells what left. `tar x` into an empty folder makes a
cache of it all that every client reads. What is read is hostile until it has proven to be just
this, whole to the blocks that end a tar, and each content to be what its name or comment says.
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

from swarmcache.errors import (
    FULL,
    InvalidRepoId,
    TransferError,
    UnsafeListing,
    WrongBytes,
    disk_full,
)
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import new_digest
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.layout import (
    BLOBS,
    LOCKS,
    NO_EXIST,
    REFS,
    SNAPSHOTS,
    TREES,
    check_repo_id,
    folder_name,
    is_commit,
    is_sha256,
    parse_folder_name,
)
from swarmcache.hubcache.manifest import manifest_path
from swarmcache.hubcache.publishing import make_folder, share
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.plans.exportable import Content, changed, hashed
from swarmcache.plans.marks import marks_of
from swarmcache.progress import Silent
from swarmcache.transfer.claims import new_folder, sweep
from swarmcache.transfer.listing import check_path
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.putting import let_settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.plans.exportable import Exportable, Exported
    from swarmcache.progress import Progress

_CHUNK = 2**20
_MOST_TEXT = 64 * 2**20
"""Bytes of a ref or a list of files at most."""
_END, _CUT = "EOFHeaderError", frozenset({"EmptyHeaderError", "TruncatedHeaderError"})
"""What `tarfile` finds in the place of a header: the block that ends a tar, or no more bytes."""
_COMMENT = "comment"
"""The keyword of a pax header that every tar passes over in silence (POSIX, pax)."""
_SHA256 = "sha256:"


def write_archive(
    wanted: Iterable[Exportable], stream: IO[bytes], progress: Progress | None = None
) -> int:
    """Write revisions to a stream, and return how many bytes of content that were.

    Raises WrongBytes for a file that has other bytes than it must, or is written meanwhile: what
    was written of the stream then has no end, and `unpacked` refuses it.
    """
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar, progress or Silent())
        for model in wanted:
            writer.write(model)
    return writer.written


@contextlib.contextmanager
def unpacked(
    stream: IO[bytes], cache: str, environment: Environment, hear: Callable[[int], None]
) -> Iterator[str]:
    """Yield a folder beside the cache that holds what an archive has, proven; gone afterwards.

    `hear` is told of bytes of content as they come. The stream is read to its end, so that its
    writer has not written in vain. Raises UnsafeListing for anything that is no such archive or
    has no model, TransferError for one that was cut off, WrongBytes for content that is not what
    its name says, DiskFull where there is no room.
    """
    partials = partials_folder(cache, environment)
    sweep(partials)  # What killed imports have unpacked may be all the room that there is.
    with _naming(cache):
        folder = new_folder(partials, owners.this_process())
    try:
        with _naming(cache):
            ledger = Ledger(state_folder(folder, environment))
            _read(stream, _Reader(folder, ledger, hear))
            while stream.read(_CHUNK):
                pass
            ledger.flush()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _naming(cache: str) -> Iterator[None]:
    """Name the cache where its disk is full: what it is unpacked to is nothing to a user."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(cache) from error
        raise


def _read(stream: IO[bytes], reader: _Reader) -> None:
    """Let a reader take each member of a tar; raises where it does not end as a tar does.

    `tarfile` itself takes a stream that ends between two members, or in a header, for whole.
    """
    ended = ""

    class Member(tarfile.TarInfo):
        """A member; what it was that is none, and ends the archive, is remembered."""

        @classmethod
        def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Member:
            """Read the next header."""
            nonlocal ended
            try:
                return super().fromtarfile(tarfile_)
            except tarfile.HeaderError as error:
                ended = ended or type(error).__name__
                raise

    try:
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=Member) as tar:
            for member in tar:
                reader.take(tar, member)
    except tarfile.TarError as error:
        if ended in _CUT or "unexpected end of data" in str(error):
            raise _cut_off() from error
        raise _no_archive(error) from error
    except EOFError as error:
        raise _cut_off() from error
    if ended in _CUT:
        raise _cut_off()
    if ended != _END:
        raise _no_archive("invalid header")
    reader.finish()


def _no_archive(reason: object) -> UnsafeListing:
    return UnsafeListing(t("This is no archive of swarmcache export: {reason}.", reason=reason))


def _cut_off() -> TransferError:
    return TransferError(t("The archive ends too early."))


class _Writer:
    """Writes revisions into one tar."""

    def __init__(self, tar: tarfile.TarFile, progress: Progress) -> None:
        self.written = 0
        """Bytes of content."""
        self._tar = tar
        self._progress = progress
        self._seen: set[str] = set()

    def write(self, model: Exportable) -> None:
        """Add one revision: its content first, its refs last."""
        repo, revision = model.repo, model.revision
        home, task = folder_name(repo.name), repo.name.id
        self._progress.start(task, model.size)
        for file in model.files:
            place = f"{home}/{SNAPSHOTS}/{revision.commit}/{file.path}"
            if file.expected is None:
                self._content(file, place, task, hashed(file, file.blob.path))
                continue
            etag = file.expected.digest
            self._content(file, f"{home}/{BLOBS}/{etag}", task)
            up = "/".join([".."] * (file.path.count("/") + 2))
            self._link(place, f"{up}/{BLOBS}/{etag}")
        manifest = manifest_path(repo.path, revision.commit)
        with contextlib.suppress(FileNotFoundError), open(manifest, "rb") as listing:
            self._text(f"{home}/{TREES}/{revision.commit}.json", listing.read())
        for path in marks_of(repo.path, revision.commit):
            self._text(f"{home}/{NO_EXIST}/{revision.commit}/{path}", b"")
        for ref in revision.refs:
            self._text(f"{home}/{REFS}/{ref}", revision.commit.encode())
        self._progress.finish(task)

    def _content(self, file: Exported, name: str, task: str, digest: str = "") -> None:
        """Add content; with `digest`, the sha256 of what nothing names, that is told with it."""
        if name in self._seen:
            return
        self._seen.add(name)
        with Content(file, partial(self._progress.advance, task)) as content:
            member = _member(name, content.size)
            if digest:
                member.pax_headers = {_COMMENT: f"{_SHA256}{digest}"}
            self._tar.addfile(member, content)
            if content.digest() != digest and digest:
                raise file.wrong(changed(file))
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


class _Reader:
    """Unpacks one archive into a folder, member by member."""

    def __init__(self, folder: str, ledger: Ledger, hear: Callable[[int], None]) -> None:
        self._folder = folder
        self._ledger = ledger
        self._hear = hear
        self._entries: list[str] = []
        """What stands in snapshots."""

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Unpack one member; raises for all that the layout does not have."""
        member.name = member.name.removeprefix("./")  # As `tar -C export -c .` writes them.
        if member.isdir() or member.name.startswith(f"{LOCKS}/"):
            return
        check_path(member.name)
        try:
            self._take(tar, member)
        except (FileExistsError, FileNotFoundError, NotADirectoryError, InvalidRepoId) as error:
            raise _odd(member.name) from error  # A name twice, or below what is no folder.

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        home, part, rest = (*member.name.split("/", 2), "", "")[:3]
        place = f"{self._folder}/{member.name}"
        repo = parse_folder_name(home)
        if repo is None or not rest:
            raise _odd(member.name)
        check_repo_id(repo.id)
        make_folder(os.path.dirname(place))
        if part == SNAPSHOTS and member.issym():
            self._link(member, rest, place)
        elif part == SNAPSHOTS and member.isreg() and is_commit(rest.partition("/")[0]):
            self._plain(_content(tar, member), member, place)
        elif part == BLOBS and member.isreg() and algorithm_of(rest) is not None:
            self._blob(_content(tar, member), member, place)
        elif self._is_mark(part, rest) and member.isreg() and not member.size:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        elif self._is_text(part, rest) and member.isreg() and member.size <= _MOST_TEXT:
            with open(place, "xb") as file:
                file.write(_content(tar, member).read())
            share(place, os.path.dirname(place))
        else:
            raise _odd(member.name)

    def finish(self) -> None:
        """Raise UnsafeListing unless there is a model, and each link has its content."""
        if not self._entries:
            raise UnsafeListing(t("The archive holds no model."))
        for place in self._entries:
            if not os.path.exists(place):
                name = os.path.relpath(place, self._folder)
                raise UnsafeListing(t("The archive lacks the content of {name}.", name=name))

    @staticmethod
    def _is_mark(part: str, rest: str) -> bool:
        commit, _, path = rest.partition("/")
        return part == NO_EXIST and is_commit(commit) and bool(path)

    @staticmethod
    def _is_text(part: str, rest: str) -> bool:
        return part == REFS or (part == TREES and is_commit(rest.removesuffix(".json")))

    def _link(self, member: tarfile.TarInfo, rest: str, place: str) -> None:
        commit, _, path = rest.partition("/")
        etag = posixpath.basename(member.linkname)
        wanted = "/".join([".."] * (path.count("/") + 2)) + f"/{BLOBS}/{etag}"
        if not (is_commit(commit) and path and member.linkname == wanted and algorithm_of(etag)):
            raise _odd(member.name)
        os.symlink(member.linkname, place)
        self._entries.append(place)

    def _plain(self, content: IO[bytes], member: tarfile.TarInfo, place: str) -> None:
        comment = member.pax_headers.get(_COMMENT, "")
        if not (comment.startswith(_SHA256) and is_sha256(comment.removeprefix(_SHA256))):
            raise _odd(member.name)
        self._unpack(content, member, place, ("sha256", comment.removeprefix(_SHA256)))
        self._entries.append(place)

    def _blob(self, content: IO[bytes], member: tarfile.TarInfo, place: str) -> None:
        etag = os.path.basename(place)
        algorithm = algorithm_of(etag)
        assert algorithm is not None  # noqa: S101 - told apart by the caller
        self._unpack(content, member, place, (algorithm, etag))
        let_settle(place)
        self._ledger.record(algorithm, fingerprint_of(place), etag, [etag])

    def _unpack(
        self,
        content: IO[bytes],
        member: tarfile.TarInfo,
        place: str,
        expected: tuple[Algorithm, str],
    ) -> None:
        """Write content, and raise WrongBytes where its hash is not the expected one."""
        digest = new_digest(expected[0], member.size)
        with open(place, "xb") as file:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                self._hear(len(chunk))
                os.utime(self._folder)  # Told to other machines, which see no process of ours.
            file.flush()
            os.fsync(file.fileno())
        share(place, os.path.dirname(place))
        if digest.hexdigest() != expected[1]:
            raise WrongBytes(
                t("{path} in the archive is not what its name says.", path=member.name)
            )


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
