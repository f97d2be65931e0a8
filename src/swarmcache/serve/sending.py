"""A cached file over HTTP, whole or in part, by sendfile(2).

aiohttp's own FileResponse is not used: its ETag is of mtime and size, where the Hub's clients
need the content's hash, and it would send `x.json.gz` for `x.json` where both lie side by side.
"""

from __future__ import annotations

import asyncio
import os
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import hdrs, web

from swarmcache.hubcache.reading import open_quietly

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aiohttp.abc import AbstractStreamWriter

    from swarmcache.serve.contents import Content

_MAX_HTTP_DOWNLOAD = 50_000_000_000
"""Bytes; every huggingface_hub refuses a larger file over plain HTTP when it knows the size, and
2.4.0 fetches it when the HEAD leaves the size out (`constants.MAX_HTTP_DOWNLOAD_SIZE`)."""


class Span(NamedTuple):
    """The part of a file to send; `length` 0 with status 416 where no byte of it was asked for."""

    status: int
    start: int
    length: int


class FileReply(web.StreamResponse):
    """Sends a file as the answer to GET, only its headers to HEAD."""

    def __init__(
        self, content: Content, commit: str, sending: AbstractContextManager[None]
    ) -> None:
        """Take what stays entered as long as the body goes out."""
        tag = f'"{content.etag}"'
        headers = {
            hdrs.ETAG: tag,
            "X-Linked-Etag": tag,
            "X-Repo-Commit": commit,
            hdrs.ACCEPT_RANGES: "bytes",
            hdrs.CONTENT_TYPE: "application/octet-stream",
        }
        super().__init__(headers=headers)
        self._content = content
        self._sending = sending
        self.sent = 0
        """Bytes of the body that went out."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the headers and what the request asks of the body."""
        if self.prepared:
            return await super().prepare(request)
        if _matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), self.headers[hdrs.ETAG]):
            self.set_status(304)
            return await super().prepare(request)
        span = select_span(request, self._content.size, self.headers[hdrs.ETAG])
        self._describe(request, span)
        if request.method == hdrs.METH_HEAD or not span.length:
            return await super().prepare(request)
        with self._sending:
            return await self._send(request, span)

    def _describe(self, request: web.BaseRequest, span: Span) -> None:
        size = self._content.size
        self.set_status(span.status)
        if span.status == 206:  # noqa: PLR2004 - partial content
            last = span.start + span.length - 1
            self.headers[hdrs.CONTENT_RANGE] = f"bytes {span.start}-{last}/{size}"
        elif span.status == 416:  # noqa: PLR2004 - range not satisfiable
            self.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
        if request.method == hdrs.METH_HEAD and size > _MAX_HTTP_DOWNLOAD:
            return
        self.content_length = span.length
        self.headers["X-Linked-Size"] = str(size)

    async def _send(self, request: web.BaseRequest, span: Span) -> AbstractStreamWriter | None:
        loop = asyncio.get_running_loop()
        try:
            handle = await loop.run_in_executor(None, _open_unchanged, self._content)
        except OSError:
            return await self._give_up(request)
        with os.fdopen(handle, "rb", buffering=0) as file:
            writer = await super().prepare(request)
            transport = request.transport
            if transport is None:
                raise ConnectionResetError("The client is gone.")
            try:
                # The loop's own sendfile(2); uvloop has none, so this server never runs on it.
                await loop.sendfile(transport, file, span.start, span.length)
            finally:
                # Also when the client is gone: the loop leaves the file where it stopped.
                self.sent = max(0, file.tell() - span.start)
            if self.sent < span.length:
                transport.abort()  # Cut off meanwhile: the client must not take this for whole.
        await self.write_eof()
        return writer

    async def _give_up(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        for header in (hdrs.ETAG, "X-Linked-Etag", "X-Linked-Size", hdrs.CONTENT_RANGE):
            self.headers.pop(header, None)
        self.headers["X-Error-Message"] = "The file changed between two looks at it."
        self.set_status(503)
        self.content_length = 0
        return await super().prepare(request)


def select_span(request: web.BaseRequest, size: int, tag: str) -> Span:
    """Return what a GET or HEAD asks of a file of `size` bytes whose ETag is `tag`.

    Several ranges at once, other units than bytes and a range of another content are answered
    with the whole file, as RFC 9110 (14.2, 13.1.5) allows and asks.
    """
    whole = Span(200, 0, size)
    asked = request.headers.get(hdrs.RANGE, "")
    if not asked.startswith("bytes=") or "," in asked:
        return whole
    if request.headers.get(hdrs.IF_RANGE, tag) != tag:
        return whole
    try:
        wanted = request.http_range
    except ValueError:
        return Span(416, 0, 0)
    start, end, _ = wanted.indices(size)
    return Span(206, start, end - start) if start < end else Span(416, 0, 0)


def _matches(header: str, tag: str) -> bool:
    candidates = (candidate.strip().removeprefix("W/") for candidate in header.split(","))
    return any(candidate in {tag, "*"} for candidate in candidates)


def _open_unchanged(content: Content) -> int:
    """Open a file that was looked at before; raises OSError when it is another one by now."""
    handle = open_quietly(content.location, os.O_NOFOLLOW)
    found = os.fstat(handle)
    if not S_ISREG(found.st_mode) or found.st_size != content.size:
        os.close(handle)
        raise FileNotFoundError(content.location)
    return handle
