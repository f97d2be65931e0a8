"""The Hub's protocol as a client: what a repo holds, and where its files are.

    GET /api/{type}s/{id}/revision/{rev}                  -> {"sha": …}
    GET /api/{type}s/{id}/tree/{sha}?recursive=true       -> [{type, path, size, oid, lfs}], Link
    GET [/{type}s]/{id}/resolve/{sha}/{path}              -> the bytes, or a redirect to them

Nothing else is needed, so every mirror that serves huggingface_hub serves this.
"""

from __future__ import annotations

import http.client
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from swarmcache.errors import EndpointUnreachable, TransferError, UnsafeListing
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.layout import is_commit
from swarmcache.locale import t
from swarmcache.transfer.bounds import asked_pause, backoff
from swarmcache.transfer.http import Origin, shown
from swarmcache.transfer.listing import MAX_FILES, RepoListing, check_together, remote_file
from swarmcache.transfer.refusals import BUSY, is_lasting, of_status, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.layout import Target
    from swarmcache.transfer.http import Answer, Connections
    from swarmcache.transfer.listing import KnownFiles, RemoteFile

_MAX_PAGE = 64 * 2**20
"""Bytes of one page; the Hub's have 1,000 entries, some 300 kB."""
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


class Endpoint:
    """One address that speaks the Hub's protocol."""

    def __init__(
        self, url: str, connections: Connections, token: str | None, *, trusted: bool
    ) -> None:
        self.url = url.rstrip("/")
        self.trusted = trusted
        """Whether the user's token, if there is one, is for this endpoint."""
        self.silent = False
        """Whether it lately did not answer; it is asked last then, and without patience."""
        self.dead: EndpointUnreachable | None = None
        """Why it is asked for no more lists: after one wait in vain nobody waits again."""
        self._connections = connections
        self._token = token if trusted else None

    def listing(
        self, target: Target, seconds: float, known: KnownFiles | None = None
    ) -> RepoListing:
        """Return what a repo holds; raises TransferError and its kin, within `seconds`.

        What `known` tells of the commit that a branch or tag is now is not asked for. A host that
        cannot even be looked up may take longer; who must not wait asks in a thread.
        """
        deadline = time.monotonic() + seconds
        commit, files = target.revision, None
        if not is_commit(commit):
            commit = self._commit(target, deadline)
            files = known(commit) if known is not None else None
        if files is None:
            files = tuple(self._files(target, commit, deadline))
        check_together(files)
        return RepoListing(target, commit, files, self.url)

    def open(self, target: Target, commit: str, path: str, headers: dict[str, str]) -> Answer:
        """Return the answer to a request for a file; OSError, HTTPException, TransferError."""
        return self._connections.get(
            self.file_url(target, commit, path), headers, token=self._token
        )

    def file_url(self, target: Target, commit: str, path: str) -> str:
        """Return where a file is asked for."""
        return f"{self.url}/{target.name.spelled}/resolve/{commit}/{quote(path)}"

    def _api(self, target: Target) -> str:
        return f"{self.url}/api/{target.type}s/{target.id}"

    def _commit(self, target: Target, deadline: float) -> str:
        url = f"{self._api(target)}/revision/{quote(target.revision, safe='')}"
        document, _ = self._document(url, target, deadline)
        commit = document.get("sha") if isinstance(document, dict) else None
        if not isinstance(commit, str) or not is_commit(commit):
            raise UnsafeListing(
                t("{endpoint} names no commit for {id}.", endpoint=self.url, id=target.id)
            )
        return commit

    def _files(self, target: Target, commit: str, deadline: float) -> Iterator[RemoteFile]:
        url = f"{self._api(target)}/tree/{commit}?recursive=true&expand=false"
        asked, count = target._replace(revision=commit), 0
        seen: set[str] = set()
        while url:
            if url in seen:
                raise self._endless(url)
            seen.add(url)
            document, link = self._document(url, asked, deadline)
            if not isinstance(document, list):
                raise UnsafeListing(t("The list of files cannot be understood."))
            count += len(document)
            if count > MAX_FILES:
                raise self._endless(url)
            yield from filter(None, map(remote_file, document))
            following = _NEXT.search(link)
            url = self._own(urljoin(url, following[1])) if following else ""

    def _own(self, url: str) -> str:
        """Return where this endpoint itself has a page that it says to be elsewhere.

        Mirrors hand through the links of whom they mirror; nobody else is to see what is asked.
        """
        parts = urlsplit(url)
        if Origin.of(url) == Origin.of(self.url):
            return url
        return f"{self.url}{parts.path}?{parts.query}"

    @staticmethod
    def _endless(url: str) -> UnsafeListing:
        return UnsafeListing(t("{url} lists files without an end.", url=shown(url)))

    def _document(self, url: str, target: Target, deadline: float) -> tuple[Any, str]:
        """Return a JSON answer and its `Link` header; a busy endpoint is asked again."""
        failures = 0
        while True:
            try:
                with self._connections.get(url, {}, token=self._token) as answer:
                    if answer.status == http.HTTPStatus.OK:
                        content = answer.read(_MAX_PAGE, deadline)
                        return _parsed(content, url), answer.headers.get("Link", "")
                    pause = asked_pause(answer.headers)
                    error: TransferError = of_status(
                        answer.status, answer.headers, self.url, target, trusted=self.trusted
                    )
                    retry = answer.status in BUSY
            except (OSError, http.client.HTTPException) as failure:
                error, pause = unreachable(failure, self.url), None
                retry = not (is_lasting(failure) or isinstance(failure, TimeoutError))
            failures += 1
            wait = backoff(failures) if pause is None else pause
            if not retry or self.silent or time.monotonic() + wait > deadline:
                raise error
            time.sleep(wait)


def _parsed(content: bytes, url: str) -> Any:
    try:
        return parse(content)
    except ValueError:
        raise EndpointUnreachable(
            t("{url} answers with something else than the Hub's JSON.", url=shown(url)),
            answered=True,
        ) from None
