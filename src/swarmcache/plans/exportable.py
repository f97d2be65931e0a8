"""What of a cache may be handed over: a revision that `check` would call complete, proven.

An export is taken for the model. So half a model is refused before a byte is written, and each
byte that leaves is hashed on its way: what is not what its list of files or its blob's name says
ends the export.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied, NotComplete, RepoNotFound, WrongBytes
from swarmcache.hubcache.complete.integrity import Damaged, Incomplete, absent, check_revision
from swarmcache.hubcache.intact.expectations import expected_of
from swarmcache.hubcache.intact.fingerprint import Fingerprint
from swarmcache.hubcache.intact.hashing import Hashed, hash_file, new_digest
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.reading import open_quietly
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import t
from swarmcache.plans.pull.values import two_of
from swarmcache.transfer.listing import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.intact.expectations import Expected
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import Blob, Repo, Revision


class Exported(NamedTuple):
    """One file that is handed over."""

    path: str
    """Its path in the repo."""
    blob: Blob
    expected: Expected | None
    """What its bytes must be; None where nothing names that: it goes as it is (docs/adr/0020)."""
    mend: tuple[str, ...]
    """The command that mends wrong bytes."""

    @property
    def algorithm(self) -> Algorithm:
        """How it is hashed on its way."""
        return self.expected.algorithm if self.expected is not None else "sha256"

    def wrong(self, message: str) -> WrongBytes:
        """Return the error for bytes that must not be handed over."""
        return WrongBytes(message, hint=self.mend)


class Exportable(NamedTuple):
    """One revision that may be handed over."""

    target: Target
    repo: Repo
    revision: Revision
    outcome: Outcome
    """Complete; or Unknown, where nothing tells what loading needs."""
    files: tuple[Exported, ...]

    @property
    def size(self) -> int:
        """Bytes of content that are read for it."""
        return sum(file.blob.size for file in self.files)


def exportable(target: Target, cache: str, tiers: Sequence[str] = ()) -> Exportable:
    """Return what is handed over of a model of the cache folder; reads no content.

    Raises RepoNotFound for a revision that is not cached, NotComplete where a needed file is
    absent, WrongBytes where a file is damaged, AccessDenied for one that this user cannot read,
    UnsafeListing for a name no cache can hold.
    """
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(target.revision) if repo is not None else None
    pull = ("swarmcache", "pull", target.spelled)
    if repo is None or revision is None:
        reason = absent(repo, target, cache).reason
        told = reason if repo is None else t("{name}: {reason}", name=target.spelled, reason=reason)
        raise RepoNotFound(told, hint=pull)
    mend = ("swarmcache", "verify", target.spelled, "--repair")
    outcome = check_revision(repo, revision)
    if isinstance(outcome, Damaged):
        raise WrongBytes(_refused(target, t("damaged"), outcome.damaged, outcome.reason), hint=mend)
    if isinstance(outcome, Incomplete):
        raise NotComplete(
            _refused(target, t("incomplete"), outcome.missing, outcome.reason), hint=pull
        )
    return Exportable(target, repo, revision, outcome, _files(target, repo, revision, mend))


def _files(
    target: Target, repo: Repo, revision: Revision, mend: tuple[str, ...]
) -> tuple[Exported, ...]:
    """Return the files of a revision; raises for one that cannot be the right one, or be read."""
    records = read_manifest(repo.path, revision.commit) or {}
    files = []
    for path, blob in revision.files:
        check_path(path)
        if blob is None:
            raise WrongBytes(
                _refused(target, t("damaged"), (path,), t("its content is not there")), hint=mend
            )
        file = Exported(path, blob, expected_of(blob, records.get(path)), mend)
        if file.expected is not None and file.expected.size not in {None, blob.size}:
            raise file.wrong(_wrong_bytes(file))
        if not os.access(blob.path, os.R_OK):
            reason = t("this user cannot read it")
            raise AccessDenied(t("{path}: {reason}", path=blob.path, reason=reason))
        files.append(file)
    return tuple(files)


def _refused(target: Target, state: str, paths: Sequence[str], reason: str) -> str:
    if not paths:
        return t("{name}: {reason}", name=target.spelled, reason=reason)
    return t(
        "{name} is {state} and is not exported: {names}: {reason}",
        name=target.spelled,
        state=state,
        names=two_of(paths),
        reason=reason,
    )


def _wrong_bytes(file: Exported) -> str:
    return t("{path} holds other bytes than those of {name}.", path=file.blob.path, name=file.path)


class Content(io.RawIOBase):
    """The content of an exported file, hashed while it is read; `digest` proves it at the end."""

    def __init__(self, file: Exported, hear: Callable[[int], None]) -> None:
        self._file = file
        self._hear = hear
        self._raw = io.FileIO(file.blob.path, opener=open_quietly)
        self._before = Fingerprint.of(os.fstat(self._raw.fileno()))
        self.size = self._before.size
        """Bytes, when it was opened."""
        self._hash = new_digest(file.algorithm, self.size)

    def read(self, size: int = -1) -> bytes:
        """Read on, and tell how much that was; raises WrongBytes where the file became shorter."""
        try:
            chunk = self._raw.read(size) or b""
        except OSError as error:
            error.filename = error.filename or self._file.blob.path
            raise
        if not chunk and self._raw.tell() < self.size:
            raise self._file.wrong(changed(self._file))
        self._hash.update(chunk)
        self._hear(len(chunk))
        return chunk

    def digest(self) -> str:
        """Return the hash of all that was read.

        Raises WrongBytes where that is not what it must be, or the file was written meanwhile.
        """
        if not self._before.still(Fingerprint.of(os.fstat(self._raw.fileno()))):
            raise self._file.wrong(changed(self._file))
        return proven(self._file, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        super().close()


def hashed(file: Exported, place: str) -> str:
    """Return the hash of a file, read where it is or at a copy; raises as `proven`, and OSError."""
    found = hash_file(place, file.algorithm)
    if not isinstance(found, Hashed):
        raise file.wrong(changed(file))
    return proven(file, found.digest)


def proven(file: Exported, digest: str) -> str:
    """Return a file's hash; raises WrongBytes where it is not the one that it must have."""
    if file.expected is not None and digest != file.expected.digest:
        raise file.wrong(_wrong_bytes(file))
    return digest


def changed(file: Exported) -> str:
    """Return what is said of a file that was written while it was read."""
    return t("{path} changed while it was copied.", path=file.blob.path)
