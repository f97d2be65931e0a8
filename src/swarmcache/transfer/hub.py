"""Endpoints that speak the Hub's protocol: what a repo holds, and its files into a cache.

huggingface_hub does the work, in a process of its own (`worker.py`): it takes its own locks and
writes its own layout, whichever version is installed. Every wait here has a bound.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final
from urllib.parse import urlsplit

from swarmcache.errors import (
    EndpointUnreachable,
    RepoDenied,
    RepoNotFound,
    SwarmcacheError,
    TransferError,
)
from swarmcache.hubcache.layout import Target, folder_name
from swarmcache.hubcache.refs import read_ref
from swarmcache.locale import language, t
from swarmcache.transfer.growth import Growth
from swarmcache.transfer.process import Worker
from swarmcache.transfer.refusals import unpacked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from swarmcache.environment import Environment
    from swarmcache.progress import Progress

DEFAULT_ENDPOINT = "https://huggingface.co"
LIST_SECONDS = 20.0
"""How long an endpoint may take to say what a repo holds."""
STALL_SECONDS = 60.0
"""How long a download may go without one new byte or file; a longer HF_HUB_DOWNLOAD_TIMEOUT
lengthens it."""
_TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repo, as its endpoint describes it."""

    path: str
    size: int | None
    """Bytes; None where an endpoint does not tell."""
    sha256: str | None
    """For LFS and Xet files."""
    git_sha1: str | None
    """For files kept in git itself."""

    @property
    def etag(self) -> str | None:
        """The name of its blob in a cache."""
        return self.sha256 or self.git_sha1

    @property
    def content(self) -> str:
        """What is equal for files of equal content, so that they are counted once."""
        return self.etag or self.path


@dataclass(frozen=True, slots=True)
class RepoListing:
    """What a repo holds at one commit."""

    target: Target
    """What was asked for."""
    commit: str
    files: tuple[RemoteFile, ...]
    endpoint: str
    """Who says so, and where the files are fetched from."""


@final
class Hub:
    """Some endpoints, asked in their order; a context manager that ends its worker process."""

    def __init__(
        self,
        endpoints: Sequence[str],
        environment: Environment,
        *,
        list_seconds: float = LIST_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._endpoints = tuple(endpoint.rstrip("/") for endpoint in endpoints)
        self._environment = environment
        self._list_seconds = list_seconds
        patience = environment.get("HF_HUB_DOWNLOAD_TIMEOUT") or ""
        self._stall_seconds = max(stall_seconds, float(patience) if patience.isdecimal() else 0)
        self._worker: Worker | None = None

    def __enter__(self) -> Hub:
        """Return the hub itself; no process starts before something is asked."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the worker, and with it whatever it was doing."""
        self._end_worker()

    def listing(self, target: Target, cache: str) -> RepoListing:
        """Return what the first endpoint that knows the repo says it holds.

        Only the first endpoint may move a ref: of the others, the commit that the cache already
        has is asked for. Raises RepoDenied, EndpointUnreachable or RepoNotFound when none
        answers, in this order of weight where they disagree.
        """
        refusals: list[SwarmcacheError] = []
        local = read_ref(cache, target.name, target.revision)
        for position, endpoint in enumerate(self._endpoints):
            asked = target._replace(revision=local) if position and local else target
            try:
                answer = self._ask("list", endpoint, asked, self._list_seconds)
            except TransferError as error:
                refusals.append(error)
                continue
            files = tuple(RemoteFile(*fields) for fields in answer["files"])
            return RepoListing(target, answer["commit"], files, endpoint)
        for kind in (RepoDenied, EndpointUnreachable, RepoNotFound):
            for refusal in refusals:
                if isinstance(refusal, kind):
                    raise refusal
        raise refusals[0]

    def fetch(
        self,
        listing: RepoListing,
        cache: str,
        *,
        leave: Collection[str] = (),
        again: Collection[str] = (),
        progress: Progress | None = None,
    ) -> str:
        """Bring the files of a listing into the cache, and return the endpoint they came from.

        Files in `leave` are left out. What is cached already is kept, except the files in
        `again`, which are fetched whatever the cache holds. No ref is touched: that is for the
        caller, when everything is there. An endpoint that falls silent is followed by the next
        ones, for the same commit. Raises TransferError and its kin; what had arrived completely
        stays, so that a rerun goes on from there.
        """
        wanted = [file for file in listing.files if file.path not in leave]
        growth = Growth(cache, folder_name(listing.target), listing.target.id, wanted, progress)
        pinned = listing.target._replace(revision=listing.commit)
        request = {"cache": cache, "leave": sorted(leave), "again": sorted(again)}
        others = [endpoint for endpoint in self._endpoints if endpoint != listing.endpoint]
        first: EndpointUnreachable | None = None
        with growth:
            for endpoint in (listing.endpoint, *others):
                try:
                    self._ask("fetch", endpoint, pinned, self._stall_seconds, growth, **request)
                except EndpointUnreachable as error:  # noqa: PERF203 - minutes, not microseconds
                    first = first or error
                except RepoNotFound:
                    if first is None:
                        raise
                else:
                    return endpoint
            raise first or EndpointUnreachable(t("There is no endpoint to fetch from."))

    def _ask(
        self,
        do: str,
        endpoint: str,
        target: Target,
        patience: float,
        growth: Growth | None = None,
        **request: object,
    ) -> dict[str, Any]:
        """Return the worker's answer; EndpointUnreachable after `patience` seconds of silence."""
        if self._worker is None:
            self._worker = Worker(self._environment)
        trusted = _origin(endpoint) == _origin(
            self._environment.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        )
        self._worker.send(
            {
                "do": do,
                "endpoint": endpoint,
                "trusted": trusted,
                "target": target,
                "language": language(),
                **request,
            }
        )
        answer = self._wait(self._worker, patience, growth)
        if answer is None:
            self._end_worker()
            raise EndpointUnreachable(
                t(
                    "{endpoint} accepts and does not answer: nothing for {seconds:.0f} s.",
                    endpoint=endpoint,
                    seconds=patience,
                )
            )
        if "error" in answer:
            raise unpacked(answer)
        return answer

    @staticmethod
    def _wait(worker: Worker, patience: float, growth: Growth | None) -> dict[str, Any] | None:
        """Return the answer, or None once nothing has moved for `patience` seconds."""
        moved = time.monotonic()
        while time.monotonic() - moved < patience:
            answer = worker.answer(_TICK_SECONDS)
            if answer is not None and "beat" not in answer:
                return answer
            if (growth is not None and growth.look()) or answer is not None:
                moved = time.monotonic()
        return None

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


__all__ = ["DEFAULT_ENDPOINT", "Hub", "RemoteFile", "RepoListing"]
