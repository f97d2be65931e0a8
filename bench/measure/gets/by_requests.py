"""Requests, over urllib3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from measure.gets.sink import CHUNK

if TYPE_CHECKING:
    from measure.gets.sink import Sink


def content(url: str, ca: str, sink: Sink) -> None:
    """Take new bytes each time."""
    answer = requests.Session().get(url, stream=True, timeout=30, verify=ca or True)
    for data in answer.iter_content(CHUNK):
        sink.add(data)


def small(url: str, ca: str, count: int) -> None:
    """Ask again and again over one connection."""
    client = requests.Session()
    for _ in range(count):
        assert client.get(url, timeout=30, verify=ca or True).content


FILE = {"iter_content": content}
