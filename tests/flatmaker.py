"""Makes flat files as transformers before 4.22 and `cached_download` left them.

    FlatMaker(folder).file("org/name", "config.json", b"{}")

Byte for byte what their source writes (transformers 4.21.3 `utils/hub.py`, huggingface_hub 0.8.1
`file_download.py`); `tests/compat/test_flat_files.py` has the old code itself write them.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

from cachemaker import LFS, git_sha1, matches, sha256, write

OLD = 60 * 86400


class FlatMaker:
    """A folder that TRANSFORMERS_CACHE of an old installation would name."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        os.makedirs(self.path, exist_ok=True)

    def file(  # noqa: PLR0913 - each keyword is one trait of a file
        self,
        repo: str,
        path: str,
        content: bytes,
        *,
        revision: str = "main",
        endpoint: str = "https://huggingface.co",
        etag: str | None = None,
        url: str | None = None,
    ) -> str:
        """Write a content, its record and its lock, and return where the content is."""
        if etag is None:
            etag = f'"{sha256(content) if matches(path, LFS) else git_sha1(content)}"'
        url = url or f"{endpoint}/{repo}/resolve/{revision}/{path}"
        name = ".".join(hashlib.sha256(text.encode()).hexdigest() for text in (url, etag))
        place = f"{self.path}/{name}" + (".h5" if url.endswith(".h5") else "")
        write(place, content)
        write(f"{place}.json", json.dumps({"url": url, "etag": etag}).encode())
        write(f"{place}.lock", b"")
        for one in (place, f"{place}.json", f"{place}.lock"):
            os.utime(one, (time.time() - OLD, time.time() - OLD))
        return place

    def model(self, repo: str, files: dict[str, bytes], revision: str = "main") -> dict[str, str]:
        """Write all files of a model, and return where each is."""
        return {
            path: self.file(repo, path, content, revision=revision)
            for path, content in files.items()
        }
