"""Weight files looked at from outside: whether the header agrees with the size.

Milliseconds and a few kilobytes a file, whatever the file's size.
"""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

from swarmcache.hubcache.scan import read_start

if TYPE_CHECKING:
    from swarmcache.hubcache.scan import Blob

_MAX_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself (0.8.0, `MAX_HEADER_SIZE`)."""
_USUAL_HEADER = 64 * 2**10
"""Bytes read at once; the header of a model of 300 tensors takes 35 kB."""
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
        start = read_start(blob.path, _USUAL_HEADER)
        (length,) = struct.unpack_from("<Q", start)
        if length > min(_MAX_HEADER, blob.size - 8):
            return False
        if length + 8 > len(start):
            start = read_start(blob.path, length + 8)
        header = json.loads(start[8 : length + 8].decode())
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
    except (OSError, ValueError, struct.error, KeyError, TypeError, IndexError, AttributeError):
        return False
    return bool(8 + length + max(ends, default=0) == blob.size)


def _pickle_whole(blob: Blob) -> bool:
    """Tell whether a torch file that is a zip still has the zip's closing record.

    Files of torch < 1.6 are bare pickles, of which only emptiness can be told.
    """
    if _start(blob, 4) != _ZIP_START:
        return blob.size > 0
    try:
        handle = os.open(blob.path, os.O_RDONLY | os.O_CLOEXEC)
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
