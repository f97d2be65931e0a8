"""One cached revision as loading sees it: names, sizes, what is known to exist or not."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from swarmcache.hubcache.complete.formats import looks_whole
from swarmcache.hubcache.complete.weights import index_format, weights_format
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.intact.blame import known_wrong, remembered_corrupt
from swarmcache.hubcache.layout import NO_EXIST, TREES, is_git_sha1, is_sha256
from swarmcache.hubcache.manifest import ManifestFile, read_manifest
from swarmcache.hubcache.reading import read_start

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from swarmcache.hubcache.intact.blame import Wrongs
    from swarmcache.hubcache.scan import Blob, Repo, Revision

_EMPTY_CONTENT = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",  # the git blob hash of no bytes
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # their sha256
    }
)
_MAX_READ = 64 * 2**20
"""Bytes of an index or config file that are read at most; the largest known is 6 MB."""
_LOOKED_INTO = frozenset({"config.json", "model_index.json", "adapter_config.json"})
"""Small files without which nothing loads; the others are told by their sizes."""


class Snapshot:
    """A revision's files with all that the cache itself tells about them."""

    __slots__ = ("_texts", "_verdicts", "files", "manifest", "marks", "paths")

    def __init__(
        self,
        files: Mapping[str, Blob | None],
        manifest: Mapping[str, ManifestFile] | None,
        marks: str | None,
        wrong: Collection[str] = (),
    ) -> None:
        self.files = files
        """Every cached file; None where a link leads nowhere or out of the cache."""
        self.manifest = manifest
        """Every file of the commit, where a client left the list; None where nothing tells."""
        self.marks = marks
        """The folder of `.no_exist` marks for this commit; None where the repo has no marks."""
        self.paths = (files if manifest is None else {**manifest, **files}).keys()
        """Every path the commit is known to have, cached or not."""
        # No file is looked into twice; `wrong` are those that `verify` found to be so.
        self._verdicts = dict.fromkeys(wrong, False)
        self._texts: dict[str, bytes] = {}

    @property
    def known(self) -> Collection[str]:
        """Every path that the commit's list names; where there is none, what is cached."""
        return self.files if self.manifest is None else self.manifest

    def lacks(self, path: str) -> bool:
        """Tell whether the commit is known to have no `path`: not in the list, or a 404 seen."""
        if self.manifest is not None:
            return path not in self.manifest
        return self.marks is not None and os.path.exists(f"{self.marks}/{path}")

    def is_whole(self, paths: Iterable[str]) -> bool:
        """Tell whether all `paths` are cached and sound."""
        return all(path in self.files and self.is_sound(path) for path in paths)

    def is_sound(self, path: str) -> bool:
        """Tell whether a cached file has a plausible size and, for its kind, a fitting form."""
        verdict = self._verdicts.get(path)
        if verdict is None:
            verdict = self._verdicts[path] = self._look(path)
        return verdict

    def json_object(self, path: str) -> Mapping[str, object]:
        """Return a cached JSON file's object; empty when it is absent or no such file."""
        try:
            document = parse(self.read(path))
        except ValueError:
            document = None
        return document if isinstance(document, dict) else {}

    def read(self, path: str) -> bytes:
        """Return the content of a small cached file, cut at 64 MiB; empty when there is none."""
        text = self._texts.get(path)
        if text is None:
            text = self._texts[path] = self._read(path)
        return text

    def _read(self, path: str) -> bytes:
        blob = self.files.get(path)
        try:
            return read_start(blob.path, min(blob.size, _MAX_READ)) if blob is not None else b""
        except OSError:
            return b""

    def _look(self, path: str) -> bool:
        blob = self.files[path]
        if blob is None or not self._size_fits(path, blob):
            return False
        form = _form_of(path)
        if form == "weights":
            return looks_whole(path, blob)
        if form == "object":
            return self._is_json(path)
        return blob.size > 0 or form == "any"

    def _is_json(self, path: str) -> bool:
        """Tell by its two ends whether a file is a JSON object that was not cut off.

        Parsing would cost most of a check, and tell hardly more: what else can be wrong with
        bytes of the right size, `verify` tells by their hash.
        """
        text = self.read(path)
        return text[:1] == b"{" and text.rstrip()[-1:] == b"}"

    def _size_fits(self, path: str, blob: Blob) -> bool:
        if self.manifest is not None and (expected := self.manifest.get(path)) is not None:
            return blob.size == expected.size
        # A blob named by another hash than that of no bytes cannot be empty.
        return blob.size > 0 or blob.name in _EMPTY_CONTENT or not _is_hash(blob.name)


@lru_cache(maxsize=4096)
def _form_of(path: str) -> Literal["weights", "object", "json", "any"]:
    """Return what a file's name tells of its content; `object` is JSON that is looked into."""
    if weights_format(path):
        return "weights"
    if path in _LOOKED_INTO or index_format(path):
        return "object"
    return "json" if path.endswith(".json") else "any"


def _is_hash(name: str) -> bool:
    return is_git_sha1(name) or is_sha256(name)


def snapshot_of(repo: Repo, revision: Revision, known: Wrongs | None = None) -> Snapshot:
    """Return a scanned revision as loading sees it; reads the tree manifest, if there is one.

    `known` is what `verify` found wrong in the cache; looked up when it is not given.
    """
    files = {file.path: file.blob for file in revision.files}
    manifest = read_manifest(repo.path, revision.commit) if TREES in repo.folders else None
    marks = f"{repo.path}/{NO_EXIST}/{revision.commit}" if NO_EXIST in repo.folders else None
    known = known_wrong(os.path.dirname(repo.path)) if known is None else known
    wrong = remembered_corrupt(known, files, manifest) if known else ()
    return Snapshot(files, manifest, marks, wrong)
