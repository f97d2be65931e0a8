"""Weight files looked at from outside: whether the header agrees with the size.

Milliseconds and a few kilobytes a file, whatever the file's size; `hubcache.structure` looks at
all that a header says, and calls nothing good that is refused here.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.reading import open_quietly, read_start

if TYPE_CHECKING:
    from swarmcache.hubcache.scan import Blob

MAX_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself (0.8.0, `MAX_HEADER_SIZE`)."""
USUAL_HEADER = 64 * 2**10
"""Bytes read at once; the header of a model of 300 tensors takes 35 kB."""
_TENSOR_END = rb'"data_offsets"\s*:\s*\[\s*\d+\s*,\s*(\d+)\s*\]'
_ZIP_START, _ZIP_END, _ZIP_END_SIZE = b"PK\x03\x04", b"PK\x05\x06", 22


def looks_whole(path: str, blob: Blob) -> bool:
    """Tell whether a weights file's header, where its format has one, fits its size in bytes."""
    if path.endswith(".safetensors"):
        return _safetensors_whole(blob)
    if path.endswith(".gguf"):
        return _start(blob, 4) == b"GGUF"
    if path.endswith((".bin", ".pt", ".pth", ".ckpt")):
        return _pickle_whole(blob)
    return blob.size > 0


def _safetensors_whole(blob: Blob) -> bool:
    """Format: u64 length, JSON header with `data_offsets`, then exactly the tensors' bytes."""
    try:
        start = read_start(blob.path, min(USUAL_HEADER, blob.size))
        length = int.from_bytes(start[:8], "little")
        if length > min(MAX_HEADER, blob.size - 8):
            return False
        if length + 8 > len(start):
            start = read_start(blob.path, length + 8)
    except OSError:
        return False
    header, data = start[8 : length + 8], blob.size - 8 - length
    # A pattern is 3 times as fast as parsing; where metadata could deceive it, parsing decides.
    return _ends_by_pattern(header) == data or _ends_by_parsing(header) == data


def _ends_by_pattern(header: bytes) -> int | None:
    """Return where the last tensor ends, or None where that needs a parser."""
    if header[:1] != b"{" or header.rstrip()[-1:] != b"}":
        return None
    return max(map(int, re.findall(_TENSOR_END, header)), default=None)


def _ends_by_parsing(header: bytes) -> int | None:
    """Return where the last tensor ends; None for what is no header."""
    try:
        tensors: Any = parse(header)
        ends = [entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"]
        return max(ends, default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _pickle_whole(blob: Blob) -> bool:
    """Tell whether a torch file that is a zip still has the zip's closing record.

    Files of torch < 1.6 are bare pickles, of which only emptiness can be told.
    """
    if _start(blob, 4) != _ZIP_START:
        return blob.size > 0
    try:
        handle = open_quietly(blob.path)
    except OSError:
        return False
    try:
        return os.pread(handle, 4, blob.size - _ZIP_END_SIZE) == _ZIP_END
    finally:
        os.close(handle)


def _start(blob: Blob, count: int) -> bytes:
    try:
        return read_start(blob.path, count)
    except OSError:
        return b""
