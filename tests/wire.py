"""Requests as they go over the wire, which no client library may tidy up."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.serve.running import RunningHub


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(
    hub: RunningHub, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    """Send one request; a header `if_range` is sent as `If-Range`."""
    connection = http.client.HTTPConnection(hub.address.host, hub.address.port, timeout=20)
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
