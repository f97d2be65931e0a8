"""A request's path, checked and read into what it asks for.

    /api/{type}s/{id}[/revision/{rev}]              info
    /api/{type}s/{id}/tree/{rev}[/{path}]           tree
    /api/{type}s/{id}/paths-info/{rev}              paths-info
    /api/{type}s/{id}/refs                          refs
    /api/{type}s/{id}/commits/{rev}                 commits
    /[{type}s/]{id}/resolve/{rev}/{path}            resolve; models have no prefix

An id has one or two segments. Clients quote a revision's slashes (`refs%2Fpr%2F1`), and those of
a tree's path, but never those of a resolve path (huggingface_hub 2.4.0, `hf_hub_url`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import REPO_TYPES, RepoName, check_repo_id, check_revision
from swarmcache.serve.refusals import BadRequest, RepoNotFound, RevisionNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

Verb = Literal["info", "tree", "paths-info", "refs", "commits", "resolve"]

_TYPES = {f"{kind}s": kind for kind in REPO_TYPES}
_VERBS: dict[str, Verb] = {
    "revision": "info",
    "tree": "tree",
    "paths-info": "paths-info",
    "refs": "refs",
    "commits": "commits",
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks for; every field is checked."""

    verb: Verb
    repo: RepoName
    revision: str
    path: str
    """Path in the repo, with slashes; empty for its root."""


def parse_route(raw_path: str) -> Route | None:
    """Return what a still quoted URL path asks for, or None when it is no route of ours.

    Raises RepoNotFound, RevisionNotFound or BadRequest for a name that no cache can hold.
    """
    segments = raw_path.removeprefix("/").split("/")
    if segments[0] == "api":
        return _api(segments[1:])
    if segments[0] in _TYPES and segments[0] != "models":
        return _resolve(segments[0], segments[1:])
    return _resolve("models", segments)


def repo_path(text: str) -> str:
    """Return a path in a repo as `a/b`; raises BadRequest for one that could leave its folder."""
    for part in text.split("/"):
        if part in {"", ".", ".."} or "\0" in part:
            raise BadRequest("The path is not one that a repo can hold.")
    return text


def _api(segments: Sequence[str]) -> Route | None:
    if not segments or segments[0] not in _TYPES:
        return None
    kind, rest = segments[0], segments[1:]
    for length in (2, 1):
        if len(rest) > length and rest[length] in _VERBS:
            return _api_verb(_repo(kind, rest[:length]), rest[length], rest[length + 1 :])
    if not 1 <= len(rest) <= 2 or not rest[0]:  # noqa: PLR2004 - an id's segments
        return None
    return Route("info", _repo(kind, rest), "main", "")


def _api_verb(repo: RepoName, word: str, rest: Sequence[str]) -> Route | None:
    verb = _VERBS[word]
    if verb == "refs":
        return None if rest else Route(verb, repo, "main", "")
    if not rest:
        return None
    if verb == "tree":
        path = _unquote("/".join(rest[1:])).strip("/")
        return Route(verb, repo, _revision(rest[:1]), repo_path(path) if path else "")
    return Route(verb, repo, _revision(rest), "")


def _resolve(kind: str, segments: Sequence[str]) -> Route | None:
    for length in (2, 1):
        if len(segments) > length + 2 and segments[length] == "resolve":
            revision, parts = segments[length + 1], _unquote_each(segments[length + 2 :])
            repo = _repo(kind, segments[:length])
            return Route("resolve", repo, _revision([revision]), repo_path("/".join(parts)))
    return None


def _repo(kind: str, segments: Sequence[str]) -> RepoName:
    repo_id = "/".join(_unquote_each(segments))
    try:
        check_repo_id(repo_id)
    except InvalidRepoId:
        raise RepoNotFound("This is not a repo id that the Hub accepts.") from None
    return RepoName(_TYPES[kind], repo_id)


def _revision(segments: Sequence[str]) -> str:
    revision = _unquote("/".join(segments))
    try:
        check_revision(revision)
    except InvalidRepoId:
        raise RevisionNotFound("This is not a revision name that git accepts.") from None
    return revision


def _unquote_each(segments: Sequence[str]) -> list[str]:
    parts = [_unquote(segment) for segment in segments]
    if any("/" in part for part in parts):
        raise BadRequest("A slash in this part of the path must not be quoted.")
    return parts


def _unquote(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None
