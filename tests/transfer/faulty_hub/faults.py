"""What can go wrong with an answer: each function here returns a fault for `FaultyHub.add`.

A fault takes the request and the honest answer and returns the answer that goes out. Several that
match one request are applied in the order in which they were added.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from .answers import Answer, Request, document, refusal, whole
from .content import Bytes, Content, Flipped, content

Fault: TypeAlias = Callable[[Request, Answer], Answer]


def silent(fraction: float | None = None) -> Fault:
    """Never answer; or say nothing more after the headers (0) or a fraction of the body."""
    return lambda _, answer: replace(
        answer, silent_at=-1 if fraction is None else int(answer.length * fraction)
    )


def slow(bytes_per_second: float = 1) -> Fault:
    """Send the body at a rate that ends never."""
    return lambda _, answer: replace(answer, bytes_per_second=bytes_per_second)


def slow_head(bytes_per_second: float = 1) -> Fault:
    """Send the status line and headers byte by byte: no single read of them takes long."""
    return lambda _, answer: replace(answer, head_per_second=bytes_per_second)


def cut(fraction: float, *, reset: bool = False) -> Fault:
    """Cut the connection after a fraction of the body; before the last byte for 1."""

    def fault(_: Request, answer: Answer) -> Answer:
        at = max(0, min(int(answer.length * fraction), answer.length - 1))
        return replace(answer, cut_at=at, reset=reset)

    return fault


def wrong_length(more: int) -> Fault:
    """Promise `more` bytes than are sent, or fewer, and end the connection behind the body."""
    return lambda _, answer: replace(answer, close=True).having(
        content_length=str(answer.length + more)
    )


def no_length() -> Fault:
    """Promise no length; the body ends with the connection."""
    return lambda _, answer: replace(answer, close=True).having(content_length=None)


def wrong_bytes(at: float = 0.5) -> Fault:
    """Flip one bit of the content, at a fraction of the whole of it."""
    return lambda _, answer: replace(
        answer, content=Flipped(answer.content, int(answer.content.size * at))
    )


def whole_file() -> Fault:
    """Answer 200 with everything where a range was asked for."""

    def fault(_: Request, answer: Answer) -> Answer:
        return replace(answer, status=200).holding(answer.content)

    return fault


def shifted_range(by: int = 1) -> Fault:
    """Answer 206 with a range that was not asked for, and say so in Content-Range."""

    def fault(_: Request, answer: Answer) -> Answer:
        start, size = answer.start + by, answer.content.size
        stop = min(answer.stop + by, size)
        said = f"bytes {start}-{stop - 1}/{size}"
        moved = replace(answer, start=start, stop=stop)
        return moved.having(content_length=str(stop - start), content_range=said)

    return fault


def refused(status: int, code: str = "", message: str = "", **headers: str) -> Fault:
    """Answer with a status, the Hub's code and sentence, and headers (`retry_after="3"`)."""
    return lambda *_: refusal(status, code, message, **headers)


def range_refused() -> Fault:
    """416, whatever the range."""
    return lambda _, answer: refusal(416, content_range=f"bytes */{answer.content.size}")


def too_many(seconds: int | str = 1) -> Fault:
    """429 with Retry-After, in seconds or as a date."""
    return refused(429, message="Too many requests", retry_after=str(seconds))


def rate_limited(seconds: int = 55) -> Fault:
    """429 as the Hub says it: no Retry-After, but when its window ends."""
    return refused(429, ratelimit=f'"api";r=0;t={seconds}', ratelimit_policy='"fixed window";q=500')


def gated(status: int = 403) -> Fault:
    """A gated repo, for a token without access (403) or none (401)."""
    return refused(status, "GatedRepo", "Access to model is restricted.")


def private(status: int = 401) -> Fault:
    """A repo that is private, or is not there: the Hub does not tell which."""
    return refused(status, "RepoNotFound", "Repository not found")


def redirected(location: str, status: int = 302) -> Fault:
    """Point elsewhere: another scheme, another origin; `{n}` is one more in each request."""

    def fault(request: Request, _: Answer) -> Answer:
        number = int(request.target.rpartition("n=")[2]) + 1 if "n=" in request.target else 1
        target = location.replace("{n}", str(number))
        return refusal(status, location=target)

    return fault


def redirect_loop() -> Fault:
    """Point to the same place again and again, each time with another query."""

    def fault(request: Request, answer: Answer) -> Answer:
        return redirected(request.target.partition("?")[0] + "?n={n}")(request, answer)

    return fault


def gzipped(*, labelled: bool = True) -> Fault:
    """Compress the body though identity was asked for; `labelled` says so in Content-Encoding."""

    def fault(_: Request, answer: Answer) -> Answer:
        pieces = answer.content.pieces(answer.start, answer.stop)
        packed = answer.holding(Bytes(gzip.compress(b"".join(map(bytes, pieces)))))
        return packed.having(content_encoding="gzip") if labelled else packed

    return fault


def headers(**changed: str | None) -> Fault:
    """Set headers, or leave them out for None: `etag='"other"'`, `x_repo_commit=None`."""
    return lambda _, answer: answer.having(**changed)


def other(instead: bytes | str | Content) -> Fault:
    """Serve another content as if the file had always been that, ETag and length too."""
    file = content(instead)

    def fault(_: Request, answer: Answer) -> Answer:
        etag = f'"{file.sha256}"'
        changed = replace(answer, status=200).holding(file).having(etag=etag)
        if "X-Linked-Etag" not in answer.headers:
            return changed
        return changed.having(x_linked_etag=etag, x_linked_size=str(file.size))

    return fault


def page(html: str = "<html><body>Please log in to this network.</body></html>") -> Fault:
    """Answer 200 with a page, as hotel networks and proxies do."""
    return lambda *_: whole(Bytes(html.encode()), content_type="text/html")


def listed(value: Any) -> Fault:
    """Answer with this JSON instead: a tree with duplicate paths, wrong sizes, other types."""
    return lambda *_: document(value)


def endless_pages(entries: int = 100) -> Fault:
    """List a page of new files in each answer, and always one more page."""

    def fault(request: Request, _: Answer) -> Answer:
        plain, _, number = request.target.partition("&cursor=")
        at = int(number or 0)
        found = [
            {
                "type": "file",
                "path": f"{at}/{name}",
                "size": 1,
                "oid": f"{at * entries + name:040x}",
            }
            for name in range(entries)
        ]
        link = f'<{request.origin}{plain}&cursor={at + 1}>; rel="next"'
        return document(found, link=link)

    return fault


def then(action: Callable[[], object]) -> Fault:
    """Leave the answer as it is, and do something once it is settled: move a ref, say."""

    def fault(_: Request, answer: Answer) -> Answer:
        action()
        return answer

    return fault
