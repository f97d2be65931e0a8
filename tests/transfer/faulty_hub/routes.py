"""The Hub's own answers: which repo and file a target names, and what an honest Hub says to it."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from .answers import Answer, Request, document, ranged, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .repos import Repo

    Place: TypeAlias = tuple[Repo, str]
    """A repo and one of its commits."""

API = re.compile(
    r"/api/(model|dataset|space)s/([^/]+(?:/[^/]+)??)"
    r"(?:/(revision|tree|paths-info)/([^/]+)(?:/.*)?)?"
)
RESOLVE = re.compile(r"/(?:(dataset|space)s/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)")


@dataclass
class Routes:
    """An honest Hub over made-up repos."""

    repos: Sequence[Repo]
    cdn: str = ""
    """The origin that LFS files are redirected to, if there is one."""
    page: int = 1000
    """Entries of a tree in one answer."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Old ids of repos, which are redirected to their new ones."""

    def answer(self, request: Request, body: bytes) -> Answer:
        """Return the answer, and write down in the request what it is for."""
        path, _, query = request.target.partition("?")
        if found := RESOLVE.fullmatch(path):
            request.route, request.path = "resolve", unquote(found[4])
        elif found := API.fullmatch(path):
            request.route = "info" if found[3] in {None, "revision"} else found[3]
        else:
            return refusal(404, message="Sorry, we can't find the page you are looking for.")
        request.repo = found[2]
        if renamed := self.renamed.get(found[2]):
            return refusal(307, location=request.target.replace(found[2], renamed, 1))
        revision = unquote((found[3] if request.route == "resolve" else found[4]) or "main")
        place = self._place(request, found[1] or "model", revision)
        if isinstance(place, Answer):
            return place
        if request.route == "resolve":
            return self._file(request, *place)
        return self._api(request, *place, parse_qs(query), body)

    def from_cdn(self, request: Request) -> Answer:
        """Return a file by its hash, as a signed address of object storage does."""
        request.route = "cdn"
        if "authorization" in request.headers:
            return refusal(400, message="Only one auth mechanism allowed")
        sha256 = urlsplit(request.target).path.removeprefix("/cdn/")
        for repo in self.repos:
            for path, file in itertools.chain(*map(dict.items, repo.commits.values())):
                if repo.is_lfs(path) and file.sha256 == sha256:
                    request.repo, request.path = repo.id, path
                    return ranged(file, request, f'"cdn-{sha256[:16]}"')
        return refusal(403, message="AccessDenied")

    def _place(self, request: Request, kind: str, revision: str) -> Place | Answer:
        name = request.repo
        repo = next((each for each in self.repos if (each.id, each.type) == (name, kind)), None)
        if repo is None or not _allowed(repo.private_to, request):
            status = 404 if request.token else 401
            return refusal(status, "RepoNotFound", "Repository not found")
        if request.route == "resolve" and not _allowed(repo.gated_to, request):
            status = 403 if request.token else 401
            return refusal(status, "GatedRepo", f"Access to model {name} is restricted.")
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo, commit

    def _file(self, request: Request, repo: Repo, commit: str) -> Answer:
        file = repo.commits[commit].get(request.path)
        if file is None:
            return refusal(404, "EntryNotFound", "Entry not found", x_repo_commit=commit)
        etag = f'"{repo.etag(request.path, file)}"'
        if not repo.is_lfs(request.path):
            return ranged(file, request, etag, x_repo_commit=commit)
        linked = {"x_linked_etag": etag, "x_linked_size": str(file.size), "x_repo_commit": commit}
        if not self.cdn:
            return ranged(file, request, etag, **linked)
        location = f"{self.cdn}/cdn/{file.sha256}?Expires=9999999999&Signature=made-up"
        return refusal(302, location=location, **linked)

    def _api(
        self, request: Request, repo: Repo, commit: str, query: dict[str, list[str]], body: bytes
    ) -> Answer:
        if request.route == "info":
            return document(repo.info(commit, blobs="blobs" in query), x_repo_commit=commit)
        if request.route == "paths-info":
            wanted = set(_form(request, body).get("paths", ()))
            return document([entry for entry in repo.tree(commit) if entry["path"] in wanted])
        start = int(query.get("cursor", ["0"])[0])
        entries = list(itertools.islice(repo.tree(commit), start, start + self.page + 1))
        link = None
        if len(entries) > self.page:
            plain = request.target.partition("&cursor=")[0]
            link = f'<{request.origin}{plain}&cursor={start + self.page}>; rel="next"'
        return document(entries[: self.page], link=link, x_repo_commit=commit)


def _allowed(tokens: frozenset[str] | set[str] | None, request: Request) -> bool:
    return tokens is None or request.token in tokens


def _form(request: Request, body: bytes) -> dict[str, list[str]]:
    if request.headers.get("content-type", "").startswith("application/json"):
        return dict(json.loads(body))
    return parse_qs(body.decode())
