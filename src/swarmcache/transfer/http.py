"""HTTP as this room needs it: kept connections, bounded waits, proxies, redirects without tokens.

Over the standard library's http.client; why, is in docs/adr.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import os
import ssl
import threading
import time
import urllib.request
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from swarmcache import __version__
from swarmcache.errors import EndpointUnreachable, TransferError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from swarmcache.environment import Environment
    from swarmcache.transfer.bounds import Bounds

REDIRECTS = 5
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_MEMORY = 8
"""Answers of which `latency` is the average."""
_DRAINED, _DRAIN_SECONDS = 65536, 1.0
"""Bytes of an unread answer for which a connection is worth keeping, and the time they may take."""
_SAFE = "".join(map(chr, range(0x21, 0x7F)))
"""What stays as it is in an address; the rest of what servers write there is percent-encoded."""


class Origin(NamedTuple):
    """Where an URL leads to, and to whom a token may go."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an URL; raises TransferError for one that is no web address."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
        except ValueError:
            scheme, host, port = "", "", None
        if scheme not in _PORTS or not host:
            raise TransferError(t("{url} is no web address.", url=shown(url)))
        return cls(scheme, host, port or _PORTS[scheme])

    def __str__(self) -> str:
        """Return the origin as an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def shown(url: str) -> str:
    """Return an URL without what may be secret in it: a signed query, a user's password."""
    head, _, rest = url.partition("://")
    address = rest.partition("?")[0]
    host, slash, path = address.partition("/")
    return f"{head}://{host.rpartition('@')[2]}{slash}{path}" if rest else url.partition("?")[0]


class Answer:
    """An answer whose content its user reads; its connection is kept where that is possible."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        origin: Origin,
        url: str,
        keep: Connections,
    ) -> None:
        self._response = response
        self._connection = connection
        self._keep = keep
        self.url = url
        """Where it came from, redirects followed."""
        self.origin = origin
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers  # type: ignore[assignment]
        """By name, in whatever case."""
        self.linked: Mapping[str, str] = {}
        """The headers of the first answer, where a redirect was followed: the endpoint's own."""

    def __enter__(self) -> Self:
        """Return the answer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the connection, or close it when content is left that nobody will read."""
        self._keep.done(self._connection, self._response, reusable=error is None)

    @property
    def length(self) -> int | None:
        """Bytes of content that were announced; None where nothing was."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdecimal() else None

    def readinto(self, view: memoryview) -> int:
        """Fill `view` with content, and return how many bytes that were; fewer at the end.

        Raises OSError and http.client.HTTPException.
        """
        return self._response.readinto(view)

    def read(self, limit: int, deadline: float) -> bytes:
        """Return all content; raises EndpointUnreachable for more than `limit` bytes or seconds.

        Raises OSError, and http.client.HTTPException for less than announced. `deadline` is on the
        monotonic clock.
        """
        content = bytearray()
        while chunk := self._response.read1(65536):
            content += chunk
            if len(content) > limit or time.monotonic() > deadline:
                raise EndpointUnreachable(
                    t("{url} answers without an end.", url=shown(self.url)),
                )
        if self.length is not None and len(content) < self.length:
            raise http.client.IncompleteRead(bytes(content[:80]), self.length - len(content))
        return bytes(content)

    def abort(self) -> None:
        """Wake whoever reads this answer, from another thread."""
        self._keep.cut(self._connection)


class Connections:
    """Connections to any origins, kept for the next request; safe to use from several threads."""

    def __init__(self, environment: Environment, bounds: Bounds) -> None:
        self._environment = environment
        self._bounds = bounds
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._busy: dict[http.client.HTTPConnection, Origin] = {}
        self._closed = False
        self.latency = 0.0
        """Seconds until an answer began, on the average of the last ones."""
        self._context: ssl.SSLContext | None = None

    def get(self, url: str, headers: Mapping[str, str], *, token: str | None = None) -> Answer:
        """Return the answer to a GET, redirects followed; `token` goes to the first origin only.

        Raises OSError, http.client.HTTPException; TransferError for a redirect that leads
        nowhere, round in circles, or out of encryption.
        """
        home = origin = Origin.of(url)
        linked: Mapping[str, str] = {}
        for _ in range(REDIRECTS + 1):
            secret = {"Authorization": f"Bearer {token}"} if token and origin == home else {}
            answer = self._ask(origin, url, {**headers, **secret})
            answer.linked = linked or answer.headers
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTING or not location:
                return answer
            linked = answer.linked
            with answer:
                url = self._followed(answer.url, location)
                origin = Origin.of(url)
        raise TransferError(t("{url} redirects without an end.", url=shown(url)))

    def done(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        *,
        reusable: bool,
    ) -> None:
        """Keep a connection for the next request to its origin, or close it."""
        with self._lock:
            origin = self._busy.pop(connection, None)
        if (
            reusable
            and origin is not None
            and not self._closed
            and _is_drained(connection, response)
        ):
            with self._lock:
                self._idle.setdefault(origin, []).append(connection)
            return
        response.close()
        connection.close()

    @staticmethod
    def cut(connection: http.client.HTTPConnection) -> None:
        """End a connection under whoever waits for it."""
        sock = connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(2)

    def interrupt(self) -> None:
        """End all connections in use, under whoever waits for them."""
        with self._lock:
            busy = list(self._busy)
        for connection in busy:
            self.cut(connection)

    def close(self) -> None:
        """End all connections, for good."""
        with self._lock:
            self._closed = True
            idle = [one for kept in self._idle.values() for one in kept]
            self._idle.clear()
        self.interrupt()
        for connection in idle:
            connection.close()

    def _ask(self, origin: Origin, url: str, headers: Mapping[str, str]) -> Answer:
        """Send one request; once more where a kept connection proves to be dead."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        proxy = self._proxy(origin)
        if proxy is not None and origin.scheme == "http":
            path = f"{origin}{path}"
            headers = {**headers, **_credentials(proxy)}
        headers = {
            "Accept-Encoding": "identity",
            "User-Agent": f"swarmcache/{__version__}",
            **headers,
        }
        for connection, kept in self._candidates(origin, proxy):
            try:
                asked = time.monotonic()
                connection.request("GET", path, headers=dict(headers))
                response = connection.getresponse()
                self.latency += (time.monotonic() - asked - self.latency) / _MEMORY
            except (http.client.HTTPException, OSError) as error:
                self._forget(connection)
                if kept and not isinstance(error, TimeoutError):
                    continue
                raise
            _set_timeout(connection, self._bounds.stall)
            return Answer(response, connection, origin, url, self)
        raise EndpointUnreachable(t("{endpoint} cannot be reached.", endpoint=origin))

    def _candidates(
        self, origin: Origin, proxy: str | None
    ) -> Iterator[tuple[http.client.HTTPConnection, bool]]:
        """Yield the kept connections to an origin, each with True, then a new one with False."""
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                connection = kept.pop() if kept else None
                if connection is not None:
                    self._busy[connection] = origin
            if connection is None:
                break
            _set_timeout(connection, self._bounds.answer)
            yield connection, True
        yield self._connected(origin, proxy), False

    def _connected(self, origin: Origin, proxy: str | None) -> http.client.HTTPConnection:
        """Return a new connection, through the proxy if there is one."""
        at = Origin.of(proxy) if proxy else origin
        secure, bound = origin.scheme == "https", self._bounds.connect
        connection = (
            http.client.HTTPSConnection(at.host, at.port, timeout=bound, context=self._tls())
            if secure
            else http.client.HTTPConnection(at.host, at.port, timeout=bound)
        )
        if proxy and secure:
            connection.set_tunnel(origin.host, origin.port, _credentials(proxy))
        with self._lock:
            self._busy[connection] = origin
        try:
            connection.connect()
        except BaseException:
            self._forget(connection)
            raise
        _set_timeout(connection, self._bounds.answer)
        if self._closed:
            self.cut(connection)
        return connection

    def _forget(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.pop(connection, None)
        connection.close()

    def _proxy(self, origin: Origin) -> str | None:
        """Return the proxy for an origin: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY less NO_PROXY."""
        bypassed = self._variable("no_proxy")
        if bypassed and urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined]
            f"{origin.host}:{origin.port}", {"no": bypassed}
        ):
            return None
        proxy = self._variable(f"{origin.scheme}_proxy") or self._variable("all_proxy")
        if not proxy:
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if Origin.of(proxy).scheme != "http":
            raise TransferError(t("The proxy {url} is not an http:// one.", url=shown(proxy)))
        return proxy

    def _variable(self, name: str) -> str:
        """Return a proxy variable in either case, as curl and Python have it."""
        return self._environment.get(name) or self._environment.get(name.upper()) or ""

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = _tls_context(self._environment)
            return self._context

    @staticmethod
    def _followed(url: str, location: str) -> str:
        """Return where a redirect leads; raises TransferError for where it must not lead."""
        target = urljoin(url, quote(location.strip().encode("latin-1", "replace"), safe=_SAFE))
        if Origin.of(url).scheme == "https" and Origin.of(target).scheme != "https":
            raise TransferError(
                t("{url} redirects to an address without encryption.", url=shown(url))
            )
        return target


def _set_timeout(connection: http.client.HTTPConnection, seconds: float) -> None:
    """Bound the waits of a connection; each setting is a system call."""
    sock = connection.sock
    if sock is not None and sock.gettimeout() != seconds:
        sock.settimeout(seconds)


def _is_drained(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> bool:
    """Tell whether a connection can be used again, reading what little is left."""
    if not response.isclosed() and not response.will_close:
        left = response.length
        if left is None or left > _DRAINED:
            return False
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.sock.settimeout(_DRAIN_SECONDS)
            response.read()
    return response.isclosed() and not response.will_close


def _tls_context(environment: Environment) -> ssl.SSLContext:
    """Return what decides whom to trust: the system's store, and what the variables name."""
    context = ssl.create_default_context()
    named = [path for name in _CA_VARIABLES if (path := environment.get(name))]
    paths = ssl.get_default_verify_paths()
    if not named and not (paths.cafile or os.path.isdir(paths.capath or "")):
        with contextlib.suppress(ImportError):
            where = importlib.import_module("certifi").where()  # Only in images without a store.
            named.append(where)
    for path in named:
        try:
            where = {"capath": path} if os.path.isdir(path) else {"cafile": path}
            context.load_verify_locations(**where)
        except (OSError, ssl.SSLError) as error:  # noqa: PERF203 - one round for each variable
            raise TransferError(
                t("The certificates in {path} cannot be read: {reason}", path=path, reason=error)
            ) from error
    return context


def _credentials(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
