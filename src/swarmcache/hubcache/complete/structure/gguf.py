"""GGUF: magic, version, counts, metadata, tensor table, then the tensors, each aligned.

Written from the format's specification (ggml, `docs/gguf.md`) and checked against files that the
gguf package 0.19.0 wrote. Versions 2 and 3 are the same but for version 3's big-endian variant;
version 1 was gone within weeks, and a later one would not be known here.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.structure.outcomes import Flawed, Sound, Unexamined
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.structure.content import Content
    from swarmcache.hubcache.complete.structure.outcomes import Examined

MAGIC = b"GGUF"
_MAX_TABLE = 64 * 2**20
"""Bytes of metadata and table that are walked at most; a vocabulary of 256 k takes 15 MB."""
_AT_ONCE = 2**20
_MAX_DIMENSIONS = 8
_MAX_NESTING = 8
_FORMATS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "B",
    10: "Q",
    11: "q",
    12: "d",
}
"""Type of a metadata value -> how `struct` calls it; 8 is text, 9 an array."""
_TEXT, _ARRAY = 8, 9
# fmt: off - a table
_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
}
# fmt: on
"""Type of a tensor -> (numbers in a block, its bytes); other types are newer than we are."""


class _Short(Exception):
    """The file ends within its table."""


class _Bad(Exception):
    """The table cannot be right; the argument says why."""


class _Long(Exception):
    """The table is longer than we care to walk."""


class _Tensor(NamedTuple):
    name: str
    offset: int
    size: int | None
    """Bytes; None for a type that is not known."""


def examine(content: Content) -> Examined:
    """Return whether the table of a file can be walked, and its tensors lie within the file."""
    start = content.at(0, 8)
    if start[:4] != MAGIC:
        return Flawed("bad-header", t("The file does not begin as a GGUF file does."))
    order = next((o for o in "<>" if start[4:] in {struct.pack(o + "I", n) for n in (2, 3)}), None)
    if order is None:
        return _of_another_version(start)
    try:
        table = _Table(content, order)
        return _fit(content.size, table.tensors(), *table.ending())
    except _Short:
        return Flawed("truncated", t("The file ends within its header."), None, content.size)
    except _Bad as bad:
        return Flawed("bad-header", t("The header cannot be read: {why}.", why=bad))
    except _Long:
        return Unexamined(t("The header is longer than any that is known."))


def _of_another_version(start: bytes) -> Examined:
    if len(start) < 8:  # noqa: PLR2004 - magic and version
        return Flawed("truncated", t("The file ends within its header."), None, len(start))
    (version,) = struct.unpack_from("<I", start, 4)
    if version == 0 or version > 0xFFFF:  # noqa: PLR2004 - no counting of releases leads there
        return Flawed("bad-header", t("The file names no version of GGUF."))
    return Unexamined(t("GGUF version {n} is not known.", n=version))


class _Table:
    """Walks metadata and tensor table once, from the front."""

    def __init__(self, content: Content, order: str) -> None:
        self._content = content
        self._order = order
        self._buffer = b""
        self._at = 0
        self._before = 8
        """Where the buffer begins in the file."""
        self.alignment = 32
        self._tensors, values = self._number("Q"), self._number("Q")
        for _ in range(values):
            self._value_with_key()

    def tensors(self) -> list[_Tensor]:
        """Return the entries of the tensor table."""
        return [self._tensor() for _ in range(self._tensors)]

    def ending(self) -> tuple[int, int]:
        """Return where the tensors begin, and what their places are multiples of."""
        at = self._before + self._at
        return at + -at % self.alignment, self.alignment

    def _value_with_key(self) -> None:
        key = self._text()
        kind = self._number("I")
        if key == b"general.alignment" and kind == 4:  # noqa: PLR2004 - u32
            self.alignment = self._number("I")
            if self.alignment == 0:
                raise _Bad(t("its alignment is 0"))
        else:
            self._skip_values(kind, 1, 0)

    def _skip_values(self, kind: int, count: int, depth: int) -> None:
        if kind == _TEXT:
            self._skip_texts(count)
        elif kind == _ARRAY and depth < _MAX_NESTING:
            for _ in range(count):
                inner, length = self._number("I"), self._number("Q")
                self._skip_values(inner, length, depth + 1)
        elif kind in _FORMATS:
            self._skip(count * struct.calcsize("<" + _FORMATS[kind]))
        else:
            raise _Bad(t("it holds a value of unknown type {n}", n=kind))

    def _skip_texts(self, count: int) -> None:
        """Skip the hundreds of thousands of texts of a vocabulary, in a loop that calls little."""
        length_at = struct.Struct(self._order + "Q").unpack_from
        while count:
            self._need(8)
            buffer, at, last = self._buffer, self._at, len(self._buffer) - 8
            while count and at <= last:
                at += 8 + length_at(buffer, at)[0]
                count -= 1
            self._at = min(at, len(buffer))
            self._skip(at - self._at)

    def _tensor(self) -> _Tensor:
        name = self._text().decode("utf-8", "replace")
        dimensions = self._number("I")
        if dimensions > _MAX_DIMENSIONS:
            raise _Bad(t("tensor {name} has {n} dimensions", name=name[:60], n=dimensions))
        shape = [self._number("Q") for _ in range(dimensions)]
        block = _BLOCKS.get(self._number("I"))
        offset = self._number("Q")
        if block is None:
            return _Tensor(name, offset, None)
        numbers, size = block
        if shape and shape[0] % numbers:
            raise _Bad(t("tensor {name} is no whole number of blocks", name=name[:60]))
        return _Tensor(name, offset, math.prod(shape) // numbers * size)

    def _text(self) -> bytes:
        length = self._number("Q")
        self._need(length)
        self._at += length
        return self._buffer[self._at - length : self._at]

    def _number(self, form: str) -> int:
        size = 8 if form == "Q" else 4
        if len(self._buffer) - self._at < size:
            self._need(size)
        (value,) = struct.unpack_from(self._order + form, self._buffer, self._at)
        self._at += size
        return int(value)

    def _skip(self, count: int) -> None:
        if count <= len(self._buffer) - self._at:
            self._at += count
            return
        place = self._before + self._at + count
        self._bound(place)
        self._before, self._buffer, self._at = place, b"", 0

    def _need(self, count: int) -> None:
        """Have `count` bytes in the buffer."""
        if count <= len(self._buffer) - self._at:
            return
        self._before += self._at
        self._bound(self._before + count)
        self._buffer = self._content.at(self._before, max(count, _AT_ONCE))
        self._at = 0
        if len(self._buffer) < count:
            raise _Short

    def _bound(self, place: int) -> None:
        if place > self._content.size:
            raise _Short
        if place > _MAX_TABLE:
            raise _Long


def _fit(size: int, tensors: list[_Tensor], start: int, alignment: int) -> Examined:
    """Return whether the tensors lie one after the other, within a file of `size` bytes.

    What follows the last one is padding, of which writers leave more or less.
    """
    at = 0
    for name, offset, length in sorted(tensors, key=lambda tensor: tensor.offset):
        if offset % alignment:
            return Flawed("bad-header", t("Tensor {name} is not aligned.", name=name[:60]))
        if offset < at:
            return Flawed("bad-header", t("Tensor {name} overlaps another.", name=name[:60]))
        at = offset + (length or 0)
    if tensors and start + at > size:
        reason = t(
            "By its header the file has {expected} bytes, on disk it has {actual}.",
            expected=start + at,
            actual=size,
        )
        return Flawed("truncated", reason, start + at, size)
    return Sound()
