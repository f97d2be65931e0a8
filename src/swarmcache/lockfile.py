"""`swarmcache.lock`: which commit each model is, and what every file of it must be.

    {
     "//": "what made this file, and how to change it",
     "version": 1,
     "models": [
      {"type": "model", "id": "org/name", "revision": "main",
       "commit": "<40 hex>",
       "files": {
        "config.json": {"size": 659, "git_sha1": "<40 hex>"},
        "model.safetensors": {"size": 988097824, "sha256": "<64 hex>"}
       }}
     ]
    }

Sorted, one file a line, plain ASCII: a diff shows what moves, and no letter can pose as another.
JSON rather than TOML because `check` reads it at each launch (docs/adr/0010). What is not as
above is an error: a lock that is half understood protects nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LockFileError, os_reason
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class Named(Protocol):
        """A repo: `hubcache.layout.RepoName` or `Target`."""

        @property
        def type(self) -> str: ...  # noqa: D102 - as in the lock
        @property
        def id(self) -> str: ...  # noqa: D102 - as in the lock

    class Asked(Named, Protocol):
        """A repo and the revision asked for: `hubcache.layout.Target`."""

        @property
        def revision(self) -> str: ...  # noqa: D102 - as in the lock


LOCK_FILE = "swarmcache.lock"
VERSION = 1
_ABOUT = "Made by `swarmcache lock`; `swarmcache lock --upgrade` moves the pins. Commit this file."
_MAX_BYTES = 256 * 2**20
"""A lock of a million files takes about 150 MB."""
_COMMIT = 40
_HASHES = {"sha256": 64, "git_sha1": 40}
"""Hex digits of each kind of hash."""
_TYPES = ("model", "dataset", "space", "kernel")
_MODEL_KEYS = ("type", "id", "revision", "commit", "files")


class LockedFile(NamedTuple):
    """What one file must be; the fields of `hubcache.manifest.ManifestFile`."""

    size: int
    """Bytes of content."""
    sha256: str | None
    """For LFS and Xet files."""
    git_sha1: str | None
    """For files kept in git itself; exactly one of both is set."""

    @property
    def etag(self) -> str:
        """The name that the Hub's clients give to this content's blob."""
        return self.sha256 or self.git_sha1 or ""


class LockedModel(NamedTuple):
    """One pin."""

    type: str
    """model, dataset, space or kernel."""
    id: str
    revision: str
    """The branch, tag or commit that was asked for; `lock --upgrade` asks for it again."""
    commit: str
    files: Mapping[str, LockedFile]
    """By path in the repo. A file that is not named here is not to be loaded."""


class Lock(NamedTuple):
    """A project's lock."""

    path: str
    """The file, absolute."""
    models: tuple[LockedModel, ...]
    """Sorted by type, id and revision, each of which combinations stands once."""

    def find(self, target: Asked) -> LockedModel | None:
        """Return the pin for what was asked for: its revision, or the locked commit itself."""
        for model in self.models:
            if _is_repo(model, target) and target.revision in {model.revision, model.commit}:
                return model
        return None

    def expected(self, target: Asked) -> Mapping[str, LockedFile] | None:
        """Return path -> what each file of a locked target must be; None when it is not locked."""
        model = self.find(target)
        return None if model is None else model.files

    def files_at(self, repo: Named, commit: str) -> Mapping[str, LockedFile] | None:
        """Return path -> what each file of a commit must be; None when no pin names the commit."""
        for model in self.models:
            if _is_repo(model, repo) and model.commit == commit:
                return model.files
        return None


def lock_path(project: str) -> str:
    """Return where the lock of the project in a folder stands, or would stand."""
    return os.path.join(project, LOCK_FILE)


def read_lock(project: str) -> Lock | None:
    """Return the lock of the project in a folder, or None when it has none.

    Raises LockFileError for a file that cannot be read or is not exactly of this format.
    """
    path = lock_path(project)
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = os_reason(error)
        raise _wrong(path, t("it cannot be read: {reason}", reason=reason)) from error
    return parse_lock(path, content)


def parse_lock(path: str, content: bytes) -> Lock:
    """Return the lock that `content` holds; `path` is named in a LockFileError."""
    if len(content) > _MAX_BYTES:
        raise _wrong(path, t("it is larger than any lock"))
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_without_doubles)
        return Lock(path, _models(document))
    except _Wrong as error:
        raise _wrong(path, str(error)) from error
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno, "reason": error.msg}
        reason = t("it is not JSON at line {line}, column {column}: {reason}", **place)
        raise _wrong(path, reason) from error
    except (ValueError, RecursionError) as error:  # Not UTF-8, endless digits, endless brackets.
        raise _wrong(path, t("it is not JSON: {reason}", reason=str(error))) from error


def lock_text(models: Iterable[LockedModel]) -> str:
    """Return the file's text for these pins; the same pins give the same bytes everywhere."""
    entries = ",\n".join(_model_text(model) for model in sorted(models, key=_order))
    listed = f"[\n{entries}\n ]" if entries else "[]"
    return f'{{\n "//": {_quoted(_ABOUT)},\n "version": {VERSION},\n "models": {listed}\n}}\n'


def write_lock(lock: Lock) -> None:
    """Write a lock to its path in one step; OSError from the disk leaves the old one as it was."""
    path = os.path.realpath(lock.path)  # A linked lock stays a link.
    content = lock_text(lock.models).encode("ascii")
    parse_lock(path, content)  # What could not be read again must not replace what can.
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            with contextlib.suppress(FileNotFoundError):
                os.chmod(temporary, os.stat(path).st_mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


class _Wrong(Exception):
    """Something in the lock is not of the format; the message says where and what."""


def _wrong(path: str, reason: str) -> LockFileError:
    return LockFileError(
        t("The lock {path} cannot be used: {reason}.", path=path, reason=reason),
        hint="git diff HEAD -- swarmcache.lock",
    )


def _is_repo(model: LockedModel, repo: Named) -> bool:
    return model.id == repo.id and model.type == repo.type


def _order(model: LockedModel) -> tuple[str, str, str]:
    return model.type, model.id, model.revision


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _model_text(model: LockedModel) -> str:
    head = ", ".join(f'"{key}": {_quoted(getattr(model, key))}' for key in _MODEL_KEYS[:3])
    files = ",\n".join(_file_text(path, file) for path, file in sorted(model.files.items()))
    listed = f"{{\n{files}\n   }}" if files else "{}"
    return f'  {{{head},\n   "commit": {_quoted(model.commit)},\n   "files": {listed}}}'


def _file_text(path: str, file: LockedFile) -> str:
    kind = "sha256" if file.sha256 else "git_sha1"
    return f'    {_quoted(path)}: {{"size": {file.size}, "{kind}": {_quoted(file.etag)}}}'


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object's content; of two equal keys JSON would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _Wrong(t("the key {key} stands twice in one table", key=_quoted(double)))
    return found


def _models(document: object) -> tuple[LockedModel, ...]:
    if not isinstance(document, dict) or "version" not in document:
        raise _Wrong(t("it names no version"))
    version = document["version"]
    if type(version) is not int or version != VERSION:
        raise _Wrong(
            t(
                "it is of version {found}, and this swarmcache reads version {known}",
                found=json.dumps(version)[:40],
                known=VERSION,
            )
        )
    _check_keys(document, {"//", "version", "models"}, required={"models"}, where="")
    entries = document["models"]
    if not isinstance(entries, list):
        raise _Wrong(t("{key} must be {kind}", key="models", kind=t("a list")))
    models = [_model(entry, f"models[{index}]") for index, entry in enumerate(entries)]
    _check_contradictions(models)
    return tuple(sorted(models, key=_order))


def _check_contradictions(models: list[LockedModel]) -> None:
    seen: set[tuple[str, str, str]] = set()
    commits: dict[tuple[str, str, str], Mapping[str, LockedFile]] = {}
    for model in models:
        if _order(model) in seen:
            name = f"{model.type} {model.id}@{model.revision}"
            raise _Wrong(t("{name} is locked twice", name=name))
        seen.add(_order(model))
        if commits.setdefault((model.type, model.id, model.commit), model.files) != model.files:
            name = f"{model.type} {model.id}@{model.commit}"
            raise _Wrong(t("the files of {name} are locked twice, and differ", name=name))


def _model(entry: object, where: str) -> LockedModel:
    if not isinstance(entry, dict):
        raise _Wrong(t("{key} must be {kind}", key=where, kind=t("a table")))
    _check_keys(entry, set(_MODEL_KEYS), required=set(_MODEL_KEYS), where=f"{where}.")
    kind, name, revision = (
        _text(entry[key], f"{where}.{key}") for key in ("type", "id", "revision")
    )
    if kind not in _TYPES:
        raise _Wrong(t("{key} is not one of {kinds}", key=f"{where}.type", kinds=", ".join(_TYPES)))
    if name.count("/") > 1:
        raise _Wrong(t("{key} is no repo id: {id}", key=f"{where}.id", id=_quoted(name)))
    commit = entry["commit"]
    if not isinstance(commit, str) or not _is_hex(commit, _COMMIT):
        raise _Wrong(t("{key} is not a commit of 40 hex digits", key=f"{where}.commit"))
    files = entry["files"]
    if not isinstance(files, dict):
        raise _Wrong(t("{key} must be {kind}", key=f"{where}.files", kind=t("a table")))
    found = {path: _file(path, file, f"{where}.files") for path, file in files.items()}
    return LockedModel(kind, name, revision, commit, found)


def _file(path: str, entry: object, where: str) -> LockedFile:
    key = f"{where}[{_quoted(path)}]"
    _text(path, key)
    if not isinstance(entry, dict):
        raise _Wrong(t("{key} must be {kind}", key=key, kind=t("a table")))
    _check_keys(entry, {"size", *_HASHES}, required={"size"}, where=f"{key}.")
    size = entry["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise _Wrong(t("{key} is not a number of bytes", key=f"{key}.size"))
    named = [kind for kind in _HASHES if kind in entry]
    if len(named) != 1:
        raise _Wrong(t("{key} needs either sha256 or git_sha1", key=key))
    digest = entry[named[0]]
    if not isinstance(digest, str) or not _is_hex(digest, _HASHES[named[0]]):
        raise _Wrong(t("{key} is not a {kind} hash", key=f"{key}.{named[0]}", kind=named[0]))
    return LockedFile(size, entry.get("sha256"), entry.get("git_sha1"))


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and not text.strip("0123456789abcdef")


def _text(value: object, key: str) -> str:
    """Return a relative name: nothing that could leave the folder it is looked up in."""
    good = (
        isinstance(value, str)
        and not any(part in {"", ".", ".."} for part in value.split("/"))
        and "\0" not in value
    )
    if not good or not isinstance(value, str):
        raise _Wrong(t("{key} is not a name inside a repo", key=key))
    return value


def _check_keys(
    table: dict[str, object], known: set[str], *, required: set[str], where: str
) -> None:
    for key in sorted(table.keys() - known):
        raise _Wrong(t("{key} is not a key", key=f"{where}{key}"))
    for key in sorted(required - table.keys()):
        raise _Wrong(t("{key} is missing", key=f"{where}{key}"))
