"""What the files of a made-up repo hold: bytes, or noise of any size, never all in memory."""

from __future__ import annotations

import hashlib
import random
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 2**20
"""Bytes."""
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Content:
    """Bytes that can be served from any offset; what they hash to is worked out once."""

    size: int

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes from `start` to `stop`, each piece good until the next is asked for."""
        raise NotImplementedError

    @cached_property
    def sha256(self) -> str:
        """What LFS calls it."""
        return self._hashed(b"", "sha256")

    @cached_property
    def git_sha1(self) -> str:
        """What git calls it."""
        return self._hashed(b"blob %d\0" % self.size, "sha1")

    def _hashed(self, prefix: bytes, algorithm: str) -> str:
        digest = hashlib.new(algorithm, prefix)
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()


class Bytes(Content):
    """Content that is given."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield it in blocks."""
        view = memoryview(self.data)
        for offset in range(start, stop, BLOCK):
            yield view[offset : min(stop, offset + BLOCK)]


class Noise(Content):
    """Pseudo-random content: one block for each seed, numbered where it is repeated.

    So no range of it can stand for another, and it costs nothing to make.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.seed = seed

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield it block by block, in one buffer."""
        block = bytearray(_block(self.seed, min(self.size, BLOCK)))
        view = memoryview(block)
        while start < stop:
            number, skipped = divmod(start, BLOCK)
            if number:
                block[:8] = number.to_bytes(8, "big")
            end = min(stop - number * BLOCK, BLOCK)
            yield view[skipped:end]
            start = number * BLOCK + end


class Flipped(Content):
    """The same bytes but for one bit in the middle of them."""

    def __init__(self, real: Content, at: int) -> None:
        self.size = real.size
        self._real = real
        self._at = at

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield what is real, and the piece with the flipped bit as a copy."""
        for piece in self._real.pieces(start, stop):
            offset = self._at - start
            start += len(piece)
            if not 0 <= offset < len(piece):
                yield piece
                continue
            wrong = bytearray(piece)
            wrong[offset] ^= 1
            yield memoryview(wrong)


def content(given: bytes | str | Content) -> Content:
    """Return content for bytes, for a text like `1GiB` or `1GiB:7` (with a seed), or as it is."""
    if isinstance(given, Content):
        return given
    if isinstance(given, bytes):
        return Bytes(given)
    size, _, seed = given.partition(":")
    unit = next((unit for unit in UNITS if size.endswith(unit)), "")
    return Noise(int(size.removesuffix(unit)) * UNITS.get(unit, 1), int(seed or 0))


@lru_cache(maxsize=64)
def _block(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)
