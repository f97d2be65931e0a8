"""Where bytes come from: a file on this machine, or an endpoint.

A source streams one range into a sink. It raises Retry for what may go better next time, Struck
for what never will; the next source is then asked.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from swarmcache.errors import EndpointUnreachable, SwarmcacheError, TransferError, WrongBytes
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import BLOBS
from swarmcache.hubcache.reading import open_quietly
from swarmcache.locale import t
from swarmcache.transfer.bounds import asked_pause
from swarmcache.transfer.contents import SMALL_BYTES
from swarmcache.transfer.http import Origin, shown
from swarmcache.transfer.refusals import BUSY, no_success, of_disk, of_status, unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.transfer.contents import Content
    from swarmcache.transfer.endpoint import Endpoint
    from swarmcache.transfer.http import Answer, Connections
    from swarmcache.transfer.ranges import Range

_EXPIRED = frozenset({401, 403, 404, 410})
"""What an address that a redirect led to answers when its time is over."""
_LEAST, _MOST = 4096, 2**18
"""Bytes asked of the network at a time: what a kill may cost is the larger one. A connection that
does not bring the smaller one within `Bounds.stall` does not get on."""
_QUICK, _SLOW = 0.1, 0.8
"""Seconds for one reading; the bytes asked for adapt to stay between them."""
_LONGEST_ETAG = 256
"""Characters; a longer one is not worth remembering."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Retry(Exception):
    """Asking the same source again may well succeed."""

    def __init__(self, error: SwarmcacheError, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause
        """Seconds that the source asks us to wait; None where it does not say."""


class Struck(Exception):
    """This source does not have these bytes, or not for us."""

    def __init__(self, error: SwarmcacheError) -> None:
        super().__init__(str(error))
        self.error = error


class Abandoned(Exception):
    """Nobody wants these bytes any more; raised by a sink, and passed on by its source."""


class Sink(Protocol):
    """Where a source puts bytes."""

    def listen(self, answer: Answer) -> None:
        """Hear which answer is being read, so as to be able to end it."""

    def known_etag(self, origin: str) -> str | None:
        """Return what this origin called the bytes that are there."""

    def name(self, origin: str, etag: str) -> None:
        """Remember what an origin calls these bytes."""

    def take(self, at: int, content: memoryview) -> None:
        """Put bytes to their place; raises Abandoned."""

    def widen(self) -> Range:
        """Return all that is missing: the source sends everything anyway, so nobody else need."""

    def restart(self) -> None:
        """Drop what is there: the source has another file now, and sends all of it."""


class Source(Protocol):
    """One place that may have the bytes of one content."""

    name: str
    """An endpoint, or a path."""
    local: bool
    """Whether nothing travels."""
    whole: bool
    """Whether it gives all bytes or none, so that several connections are of no use."""

    def read(self, part: Range, sink: Sink) -> None:
        """Stream a range into the sink; raises Retry, Struck, Abandoned."""

    def give_up(self, error: SwarmcacheError) -> None:
        """Hear that it is asked no more for this content, and why."""


class LocalCopy:
    """A file of another cache, or of this one under another name."""

    local = True
    whole = True

    def __init__(self, path: str, content: Content) -> None:
        self.name = path
        self._size = content.size

    def read(self, part: Range, sink: Sink) -> None:
        """Copy a range."""
        try:
            handle = open_quietly(self.name)
        except OSError as error:
            raise Struck(of_disk(error) or TransferError(str(error))) from error
        try:
            self._copy(handle, part, sink)
        finally:
            os.close(handle)

    def give_up(self, error: SwarmcacheError) -> None:
        """One bad file tells nothing about others."""

    def _copy(self, handle: int, part: Range, sink: Sink) -> None:
        at = part.start
        while at < part.stop:
            try:
                chunk = os.pread(handle, min(2**20, part.stop - at), at)
            except OSError as error:
                raise Struck(of_disk(error) or TransferError(str(error))) from error
            if not chunk:
                raise Struck(_wrong_size(self.name, self._size, at))
            sink.take(at, memoryview(chunk))
            at += len(chunk)


class Remote:
    """A file of an endpoint; where a redirect leads is asked again without the detour."""

    local = False

    def __init__(self, endpoint: Endpoint, connections: Connections, content: Content) -> None:
        self.name = endpoint.url
        self.whole = False
        self._endpoint = endpoint
        self._connections = connections
        self._content = content
        self._led_to: str | None = None

    def read(self, part: Range, sink: Sink) -> None:
        """Ask for a range, and stream what comes of it."""
        try:
            with self._opened(part, sink) as answer:
                sink.listen(answer)
                start, stop = self._agreed(answer, part, sink)
                wanted = sink.widen() if start < part.start or stop > part.stop else part
                # What has a hash is proven by that, whatever comes behind it.
                ends = answer.length is None and self._content.algorithm is None
                _stream(answer, start, stop, wanted, sink, ends)
            if stop < part.stop:
                told = t("only a part of what was asked for came")
                raise Retry(unreachable(ConnectionError(told), self.name), pause=0.0)
        except (OSError, http.client.HTTPException) as error:
            failed = unreachable(error, self.name)
            is_stranger = isinstance(error, ssl.SSLCertVerificationError)
            raise (Struck(failed) if is_stranger else Retry(failed)) from error
        except TransferError as error:
            raise Struck(error) from error

    def give_up(self, error: SwarmcacheError) -> None:
        """Have an endpoint that does not answer asked last for the contents to come."""
        self._endpoint.silent |= isinstance(error, EndpointUnreachable)

    def _opened(self, part: Range, sink: Sink) -> Answer:
        content = self._content
        direct, self._led_to = self._led_to, None
        url = direct or self._endpoint.file_url(content.target, content.commit, content.path)
        headers = self._headers(part, sink, url)
        if direct is not None:
            answer = self._connections.get(direct, headers)
            if answer.status not in _EXPIRED:
                self._led_to = direct
                return answer
            answer.__exit__(None, None, None)
        answer = self._endpoint.open(content.target, content.commit, content.path, headers)
        if answer.url != url and answer.status < HTTPStatus.BAD_REQUEST:
            self._led_to = answer.url
        return answer

    def _headers(self, part: Range, sink: Sink, url: str) -> dict[str, str]:
        if part.size == self._content.size or self.whole:
            return {}
        headers = {"Range": f"bytes={part.start}-{part.stop - 1}"}
        etag = sink.known_etag(str(Origin.of(url)))
        # Only a strong validator may say that bytes are the same (RFC 9110, 13.1.5).
        return {**headers, "If-Range": etag} if etag and etag.startswith('"') else headers

    def _agreed(self, answer: Answer, part: Range, sink: Sink) -> tuple[int, int]:
        """Return which bytes an answer holds; raises Retry or Struck where it is not ours."""
        if answer.status in BUSY:
            raise Retry(self._refused(answer), asked_pause(answer.headers))
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Struck(_wrong_size(self.name, self._content.size, None))
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise Struck(self._refused(answer))
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Struck(
                WrongBytes(t("{url} sends the file in another coding.", url=shown(answer.url)))
            )
        self._refuse_other(answer.linked)
        self._refuse_other(answer.headers)
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            start, stop = self._part(answer, part)
        else:
            start, stop = 0, self._content.size
            if answer.length not in {None, stop}:
                raise Struck(_wrong_size(self.name, stop, answer.length))
            # Unless it is a changed file: then a range of that will do.
            self.whole |= part.size < self._content.size and not self._has_changed(answer, sink)
        self._name(answer, sink)
        return start, stop

    def _part(self, answer: Answer, part: Range) -> tuple[int, int]:
        told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if told is None or int(told[1]) != part.start or int(told[2]) < part.start:
            raise Struck(
                WrongBytes(t("{url} sends other bytes than asked.", url=shown(answer.url)))
            )
        if told[3] not in {"*", str(self._content.size)}:
            raise Struck(_wrong_size(self.name, self._content.size, int(told[3])))
        return part.start, min(part.stop, int(told[2]) + 1)

    def _name(self, answer: Answer, sink: Sink) -> None:
        """Note what the origin calls these bytes; start afresh where it calls them otherwise."""
        etag = answer.headers.get("ETag", "")
        if not 0 < len(etag) <= _LONGEST_ETAG:
            return
        origin = str(answer.origin)
        if self._has_changed(answer, sink):
            sink.restart()
        if sink.known_etag(origin) != etag:
            sink.name(origin, etag)

    @staticmethod
    def _has_changed(answer: Answer, sink: Sink) -> bool:
        known = sink.known_etag(str(answer.origin))
        return known not in {None, answer.headers.get("ETag")}

    def _refuse_other(self, headers: Mapping[str, str]) -> None:
        """Raise Struck where an endpoint says itself that it has other bytes now."""
        size = headers.get("X-Linked-Size", "")
        if size.isdecimal() and int(size) != self._content.size:
            raise Struck(_wrong_size(self.name, self._content.size, int(size)))
        etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/")
        etag = etag.strip('"')
        # Of the wrong kind it says nothing: a storage has hashes of its own.
        comparable = algorithm_of(etag) == self._content.algorithm is not None
        if comparable and etag != self._content.etag and self._is_hubs(headers):
            raise Struck(
                WrongBytes(
                    t(
                        "{endpoint} has another {path} than the one announced.",
                        endpoint=self.name,
                        path=self._content.path,
                    )
                )
            )

    @staticmethod
    def _is_hubs(headers: Mapping[str, str]) -> bool:
        """Tell whether headers come from an endpoint, not from a storage that it redirects to."""
        return bool(headers.get("X-Linked-Etag") or headers.get("X-Repo-Commit"))

    def _refused(self, answer: Answer) -> SwarmcacheError:
        origin = answer.origin
        if origin != Origin.of(self.name):  # A storage knows nothing of tokens and gates.
            return no_success(answer.status, str(origin))
        return of_status(
            answer.status,
            answer.headers,
            self.name,
            self._content.target,
            trusted=self._endpoint.trusted,
        )


def _stream(  # noqa: PLR0913, PLR0917 - what is there, what is wanted, and by whom
    answer: Answer, start: int, stop: int, part: Range, sink: Sink, ends: bool
) -> None:
    """Give the sink what it wants of an answer with bytes `start` to `stop` of a file.

    With `ends`, an answer that does not end there is refused, before its last bytes are taken.
    """
    buffer = memoryview(bytearray(min(_MOST, stop - start)))
    one_more = memoryview(bytearray(1))
    at, amount = start, _LEAST
    while at < stop:
        began = time.monotonic()
        count = answer.readinto(buffer[: min(amount, stop - at)])
        if not count:
            raise Retry(
                unreachable(ConnectionError(t("the connection was cut")), shown(answer.url))
            )
        if ends and at + count == stop and answer.readinto(one_more):
            raise Struck(_wrong_size(shown(answer.url), stop, None))
        wanted = max(part.start - at, 0)
        if wanted < count and at < part.stop:
            sink.take(at + wanted, buffer[wanted : min(count, part.stop - at)])
        at += count
        amount = _adapted(amount, time.monotonic() - began)


def _adapted(amount: int, seconds: float) -> int:
    """Return how many bytes to ask for next, so that progress shows on slow links too."""
    if seconds < _QUICK:
        return min(_MOST, amount * 2)
    return max(_LEAST, amount // 2) if seconds > _SLOW else amount


def _wrong_size(name: str, expected: int, found: int | None) -> WrongBytes:
    if found is None:
        return WrongBytes(
            t(
                "{source} has another size than the {expected} bytes announced.",
                source=name,
                expected=expected,
            )
        )
    return WrongBytes(
        t(
            "{source} has {found} bytes where {expected} are announced.",
            source=name,
            found=found,
            expected=expected,
        )
    )


def siblings(cache: str, content: Content) -> tuple[str, ...]:
    """Return the blobs of other repos of the cache that should hold a large content."""
    if content.size <= SMALL_BYTES or content.algorithm is None:
        return ()
    found: list[str] = []
    for repo in os.listdir(cache):
        path = f"{cache}/{repo}/{BLOBS}/{content.etag}"
        with contextlib.suppress(OSError):
            if os.stat(path).st_size == content.size and path != content.location:
                found.append(path)
    return tuple(found)
