"""A Hub of the tests: made-up repos, honest unless told otherwise, on loopback.

This is how it is used, by a client with HF_ENDPOINT=hub.url:

    with FaultyHub(Repo("org/name", {"config.json": b"{}", "model.safetensors": "1GiB"})) as hub:
        hub.add(cut(0.5), path="model.safetensors", method="GET", times=1)
        ...
        assert hub.served("model.safetensors") <= 1.01 * 2**30
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .origin import Origin
from .routes import Routes
from .sending import Pace

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .answers import Answer, Request
    from .faults import Fault
    from .repos import Repo
    from .tls import Certificates


@dataclass
class Rule:
    """Which requests a fault meets."""

    fault: Fault
    route: str = "*"
    path: str = "*"
    method: str = "*"
    skip: int = 0
    """Requests that match and are let through first."""
    times: int | None = None
    """Requests that it meets after that; None: all."""

    def meets(self, request: Request) -> bool:
        """Tell whether it is this request's turn, and count it."""
        pairs = ((request.route, self.route), (request.path, self.path))
        if not all(fnmatch.fnmatchcase(*pair) for pair in (*pairs, (request.method, self.method))):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return self.times is None or self.times >= 0


class FaultyHub:
    """A Hub, and with `cdn` a second origin for its LFS files, within a `with` block.

    The CDN is another port of the same host, which takes a strict client to tell from the Hub:
    huggingface_hub 1.31.0 sends its token there and is refused; 0.36.2, 1.5.0 and 2.4.0 do not.
    `bytes_per_second` is shared by all connections and may be changed at any time. `honest` holds
    the repos; change them and it serves what they are then.
    """

    def __init__(  # noqa: PLR0913 - each keyword is one trait of a Hub
        self,
        *repos: Repo,
        cdn: bool = False,
        page: int = 1000,
        bytes_per_second: float | None = None,
        renamed: dict[str, str] | None = None,
        tls: Certificates | None = None,
        port: int = 0,
    ) -> None:
        self.honest = Routes(list(repos), page=page, renamed=renamed or {})
        self.requests: list[Request] = []
        """Every request so far, in the order in which they came."""
        self._pace = Pace(bytes_per_second)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._origins = [Origin(self.answer, self._pace, tls, port)]
        self.url = self._origins[0].url
        """What HF_ENDPOINT names."""
        if cdn:
            self._origins.append(Origin(self._answer_of_cdn, self._pace, tls))
            self.honest.cdn = self._origins[-1].url

    def add(self, fault: Fault, **which: Any) -> None:
        """Let a fault meet the requests that fit `which`, the fields of Rule (globs)."""
        with self._lock:
            self._rules.append(Rule(fault, **which))

    def mend(self) -> None:
        """Be honest from now on; connections that are silent stay so."""
        with self._lock:
            self._rules.clear()

    def pace(self, bytes_per_second: float | None) -> None:
        """Change the rate of all connections together; None: as fast as can be."""
        self._pace.bytes_per_second = bytes_per_second

    def seen(self, **which: str) -> list[Request]:
        """Return the requests so far that fit `which` (route, path, method, repo: globs)."""
        return [
            request
            for request in list(self.requests)
            if all(fnmatch.fnmatchcase(getattr(request, n), glob) for n, glob in which.items())
        ]

    def served(self, path: str = "*") -> int:
        """Return the bytes of files that went out, over `resolve` and the CDN."""
        return sum(each.file_bytes for each in self.seen(path=path))

    @property
    def connections(self) -> int:
        """How many connections were made so far, to the Hub and its CDN."""
        return sum(origin.connections for origin in self._origins)

    def counts(self) -> dict[str, Any]:
        """Return requests and bytes in all, by route, and for each file."""
        routes: dict[str, int] = {}
        files: dict[str, dict[str, int]] = {}
        for request in list(self.requests):
            routes[request.route] = routes.get(request.route, 0) + 1
            if request.path:
                file = files.setdefault(request.path, {"requests": 0, "bytes": 0})
                file["requests"] += 1
                file["bytes"] += request.file_bytes
        total = sum(file["bytes"] for file in files.values())
        return {"requests": sum(routes.values()), "bytes": total, "routes": routes, "files": files}

    def answer(self, request: Request, body: bytes) -> Answer:
        """Return what goes out for a request to the Hub itself."""
        return self._spoiled(request, self.honest.answer(request, body))

    def _answer_of_cdn(self, request: Request, _: bytes) -> Answer:
        return self._spoiled(request, self.honest.from_cdn(request))

    def _spoiled(self, request: Request, answer: Answer) -> Answer:
        with self._lock:
            self.requests.append(request)
            faults = [rule.fault for rule in self._rules if rule.meets(request)]
        for fault in faults:
            answer = fault(request, answer)
        return answer

    def __enter__(self) -> Self:
        for origin in self._origins:
            origin.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for origin in self._origins:
            origin.stop()
