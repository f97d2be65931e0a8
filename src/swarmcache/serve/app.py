"""The read-only Hub as an aiohttp application."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from swarmcache.serve import documents
from swarmcache.serve.catalogue import Catalogue
from swarmcache.serve.contents import Content, Contents
from swarmcache.serve.refusals import (
    BadRequest,
    EntryNotFound,
    MethodRefused,
    Refusal,
    Unauthorised,
)
from swarmcache.serve.routes import Route, parse_route
from swarmcache.serve.sending import FileReply
from swarmcache.serve.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from swarmcache.environment import Environment
    from swarmcache.serve.catalogue import CachedCommit

_MAX_BODY = 16 * 2**20
"""Bytes of a paths-info body: 100,000 paths, more than any client asks for at once."""
_THREADS = 32
"""Disk look-ups at a time; one that hashes a nameless blob must not hold up the others."""
_LOOK_SECONDS = 15.0
"""So often it is looked whether clients are gone."""
_BEFORE_AUTHENTICATION = frozenset({"/api/agent-harnesses"})
"""Asked without a token once a day before anything else; it only needs a quick 404."""


def create_app(
    caches: Sequence[str],
    *,
    tiers: Sequence[str] = (),
    token: str | None = None,
    environment: Environment | None = None,
) -> web.Application:
    """Return a Hub over cache folders, in order of precedence; links may lead into `tiers`, too.

    With `token`, every request must bring it as its bearer token. With `environment`, which tells
    where our own state of each cache lies, what clients are at is leased and noted as used.
    """
    hub = _Hub(caches, tiers, token, environment)
    app = web.Application(client_max_size=_MAX_BODY)
    # Not `.*`: a file's name may hold a line break.
    app.router.add_route("*", r"/{path:[\s\S]*}", hub.handle)
    app.on_startup.append(hub.open)
    app.on_cleanup.append(hub.close)
    return app


class _Hub:
    """Answers requests; every look at the disk happens in a thread of its own pool."""

    def __init__(
        self,
        caches: Sequence[str],
        tiers: Sequence[str],
        token: str | None,
        environment: Environment | None,
    ) -> None:
        self._catalogue = Catalogue(caches)
        self._contents = Contents((*self._catalogue.roots, *map(os.path.realpath, tiers)))
        self._token = token
        self._visits = Visits(environment) if environment is not None else None
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="swarmcache-serve")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or refuse it in the way that the Hub's clients understand."""
        try:
            return await self._answer(request)
        except Refusal as refusal:
            body = {"error": str(refusal)}
            return web.json_response(body, status=refusal.status, headers=refusal.headers())
        except OSError as error:
            reason = f"The cache cannot be read: {error.strerror}."
            headers = {"X-Error-Message": reason}
            return web.json_response({"error": reason}, status=503, headers=headers)

    async def open(self, app: web.Application) -> None:
        """Begin to look after the visits."""
        del app
        if self._visits is not None:
            self._looking = asyncio.create_task(self._look_after(self._visits))

    async def close(self, app: web.Application) -> None:
        """Let go of the threads without waiting for a hash under way, and of all leases."""
        del app
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._visits is not None:
            self._looking.cancel()
            self._visits.close()

    async def _look_after(self, visits: Visits) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.get_running_loop().run_in_executor(self._pool, visits.look_after)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw_path = request.rel_url.raw_path
        if raw_path in _BEFORE_AUTHENTICATION:
            raise EntryNotFound("This Hub keeps no such list.")
        authorised = self._authorise(request)
        if raw_path == "/api/whoami-v2":
            return _whoami(authorised=authorised)
        route = parse_route(raw_path)
        if route is None:
            raise Refusal("This Hub serves no such path.")
        is_post = request.method == hdrs.METH_POST and route.verb == "paths-info"
        if not is_post and (
            request.method not in {hdrs.METH_GET, hdrs.METH_HEAD} or route.verb == "paths-info"
        ):
            raise MethodRefused("This Hub is read-only.")
        return await self._serve(request, route)

    async def _serve(self, request: web.Request, route: Route) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        if route.verb == "resolve":
            found, content = await loop.run_in_executor(self._pool, self._resolve, route)
            return FileReply(content, found.commit, self._sending(found))
        query = dict(request.query)
        paths = await _posted_paths(request) if route.verb == "paths-info" else []
        commit, body = await loop.run_in_executor(self._pool, self._body, route, query, paths)
        headers = {"X-Repo-Commit": commit} if commit else {}
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _authorise(self, request: web.Request) -> bool:
        """Tell whether the request brought the right token; raises Unauthorised if it must."""
        if self._token is None:
            return False
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        wanted = f"Bearer {self._token}"
        if not hmac.compare_digest(_bytes(given), _bytes(wanted)):
            raise Unauthorised
        return True

    def _sending(self, found: CachedCommit) -> AbstractContextManager[None]:
        return nullcontext() if self._visits is None else self._visits.sending(found.folders)

    def _find(self, route: Route) -> CachedCommit:
        """Return the commit asked for; from now on a client is at its repo."""
        found = self._catalogue.find(route.repo, route.revision)
        if self._visits is not None:
            self._visits.arrive(found.folders)
        return found

    def _resolve(self, route: Route) -> tuple[CachedCommit, Content]:
        found = self._find(route)
        content = self._contents.locate(found, route.path)
        if self._visits is not None:
            self._visits.arrive(found.folders)  # Hashing a nameless blob may have taken minutes.
        return found, content

    def _body(self, route: Route, query: dict[str, str], paths: Sequence[str]) -> tuple[str, bytes]:
        if route.verb == "refs":
            return "", _json(documents.refs(self._catalogue.refs(route.repo)))
        commit = self._find(route)
        return commit.commit, _json(self._document(route, commit, query, paths))

    def _document(
        self, route: Route, commit: CachedCommit, query: dict[str, str], paths: Sequence[str]
    ) -> documents.Json:
        if route.verb == "commits":
            return documents.commits(commit)
        files = self._contents.listing(commit)
        if route.verb == "info":
            return documents.info(commit, files, blobs=_is_true(query.get("blobs")))
        if route.verb == "paths-info":
            return documents.paths_info(files, paths)
        recursive = _is_true(query.get("recursive"))
        entries = documents.tree(files, route.path, recursive=recursive)
        if route.path and not entries:
            raise EntryNotFound(f"{route.path} is no folder of {route.repo.id} here.")
        return entries


def _whoami(*, authorised: bool) -> web.Response:
    if not authorised:
        raise Unauthorised
    return web.json_response({"type": "user", "name": "swarmcache", "auth": {"type": "token"}})


async def _posted_paths(request: web.Request) -> list[str]:
    """Return `paths` of a form or JSON body; raises BadRequest for any other body."""
    if request.content_type != "application/json":
        return [str(path) for path in (await request.post()).getall("paths", [])]
    try:
        paths = (await request.json())["paths"]
    except (ValueError, KeyError, TypeError):
        raise BadRequest("The body must be a JSON object with paths.") from None
    return [str(path) for path in paths] if isinstance(paths, list) else [str(paths)]


def _json(document: documents.Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in {"true", "1"}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
