"""Names and paths of every layout version, in one place.

    <HF_HUB_CACHE>/
    ├── CACHEDIR.TAG, version.txt                  written by the Hub's clients
    ├── .locks/<repo folder>/<etag>.lock           kernel locks, never deleted by anybody
    │   └── .swarmcache/                           our own state (DESIGN.md, "The house")
    ├── blobs/                                     shared store, huggingface_hub >= 1.32
    │   ├── .huggingface-shared-blobs              its marker
    │   └── <ab>/<xet hash>[.refs|.lock]           payload, manifest of its users, lock
    └── models--org--name/                         also datasets--, spaces--, kernels--
        ├── blobs/<etag>                           a file, or a link into the shared store
        │         <etag>[.<8 hex>].incomplete      partial download (before 1.18 without hex)
        ├── snapshots/<commit>/<path>              link to ../../blobs/<etag>, or, where links
        │                                          cannot be had, the file itself
        ├── refs/<branch or tag>                   a commit, no newline
        ├── trees/<commit>.json                    file manifest, huggingface_hub >= 1.22
        └── .no_exist/<commit>/<path>              empty mark: this file was 404 at the commit

Sources: huggingface_hub 0.36.2 to 2.4.0, `file_download.py`, `_tree_cache.py`,
`utils/_shared_blobs.py`; which release brought what is dated in `docs/hub-cache-layouts.md`.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from swarmcache.errors import InvalidRepoId
from swarmcache.locale import t

RepoType = Literal["model", "dataset", "space", "kernel"]
REPO_TYPES: tuple[RepoType, ...] = ("model", "dataset", "space", "kernel")
_TYPE_OF: dict[str, RepoType] = {f"{kind}s": kind for kind in REPO_TYPES}

BLOBS = "blobs"
SNAPSHOTS = "snapshots"
REFS = "refs"
TREES = "trees"
NO_EXIST = ".no_exist"
LOCKS = ".locks"
SHARED_MARKER = ".huggingface-shared-blobs"
INCOMPLETE = ".incomplete"
REPO_ENTRIES = frozenset({BLOBS, SNAPSHOTS, REFS, TREES, NO_EXIST})
"""What the Hub's clients put into a repo folder; anything else there is foreign."""
CACHE_FILES = frozenset({"CACHEDIR.TAG", "version.txt", "version_diffusers_cache.txt", LOCKS})

# Plain tests of strings: compiling seven patterns would take a millisecond of every start-up.
_HEX = "0123456789abcdef"
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_LEGACY = r"[0-9a-f]{64}(?:\.[0-9a-f]{64})?(?:\.h5)?(?:\.json|\.lock)?"


class RepoName(NamedTuple):
    """A repo as the Hub knows it; `Target` adds the revision a user asked for."""

    type: RepoType
    id: str

    @property
    def spelled(self) -> str:
        """The repo as a user types it: `org/name`, `datasets/org/name`."""
        return self.id if self.type == "model" else f"{self.type}s/{self.id}"

    def at(self, commit: str | None) -> str:
        """Return the repo as it is spelled, with the first 12 digits of a commit where one is."""
        return self.spelled if commit is None else f"{self.spelled}@{commit[:12]}"


class Target(NamedTuple):
    """What a user named on the command line: `org/name`, `org/name@rev`, `datasets/org/name`."""

    type: RepoType
    id: str
    revision: str

    @property
    def name(self) -> RepoName:
        """The repo without its revision."""
        return RepoName(self.type, self.id)

    @property
    def spelled(self) -> str:
        """The target as a user types it; `@main` is left out."""
        repo = self.name.spelled
        return repo if self.revision == "main" else f"{repo}@{self.revision}"


def folder_name(repo: RepoName | Target) -> str:
    """Return the repo's folder in a cache: `models--org--name`."""
    return "--".join([f"{repo.type}s", *repo.id.split("/")])


def parse_folder_name(folder: str) -> RepoName | None:
    """Return the repo that a cache folder holds, or None when it is no repo folder."""
    head, _, rest = folder.partition("--")
    kind = _TYPE_OF.get(head)
    return RepoName(kind, rest.replace("--", "/", 1)) if kind and rest else None


def parse_target(text: str, *, default_type: RepoType = "model") -> Target:
    """Return the repo and revision that `text` names; the revision is `main` unless given.

    Raises InvalidRepoId for a name that the Hub would refuse (`validate_repo_id` of
    huggingface_hub 2.4.0: at most 96 characters, letters, digits, `-`, `_`, `.`, at most one
    slash, no `--` or `..`, no `.git` ending) and for a revision that leaves the refs folder.
    """
    name, _, revision = text.partition("@")
    kind = default_type
    first, _, rest = name.partition("/")
    if "/" in rest and first.removesuffix("s") in REPO_TYPES:
        kind, name = first.removesuffix("s"), rest  # type: ignore[assignment]
    elif first == "datasets" and rest:  # `datasets/squad`: the oldest have no owner.
        kind, name = "dataset", rest
    check_repo_id(name)
    if "@" in text:
        check_revision(revision)
    return Target(kind, name, revision or "main")


def check_repo_id(repo_id: str) -> None:
    """Raise InvalidRepoId unless the Hub would accept `repo_id`."""
    parts = repo_id.split("/")
    good = (
        len(repo_id) <= 96  # noqa: PLR2004 - the Hub's limit
        and len(parts) <= 2  # noqa: PLR2004 - organisation and name
        and all(_is_segment(part) for part in parts)
        and "--" not in repo_id
        and ".." not in repo_id
        and not repo_id.endswith(".git")
    )
    if not good:
        raise InvalidRepoId(
            t("{name} is not a repo id the Hub accepts; expected org/name.", name=repr(repo_id)),
            hint="swarmcache check org/name",
        )


def _is_segment(part: str) -> bool:
    """Tell whether letters, digits and `_` are at both ends, and beside them only `.` and `-`."""
    inner = part.replace(".", "").replace("-", "")
    return bool(part) and _WORD.issuperset(inner + part[0] + part[-1])


def check_revision(revision: str) -> None:
    """Raise InvalidRepoId unless `revision` can be a branch, tag, pull request or commit."""
    parts = revision.split("/")
    bad_part = any(part in {"", ".", ".."} or part.endswith(".lock") for part in parts)
    if bad_part or re.search(r"[\x00-\x20~^:?*\[\\\x7f]", revision) or len(revision) > 255:  # noqa: PLR2004
        raise InvalidRepoId(
            t("{revision} is not a revision name git accepts.", revision=repr(revision))
        )


def is_commit(text: str) -> bool:
    """Tell whether `text` is a full commit hash."""
    return len(text) == 40 and not text.strip(_HEX)  # noqa: PLR2004 - sha1


def is_short_commit(text: str) -> bool:
    """Tell whether `text` may be the beginning of a commit: 7 digits at least, as git has it.

    It may as well be a branch or a tag.
    """
    return 7 <= len(text) < 40 and not text.strip(_HEX)  # noqa: PLR2004 - git's own least


def is_git_sha1(etag: str) -> bool:
    """Tell whether a blob's name is a git blob hash: sha1 of a header and the bytes."""
    return is_commit(etag)


def is_sha256(etag: str) -> bool:
    """Tell whether a blob's name is the sha256 of its bytes, as for LFS and Xet files."""
    return len(etag) == 64 and not etag.strip(_HEX)  # noqa: PLR2004


def is_legacy_file(name: str) -> bool:
    """Tell whether a file is of the flat layout of transformers < 4.22, named by two hashes."""
    return re.fullmatch(_LEGACY, name) is not None
