"""Some endpoints, asked in their order: what a repo holds, and its files into a cache."""

from __future__ import annotations

import queue
import threading
from functools import cached_property
from typing import TYPE_CHECKING, final

from swarmcache.errors import (
    EndpointUnreachable,
    RepoDenied,
    RepoNotFound,
    SwarmcacheError,
    TransferError,
    UnsafeListing,
)
from swarmcache.hubcache.layout import is_commit
from swarmcache.hubcache.refs import read_ref
from swarmcache.locale import t
from swarmcache.transfer.tokens import DEFAULT_ENDPOINT, find_token, is_offline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import Target
    from swarmcache.transfer.bounds import Bounds
    from swarmcache.transfer.contents import Content
    from swarmcache.transfer.crew import Crew
    from swarmcache.transfer.endpoint import Endpoint
    from swarmcache.transfer.http import Connections
    from swarmcache.transfer.linking import Linker
    from swarmcache.transfer.listing import KnownFiles, RepoListing
    from swarmcache.transfer.sources import Source


@final
class Hub:
    """A context manager that ends all connections.

    Nothing is connected, and no network library imported, before it is asked: where all models
    are complete, it never is.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        environment: Environment,
        *,
        bounds: Bounds | None = None,
        max_rate: int | None = None,
    ) -> None:
        """Take the endpoints in their order; `max_rate` is in bytes a second."""
        self.environment = environment
        self._urls = tuple(endpoints)
        self._given_bounds = bounds
        self._max_rate = max_rate
        self._linkers: dict[tuple[str, ...], Linker] = {}

    def __enter__(self) -> Hub:
        """Return the hub itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End all connections."""
        if "_connections" in self.__dict__:
            self._connections.close()

    def listing(self, target: Target, cache: str, known: KnownFiles | None = None) -> RepoListing:
        """Return what the first endpoint that knows the repo says it holds.

        Only the first endpoint may move a ref: of the others, the commit that the cache already
        has is asked for. What `known` tells of a commit is not asked for. One that does not answer
        at all is waited for once, however many repos there are.

        Raises RepoDenied, UnsafeListing for what no cache can hold, EndpointUnreachable or
        RepoNotFound when none answers, in this order of weight where they disagree.
        """
        from swarmcache.transfer.listing import RepoListing  # noqa: PLC0415 - see the class
        from swarmcache.transfer.refusals import weightiest  # noqa: PLC0415

        self._refuse_offline(target)
        refusals: list[SwarmcacheError] = []
        local = read_ref(cache, target.name, target.revision)
        for position, endpoint in enumerate(self._endpoints):
            asked = target._replace(revision=local) if position and local else target
            try:
                found = self._listing(endpoint, asked, known)
            except TransferError as error:
                refusals.append(error)
                continue
            return RepoListing(target, found.commit, found.files, found.endpoint)
        kinds = (RepoDenied, UnsafeListing, EndpointUnreachable, RepoNotFound)
        raise weightiest(refusals, kinds)

    def crew(self, cache: str, *, lock: bool = True) -> Crew:
        """Return who downloads into a cache folder, which is made if need be.

        With `lock=False` the caller holds the Hub's locks of all blobs. Raises AccessDenied for a
        cache that this user cannot write, DiskFull where not even a folder can be made.
        """
        from swarmcache.hubcache.intact.pace import Throttle  # noqa: PLC0415 - see the class
        from swarmcache.transfer.crew import Crew  # noqa: PLC0415
        from swarmcache.transfer.place import partials_folder  # noqa: PLC0415

        return Crew(
            cache,
            partials_folder(cache, self.environment),
            self._sources,
            self._bounds,
            self._connections,
            spend=Throttle(self._max_rate).spend if self._max_rate else int,
            lock=lock,
        )

    def linker(self, cache: str, symlinked: Sequence[str] = ()) -> Linker:
        """Return who links contents into a cache folder; the same one for all that this hub brings.

        Into the `symlinked` folders blobs become symbolic links.
        """
        from swarmcache.transfer.linking import Linker  # noqa: PLC0415 - see the class

        key = (cache, *symlinked)
        if key not in self._linkers:
            self._linkers[key] = Linker(cache, self.environment, symlinked)
        return self._linkers[key]

    @cached_property
    def _bounds(self) -> Bounds:
        from swarmcache.transfer.bounds import Bounds  # noqa: PLC0415 - see the class

        return self._given_bounds or Bounds.of(self.environment)

    @cached_property
    def _connections(self) -> Connections:
        from swarmcache.transfer.http import Connections  # noqa: PLC0415 - see the class

        return Connections(self.environment, self._bounds)

    @cached_property
    def _endpoints(self) -> list[Endpoint]:
        return [self._endpoint(url) for url in self._urls]

    def _endpoint(self, url: str) -> Endpoint:
        """Return an endpoint, with the token if that was configured for it."""
        from swarmcache.transfer.endpoint import Endpoint  # noqa: PLC0415 - see the class
        from swarmcache.transfer.http import Origin  # noqa: PLC0415

        mine = self.environment.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        trusted = Origin.of(url) == Origin.of(mine)
        token = find_token(self.environment) if trusted else None
        return Endpoint(url, self._connections, token, trusted=trusted)

    def _listing(self, endpoint: Endpoint, target: Target, known: KnownFiles | None) -> RepoListing:
        """Ask in a thread: a name that cannot be looked up, or headers that trickle, end too."""
        from swarmcache.transfer.refusals import refusal  # noqa: PLC0415 - see the class

        if endpoint.dead is not None:
            raise endpoint.dead
        answers: queue.SimpleQueue[RepoListing | SwarmcacheError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(endpoint.listing(target, self._bounds.listing, known))
            except Exception as error:  # noqa: BLE001 - a thread of its own: nobody else would hear
                answers.put(refusal(error, endpoint.url, target))

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self._bounds.listing)
        except queue.Empty:
            answer = EndpointUnreachable(
                t(
                    "{endpoint} accepts and does not answer: nothing for {seconds:.0f} s.",
                    endpoint=endpoint.url,
                    seconds=self._bounds.listing,
                )
            )
        if isinstance(answer, SwarmcacheError):
            if isinstance(answer, EndpointUnreachable):
                endpoint.silent = True
                endpoint.dead = None if answer.answered else answer
            raise answer
        return answer

    def _sources(self, content: Content) -> list[Source]:
        """Return who may have a content, in the order in which they are asked."""
        from swarmcache.transfer.sources import LocalCopy, Remote  # noqa: PLC0415 - see the class

        found: list[Source] = [LocalCopy(path, content) for path in content.copies]
        if is_offline(self.environment) or not is_commit(content.commit):
            return found
        if all(endpoint.dead for endpoint in self._endpoints):
            return found  # The caches next door told what there is: nobody waits a second time.
        last = sorted(self._endpoints, key=lambda one: one.silent)
        return found + [Remote(one, self._connections, content) for one in last]

    def _refuse_offline(self, target: Target) -> None:
        if is_offline(self.environment):
            raise EndpointUnreachable(
                t("HF_HUB_OFFLINE forbids the network, and {id} is not complete.", id=target.id),
                hint="unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE",
            )
