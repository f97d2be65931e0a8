"""Made-up repos: commits of files, and the refs that point to them."""

from __future__ import annotations

import fnmatch
import hashlib
from typing import TYPE_CHECKING, Any

from cachemaker import LFS

from .content import Content, content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    Files: TypeAlias = Mapping[str, bytes | str | Content]


class Repo:
    """One repo; its first commit is made with it, and `main` points to it.

    `private_to` and `gated_to` are the tokens that get in, None for everybody. Paths may be as
    wrong as they like.
    """

    def __init__(  # noqa: PLR0913 - each keyword is one trait of a repo
        self,
        repo_id: str,
        files: Files,
        *,
        repo_type: str = "model",
        lfs: tuple[str, ...] = LFS,
        private_to: frozenset[str] | set[str] | None = None,
        gated_to: frozenset[str] | set[str] | None = None,
    ) -> None:
        self.id = repo_id
        self.type = repo_type
        self.lfs = lfs
        self.private_to = private_to
        self.gated_to = gated_to
        self.commits: dict[str, dict[str, Content]] = {}
        self.refs: dict[str, str] = {}
        self.commit(files)

    @property
    def main(self) -> str:
        """The commit that `main` points to."""
        return self.refs["main"]

    def commit(self, files: Files, ref: str | None = "main") -> str:
        """Add a commit of these files, the same for the same files; move the ref; return it."""
        found = {path: content(given) for path, given in files.items()}
        named = [(path, file.size, self.etag(path, file)) for path, file in found.items()]
        commit = hashlib.sha1(repr((self.id, named)).encode("utf-8", "replace")).hexdigest()
        self.commits[commit] = found
        if ref:
            self.refs[ref] = commit
        return commit

    def stale(self) -> Repo:
        """Return the repo as a mirror has it that saw its first commit only."""
        first = next(iter(self.commits))
        traits: dict[str, Any] = {"private_to": self.private_to, "gated_to": self.gated_to}
        return Repo(self.id, self.commits[first], repo_type=self.type, lfs=self.lfs, **traits)

    def is_lfs(self, path: str) -> bool:
        """Tell whether the Hub keeps a file in LFS."""
        return any(fnmatch.fnmatch(path, pattern) for pattern in self.lfs)

    def etag(self, path: str, file: Content) -> str:
        """Return what the Hub names a file's content by."""
        return file.sha256 if self.is_lfs(path) else file.git_sha1

    def info(self, commit: str, *, blobs: bool) -> dict[str, Any]:
        """Return what the Hub tells about the repo."""
        files = self.commits[commit]
        siblings = [{"rfilename": path} for path in files]
        if blobs:
            siblings = [
                {"rfilename": e["path"], "size": e["size"], "blobId": e["oid"], "lfs": e.get("lfs")}
                for e in map(self.entry, files, files.values())
            ]
        return {
            "id": self.id,
            "sha": commit,
            "private": self.private_to is not None,
            "gated": False if self.gated_to is None else "manual",
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
        }

    def tree(self, commit: str) -> Iterator[dict[str, Any]]:
        """Yield each folder and file of a commit, as the Hub lists them recursively."""
        seen: set[str] = set()
        for path, file in self.commits[commit].items():
            for at in (at for at, letter in enumerate(path) if letter == "/" and at):
                if path[:at] not in seen:
                    seen.add(path[:at])
                    yield {"type": "directory", "oid": "0" * 40, "size": 0, "path": path[:at]}
            yield self.entry(path, file)

    def entry(self, path: str, file: Content) -> dict[str, Any]:
        """Return how the Hub lists one file."""
        found: dict[str, Any] = {"type": "file", "path": path, "size": file.size}
        if not self.is_lfs(path):
            return {**found, "oid": file.git_sha1}
        pointer = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{file.sha256}\nsize {file.size}\n"
        ).encode()
        lfs = {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer)}
        return {**found, "oid": content(pointer).git_sha1, "lfs": lfs}
