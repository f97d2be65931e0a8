"""A request as it came and an answer as it shall go out: values that a fault may change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .content import Bytes, Content

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Request:
    """One request, and what became of it."""

    method: str
    target: str
    """The path with its query, as it was sent."""
    headers: Mapping[str, str]
    """With names in lower case."""
    origin: str = ""
    """Scheme, host and port of who was asked."""
    route: str = "other"
    """`info`, `tree`, `paths-info`, `resolve`, `cdn`, or `other`."""
    repo: str = ""
    path: str = ""
    """The file, of `resolve` and `cdn`."""
    status: int = 0
    """What was answered; 0 until then."""
    sent: int = 0
    """Bytes of the body that the kernel has taken so far."""

    @property
    def file_bytes(self) -> int:
        """Bytes of a file that were sent; none where something else was answered."""
        return self.sent if self.path and self.status in {200, 206} else 0

    @property
    def token(self) -> str | None:
        """The bearer token that came along."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass(frozen=True)
class Answer:
    """A status, headers, and bytes `start` to `stop` of a content."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: Bytes(b""))
    start: int = 0
    stop: int = 0
    cut_at: int | None = None
    """Bytes of the body after which the connection is cut."""
    reset: bool = False
    """Whether it is cut by a reset, which loses what the other side has not read."""
    silent_at: int | None = None
    """Bytes of the body after which nothing more comes; -1: not even the headers."""
    bytes_per_second: float | None = None
    """Of the body."""
    head_per_second: float | None = None
    """Bytes of the status line and headers; None: all at once."""
    close: bool = False
    """Whether the connection ends with this answer."""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.stop - self.start

    def having(self, **headers: str | None) -> Answer:
        """Return it with more headers (`retry_after` is Retry-After), or without those of None."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        merged = {**self.headers, **named}
        return replace(self, headers={n: value for n, value in merged.items() if value is not None})

    def holding(self, content: Content) -> Answer:
        """Return it with another body, whole, and the length of that."""
        changed = replace(self, content=content, start=0, stop=content.size)
        return changed.having(content_length=str(content.size), content_range=None)


def whole(content: Content, status: int = 200, **headers: str | None) -> Answer:
    """Return an answer with all of a content."""
    return Answer(status).holding(content).having(**headers)


def document(value: Any, status: int = 200, **headers: str | None) -> Answer:
    """Return an answer that holds JSON."""
    return whole(
        Bytes(json.dumps(value).encode()), status, content_type="application/json", **headers
    )


def refusal(status: int, code: str = "", message: str = "", **headers: str | None) -> Answer:
    """Return what the Hub answers instead of what was asked for."""
    said = {"x_error_code": code or None, "x_error_message": message or None}
    return document({"error": message}, status, **said, **headers)


def ranged(content: Content, request: Request, etag: str, **headers: str | None) -> Answer:
    """Return the part of a content that `Range` and `If-Range` ask for: 200, 206 or 416."""
    full = whole(content, etag=etag, accept_ranges="bytes", **headers)
    wanted = request.headers.get("range", "")
    stale = request.headers.get("if-range", etag) != etag
    if not wanted.startswith("bytes=") or "," in wanted or stale:
        return full
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    if first:
        start, stop = int(first), min(int(last or content.size - 1) + 1, content.size)
    else:
        start, stop = max(0, content.size - int(last)), content.size
    if start >= stop:
        return refusal(416, content_range=f"bytes */{content.size}", accept_ranges="bytes")
    part = replace(full, status=206, start=start, stop=stop)
    return part.having(
        content_length=str(stop - start),
        content_range=f"bytes {start}-{stop - 1}/{content.size}",
    )
