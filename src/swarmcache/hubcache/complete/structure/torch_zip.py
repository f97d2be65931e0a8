"""Files of torch.save since 1.6: a zip whose directory, at the end, leads back to every entry."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.structure.outcomes import Flawed, Sound, Unexamined
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.complete.structure.content import Content
    from swarmcache.hubcache.complete.structure.outcomes import Examined

_ENTRY, _ENTRY_SIZE = b"PK\x01\x02", 46
_LOCAL = b"PK\x03\x04"
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END64, _END64_SIZE = b"PK\x06\x06", 56
_MAX_COMMENT = 2**16
_MAX_DIRECTORY = 64 * 2**20
"""Bytes; a checkpoint of 100,000 tensors takes about 10 MB."""


def examine(content: Content) -> Examined:
    """Return whether a zip's directory is whole, and leads to the entries that it lists."""
    if content.at(0, 4) != _LOCAL:
        return Unexamined(t("A pickle that is not in a zip has no form to check."))
    end = _end(content)
    if end is None:
        reason = t("The zip lacks the record that closes it.")
        return Flawed("truncated", reason, None, content.size)
    count, length, start = end
    if length > _MAX_DIRECTORY:
        return Unexamined(t("The header is longer than any that is known."))
    directory = content.at(start, length)
    places = list(_entries(directory))
    if len(places) != count or not all(content.at(place, 4) == _LOCAL for place in places):
        return Flawed("bad-header", t("The zip's directory does not fit its entries."))
    return Sound()


def _end(content: Content) -> tuple[int, int, int] | None:
    """Return entries, bytes and place of the directory, or None without a closing record."""
    tail_at = max(0, content.size - _END_SIZE - _MAX_COMMENT)
    tail = content.at(tail_at, _END_SIZE + _MAX_COMMENT)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        return None
    count, length, start, comment = struct.unpack_from("<HIIH", tail, at + 10)
    if at + _END_SIZE + comment != len(tail):
        return None
    if start == 0xFFFFFFFF or length == 0xFFFFFFFF or count == 0xFFFF:  # noqa: PLR2004 - zip64
        return _end64(content, tail_at + at) or (count, length, start)
    return count, length, start


def _end64(content: Content, end: int) -> tuple[int, int, int] | None:
    locator = content.at(end - _LOCATOR_SIZE, _LOCATOR_SIZE) if end >= _LOCATOR_SIZE else b""
    if locator[:4] != _LOCATOR:
        return None
    (place,) = struct.unpack_from("<Q", locator, 8)
    record = content.at(place, _END64_SIZE) if place < content.size else b""
    if record[:4] != _END64 or len(record) < _END64_SIZE:
        return None
    count, length, start = struct.unpack_from("<QQQ", record, 32)
    return count, length, start


def _entries(directory: bytes) -> Iterator[int]:
    """Yield where each entry's content begins."""
    at = 0
    while directory[at : at + 4] == _ENTRY and at + _ENTRY_SIZE <= len(directory):
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        (place,) = struct.unpack_from("<I", directory, at + 42)
        if place == 0xFFFFFFFF:  # noqa: PLR2004 - zip64
            place = _place64(directory, at, at + _ENTRY_SIZE + name, extra)
        yield place
        at += _ENTRY_SIZE + name + extra + comment


def _place64(directory: bytes, entry: int, at: int, length: int) -> int:
    """Return an entry's place from its zip64 field, which holds only what did not fit."""
    sizes = struct.unpack_from("<II", directory, entry + 20)
    before = 8 * sum(size == 0xFFFFFFFF for size in sizes)  # noqa: PLR2004
    end = min(at + length, len(directory))
    while at + 4 <= end:
        kind, size = struct.unpack_from("<HH", directory, at)
        if kind == 1 and size >= before + 8 and at + 4 + before + 8 <= end:
            (place,) = struct.unpack_from("<Q", directory, at + 4 + before)
            return int(place)
        at += 4 + size
    return 0xFFFFFFFF
