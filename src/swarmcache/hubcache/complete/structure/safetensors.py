"""safetensors: u64 length, that many bytes of JSON header, then exactly the tensors' bytes.

The rules are those of the safetensors library 0.8.0 (`SafeTensors::deserialize`), which refuses
what breaks them: tensors ordered by offset touch each other, the first begins at 0, the last
ends where the file does, and each takes as many bytes as its type and shape say.
"""

from __future__ import annotations

import math
import struct
from json import JSONDecoder
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.formats import MAX_HEADER, USUAL_HEADER
from swarmcache.hubcache.complete.structure.outcomes import Flawed, Sound
from swarmcache.hubcache.foreign_json import parse
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.structure.content import Content
    from swarmcache.hubcache.complete.structure.outcomes import Examined

_METADATA = "__metadata__"
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Of a number of each type; a type that is not here is newer than we are."""


class Tensor(NamedTuple):
    """One entry of a header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Bytes from the end of the header."""
    end: int


class Header(NamedTuple):
    """A header that can be read."""

    length: int
    """Bytes before the tensors, the length itself included."""
    tensors: dict[str, Tensor]


def examine(content: Content) -> Examined:
    """Return whether header, tensors and size of a file agree."""
    header = read_header(content)
    if isinstance(header, Flawed):
        return header
    end, why = _walk(header)
    if why:
        return Flawed("bad-header", why)
    expected = header.length + end
    return fits(content.size, expected) or Sound()


def fits(actual: int, expected: int) -> Flawed | None:
    """Return what is wrong with a size in bytes, or None when it is the expected one."""
    if actual == expected:
        return None
    reason = t(
        "By its header the file has {expected} bytes, on disk it has {actual}.",
        expected=expected,
        actual=actual,
    )
    return Flawed("truncated" if actual < expected else "wrong-size", reason, expected, actual)


def read_header(content: Content) -> Header | Flawed:
    """Return the header of a file, or why it cannot be read."""
    start = content.at(0, USUAL_HEADER)
    if len(start) < 8:  # noqa: PLR2004 - the length alone takes 8 bytes
        return Flawed("truncated", t("The file ends within its header."), None, content.size)
    (length,) = struct.unpack_from("<Q", start)
    if length > MAX_HEADER or (8 + length > content.size and _is_whole(start[8:])):
        return Flawed("bad-header", t("The file does not begin with a header's length."))
    if 8 + length > content.size:
        return Flawed("truncated", t("The file ends within its header."), 8 + length, content.size)
    text = start[8 : 8 + length] if 8 + length <= len(start) else content.at(8, length)
    try:
        return Header(8 + length, _tensors(parse(text, constant=_refuse)))
    except (ValueError, KeyError, TypeError) as error:
        return Flawed("bad-header", t("The header cannot be read: {why}.", why=error))


def _is_whole(text: bytes) -> bool:
    """Tell whether a header stands here to its end, so that it is its length that is wrong."""
    try:
        JSONDecoder().raw_decode(text.decode("latin-1"))
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _tensors(header: object) -> dict[str, Tensor]:
    if not isinstance(header, dict):
        raise TypeError(t("it is not an object"))
    metadata = header.pop(_METADATA, None)
    if metadata is not None and not _all_text(metadata):
        raise ValueError(_METADATA)
    return {name: _tensor(entry) for name, entry in header.items()}


def _all_text(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())


def _tensor(entry: dict[str, object]) -> Tensor:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str):
        raise TypeError(str(entry)[:40])
    start, end = _sizes(offsets)
    return Tensor(dtype, _sizes(shape), start, end)


def _sizes(numbers: object) -> tuple[int, ...]:
    """Return a list of unsigned 64-bit integers as a tuple; no other list is one."""
    if not isinstance(numbers, list):
        raise TypeError(str(numbers)[:40])
    if not all(type(number) is int and 0 <= number < 2**64 for number in numbers):
        raise ValueError(str(numbers)[:40])
    return tuple(numbers)


def _walk(header: Header) -> tuple[int, str]:
    """Return where the last tensor ends, and what is wrong on the way there (nothing: empty)."""
    at = 0
    for name, tensor in sorted(header.tensors.items(), key=lambda item: item[1][2:]):
        if tensor.start != at or tensor.end < at:
            gap = tensor.start > at
            return at, (
                t("There is a gap before tensor {name}.", name=name)
                if gap
                else t("Tensor {name} overlaps another.", name=name)
            )
        if not _fills_its_span(tensor):
            return at, t("Type and shape of tensor {name} do not fill its bytes.", name=name)
        at = tensor.end
    return at, ""


def _fills_its_span(tensor: Tensor) -> bool:
    bits = _BITS.get(tensor.dtype)
    return bits is None or math.prod(tensor.shape) * bits == (tensor.end - tensor.start) * 8
