"""A fetched commit becomes visible: manifest, marks, snapshot, and last of all the ref.

Each by one rename. Until the ref is there the old revision is what loads. A `hf cache prune` in
between takes the snapshot and its blobs (huggingface_hub 2.4.0 deletes what no ref leads to);
then the links are made anew, and the blobs come back from their partials. One that read the refs
before the ref and deletes later is kept away by a guard.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied, CacheBusy
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, folder_name, is_commit
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.publishing import make_folder, publish, replace, share, sync_folders
from swarmcache.hubcache.refs import read_ref, write_ref
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.plans.marks import put_marks
from swarmcache.plans.pull.guard import drop_guards, guarded
from swarmcache.transfer.claims import new_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.transfer.listing import RemoteFile

_TRIES = 10
"""How often a prune may come in between."""


class Known(NamedTuple):
    """What others know of a commit, besides the files that come."""

    manifest: str | None = None
    """The text of the list of all that it has; None where nothing tells it."""
    marks: tuple[str, ...] = ()
    """Paths that it is known not to have."""


NOTHING = Known()
"""Where no other cache tells anything."""


class NewRevision:
    """One commit that is about to be visible in a cache."""

    def __init__(self, cache: str, partials: str, target: Target, commit: str) -> None:
        self._cache = cache
        self._partials = partials
        self._target = target
        self._commit = commit
        self._repo = os.path.join(cache, folder_name(target))
        self._snapshot = os.path.join(self._repo, SNAPSHOTS, commit)
        self._plain: Mapping[str, str] = {}

    @property
    def is_cached(self) -> bool:
        """Whether something of the commit is there already."""
        return os.path.lexists(self._snapshot)

    def blob(self, file: RemoteFile) -> str:
        """Return where the bytes of a file belong."""
        return os.path.join(self._repo, BLOBS, file.etag or "")

    def publish(  # noqa: PLR0913 - one keyword for each kind of file
        self,
        known: Known,
        files: Sequence[RemoteFile],
        *,
        again: Sequence[RemoteFile] = (),
        plain: Mapping[str, str] | None = None,
        bring_back: Callable[[Sequence[RemoteFile]], None],
        prove: Callable[[], None] = lambda: None,
    ) -> None:
        """Make `files` of the commit visible, whose blobs are there.

        `again` are files that stand in the snapshot with other bytes. `plain` tells by path where
        files without a blob are made ready, unless they are in the snapshot. `bring_back` puts the
        blobs of files back, or raises. `prove` is called before a ref leads to the commit, and may
        raise. Raises CacheBusy when others take the files away faster than they are brought.
        """
        replaced = {file.path for file in again}
        self._plain = plain or {}
        drop_guards(self._repo)
        for _ in range(_TRIES):
            lost = [file for file in files if self._is_lost(file)]
            if lost:
                bring_back(lost)
            # Another tool may remove the repo's folder at any time, and everything in it.
            with suppress(FileNotFoundError):
                sync_folders([os.path.join(self._repo, BLOBS), self._repo, self._cache])
                self._put_manifest(known.manifest)
                put_marks(self._repo, self._commit, known.marks)
                with self._built(files) as built, self._guarded():
                    if self._put_snapshot(built, files, replaced):
                        prove()
                        self._put_ref()
                if self._is_whole(files):
                    return
        raise CacheBusy(
            t("Files of {id} disappear while they are being put in place.", id=self._target.id),
            hint=("swarmcache", "pull", self._target.spelled),
        )

    def _put_manifest(self, text: str | None) -> None:
        if text is None or read_manifest(self._repo, self._commit) is not None:
            return
        with self._staging() as folder:
            staged = f"{folder}/manifest"
            with open(staged, "x", encoding="utf-8") as file:
                file.write(text)
            publish(staged, manifest_path(self._repo, self._commit))

    @contextmanager
    def _built(self, files: Sequence[RemoteFile]) -> Iterator[str]:
        """Build the snapshot aside, and yield its folder."""
        built = new_folder(self._partials, owners.this_process())
        try:
            for file in files:
                self._link(file, f"{built}/{file.path}")
            sync_folders(folder for folder, _, _ in os.walk(built))
            yield built
        finally:
            shutil.rmtree(built, ignore_errors=True)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keep prunes away until the ref leads to the commit."""
        if is_commit(self._target.revision) or self._is_led_to():
            yield
            return
        with self._staging() as staging, guarded(self._repo, self._snapshot, staging):
            yield

    @contextmanager
    def _staging(self) -> Iterator[str]:
        folder = new_folder(self._partials, owners.this_process())
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put_snapshot(self, built: str, files: Sequence[RemoteFile], replaced: set[str]) -> bool:
        """Rename the snapshot into its place, or merge it into the one that is there.

        False when the snapshot came or went meanwhile.
        """
        snapshots = os.path.dirname(self._snapshot)
        make_folder(snapshots)
        share(built, snapshots)
        try:
            os.rename(built, self._snapshot)
        except OSError:
            if not os.path.isdir(self._snapshot):
                raise
            return self._merge(built, files, replaced)
        sync_folders([snapshots])
        return True

    def _link(self, file: RemoteFile, entry: str) -> None:
        """Make the link that the Hub's clients make: relative, from the snapshot to the blob."""
        if file.etag is None:
            self._put_plain(file, entry)
            return
        depth = file.path.count("/")
        blob = posixpath.join(*[os.pardir] * (depth + 2), BLOBS, file.etag or "")
        make_folder(os.path.dirname(entry))
        try:
            os.symlink(blob, entry)
        except OSError:
            _copied(self.blob(file), entry)  # A file system without links.

    def _put_plain(self, file: RemoteFile, entry: str) -> None:
        """Put a file itself, where it was made ready; else it stands in the snapshot already."""
        ready = self._plain.get(file.path)
        if ready is None:
            return
        make_folder(os.path.dirname(entry))
        share(ready, os.path.dirname(entry))
        try:
            os.link(ready, entry)  # What was made ready goes soon, and this is its only name.
        except OSError:
            os.replace(ready, entry)  # A file system without hard links.

    def _merge(self, built: str, files: Sequence[RemoteFile], replaced: set[str]) -> bool:
        """Move each link into the snapshot that is there; what is right stays as it is."""
        for file in files:
            entry = f"{self._snapshot}/{file.path}"
            if not os.path.lexists(f"{built}/{file.path}"):
                continue  # A plain file that is there already.
            if file.path not in replaced and self._is_right(entry, file):
                continue
            try:
                make_folder(os.path.dirname(entry))
                self._refuse_outside(entry)
                replace(f"{built}/{file.path}", entry)
            except FileNotFoundError:
                return False
        sync_folders([self._snapshot])
        return True

    def _refuse_outside(self, entry: str) -> None:
        """Raise AccessDenied where a folder's link leads out of the snapshot."""
        parent = os.path.realpath(os.path.dirname(entry))
        if not f"{parent}/".startswith(os.path.realpath(self._snapshot) + "/"):
            raise AccessDenied(t("{path} leads out of its snapshot.", path=entry))

    def _is_right(self, entry: str, file: RemoteFile) -> bool:
        """Tell whether a snapshot's entry leads to the file's blob, or holds as many bytes."""
        if os.path.islink(entry):
            return os.path.realpath(entry) == os.path.realpath(self.blob(file))
        try:
            return os.path.getsize(entry) == file.size
        except OSError:
            return False

    def _is_lost(self, file: RemoteFile) -> bool:
        """Tell whether neither the blob is there nor a plain file in the place of its link."""
        if file.etag is None:
            return False  # It has no blob.
        entry = f"{self._snapshot}/{file.path}"
        is_plain = os.path.isfile(entry) and not os.path.islink(entry)
        return not is_plain and not os.path.exists(self.blob(file))

    def _is_whole(self, files: Sequence[RemoteFile]) -> bool:
        if not is_commit(self._target.revision) and not self._is_led_to():
            return False
        return all(os.path.exists(f"{self._snapshot}/{file.path}") for file in files)

    def _is_led_to(self) -> bool:
        name, revision = self._target.name, self._target.revision
        return read_ref(self._cache, name, revision) == self._commit

    def _put_ref(self) -> None:
        name, revision = self._target.name, self._target.revision
        if is_commit(revision):
            return
        with self._staging() as staging:
            write_ref(self._cache, name, revision, self._commit, staging=staging)


def _copied(blob: str, entry: str) -> None:
    try:
        os.link(blob, entry)
    except OSError:
        shutil.copyfile(blob, entry)
