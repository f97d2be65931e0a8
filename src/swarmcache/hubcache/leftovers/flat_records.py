"""What a flat file of transformers before 4.22, or of `cached_download`, is: its record says it.

    <sha256 of the url>.<sha256 of the etag>[.h5]          the content
    <the same>.json                                        {"url": …, "etag": …}
    <the same>.lock                                        a kernel lock, never deleted

The url is `<endpoint>/[datasets/|spaces/]<repo>/resolve/<revision>/<path>`; the etag is a header as
the server sent it, with its quotes: git's hash of a small file, the sha256 of a large one. Records
of before transformers 3.5 have urls of another server and etags that are no hash of ours. (Sources:
transformers 4.21.3 `utils/hub.py`, huggingface_hub 0.8.1 `file_download.py`.)
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import unquote

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import RepoName, check_repo_id, check_revision
from swarmcache.hubcache.leftovers.flat_files import flat_files
from swarmcache.hubcache.reading import read_start
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.layout import RepoType

_TYPES: dict[str, RepoType] = {"datasets": "dataset", "spaces": "space"}
RECORD, LOCK = ".json", ".lock"
_MOST = 2**16
"""Bytes of a record at most."""


class FlatFile(NamedTuple):
    """A content whose record tells what it is."""

    location: str
    size: int
    """Bytes."""
    repo: RepoName
    revision: str
    """A branch, tag or commit."""
    path: str
    """In the repo; nobody has looked yet whether a cache can hold it."""
    etag: str
    """The hash that the bytes should have; nobody has hashed them yet."""


class StrangeFlatFile(NamedTuple):
    """A content that cannot be brought anywhere."""

    location: str
    reason: str


Flat: TypeAlias = "FlatFile | StrangeFlatFile"


def read_flat_files(folder: str, endpoints: Sequence[str]) -> Iterator[Flat]:
    """Yield each content that lies flat in a folder, with what its record tells.

    Only urls of these endpoints are believed to name a repo of the Hub.
    """
    for location in flat_files(folder):
        if not location.endswith((RECORD, LOCK)):
            yield _read(location, endpoints)


def etag_of(location: str) -> str:
    """Return the etag of a content that lies flat, without its quotes; empty where none is told."""
    told = _record(location)
    return _bare(told[1]) if told is not None and _is_named(location, *told) else ""


def _record(location: str) -> tuple[str, str] | None:
    """Return url and etag of a content, as its record has them."""
    try:
        record: Any = parse(read_start(f"{location}{RECORD}", _MOST))
        url, etag = record["url"], record["etag"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (url, etag) if isinstance(url, str) and isinstance(etag, str) else None


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _read(location: str, endpoints: Sequence[str]) -> Flat:
    told = _record(location)
    if told is None:
        return StrangeFlatFile(location, t("no record beside it tells what it is"))
    if not _is_named(location, *told):
        return StrangeFlatFile(location, t("the record beside it is another file's"))
    url, etag = told[0], _bare(told[1])
    if algorithm_of(etag) is None:
        reason = t("{url}: its etag {etag} is no hash of its bytes", url=url, etag=etag)
        return StrangeFlatFile(location, reason)
    found = _parsed(url, endpoints)
    if isinstance(found, str):
        return StrangeFlatFile(location, found)
    return FlatFile(location, os.path.getsize(location), *found, etag)


def _is_named(location: str, url: str, etag: str) -> bool:
    """Tell whether a content has the name that this url and etag give it."""
    hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in (url, etag)]
    return os.path.basename(location).removesuffix(".h5") == ".".join(hashes)


def _parsed(url: str, endpoints: Sequence[str]) -> tuple[RepoName, str, str] | str:
    """Return the repo, the revision and the path of a url, or why it names none."""
    bases = (f"{one.rstrip('/')}/" for one in endpoints)
    base = next((one for one in bases if url.startswith(one)), None)
    if base is None:
        return t("neither HF_ENDPOINT nor hub.endpoints names the server of {url}", url=url)
    where, found, rest = url.removeprefix(base).partition("/resolve/")
    kind, slash, name = where.partition("/")
    if slash and kind in _TYPES:
        repo = RepoName(_TYPES[kind], unquote(name))
    else:
        repo = RepoName("model", unquote(where))
    # A pull request's ref has slashes of its own, and old clients did not quote them.
    parts = re.fullmatch(r"(refs/pr/\d+|[^/]+)/(.+)", rest) if "?" not in rest else None
    if not found or parts is None:
        return t("{url} names no file of a repo", url=url)
    revision, path = map(unquote, parts.groups())
    try:
        check_repo_id(repo.id)
        check_revision(revision)
    except InvalidRepoId as error:
        return f"{url}: {error.message}"
    return repo, revision, path
