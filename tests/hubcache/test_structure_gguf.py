"""GGUF files: what the gguf package wrote is sound, and what is wrong with others is told."""

from __future__ import annotations

import pathlib
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmcache.hubcache.complete.structure import Flawed, Sound, Unexamined, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.complete.structure import Examined

SAMPLES = pathlib.Path(__file__).parent / "samples"
NAMES = ("little.gguf", "aligned.gguf", "big.gguf", "vocabulary.gguf")
LITTLE = (SAMPLES / "little.gguf").read_bytes()
Tensor = tuple[bytes, list[int], int, int]
"""Name, shape, type and offset."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the file under test is written."""
    return tmp_path_factory.mktemp("content") / "blob"


def look(place: pathlib.Path, content: bytes) -> Examined:
    """Return what is said of a file of this content."""
    place.write_bytes(content)
    return examine("model.gguf", str(place))


def kind(found: Examined) -> str:
    """Return the kind of the flaw, or the name of another outcome."""
    return found.kind if isinstance(found, Flawed) else type(found).__name__


def text(value: bytes) -> bytes:
    """Return a string as GGUF writes it."""
    return struct.pack("<Q", len(value)) + value


def file_of(
    tensors: Sequence[Tensor] = (),
    *,
    data: int = 0,
    values: Sequence[tuple[bytes, int, bytes]] = (),
    counts: tuple[int, int] | None = None,
) -> bytes:
    """Return a file by the published layout; `counts` overrides what the header says of them."""
    held, valued = counts or (len(tensors), len(values))
    content = b"GGUF" + struct.pack("<IQQ", 3, held, valued)
    for key, of_type, value in values:
        content += text(key) + struct.pack("<I", of_type) + value
    for name, shape, of_type, offset in tensors:
        content += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        content += struct.pack("<IQ", of_type, offset)
    return content + b"\0" * (-len(content) % 32 + data)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_gguf_package_wrote_is_sound(name: str) -> None:
    """Both byte orders, another alignment, quantised tensors, and no tensors at all."""
    assert examine(name, str(SAMPLES / name)) == Sound()


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_into_header_or_tensors_is_told(place: pathlib.Path, name: str) -> None:
    """Whatever length remains, but for the padding at the end."""
    content = (SAMPLES / name).read_bytes()
    padding = 28 if name == "big.gguf" else 64
    lengths = range(1, len(content) - padding)
    assert {kind(look(place, content[:n])) for n in lengths} == {"truncated", "bad-header"}
    beginnings = [n for n in lengths if kind(look(place, content[:n])) == "bad-header"]
    assert beginnings == [1, 2, 3]  # Not even the magic is whole.


def test_the_sizes_of_a_cut_file_are_told(place: pathlib.Path) -> None:
    """By the table, the last tensor ends at 832 - 28 bytes."""
    found = look(place, LITTLE[:800])
    assert isinstance(found, Flawed)
    assert (found.kind, found.expected, found.actual) == ("truncated", 804, 800)


F32, Q8 = 0, 8
NESTED = struct.pack("<IQ", 9, 1) * 20


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"GGML" + LITTLE[4:], "bad-header"),
        (LITTLE[:4] + b"\0\0\0\0" + LITTLE[8:], "bad-header"),
        (LITTLE[:4] + b"\xff\xff\xff\xff" + LITTLE[8:], "bad-header"),
        (LITTLE[:4] + b"\x01\0\0\0" + LITTLE[8:], "Unexamined"),
        (LITTLE[:4] + b"\x04\0\0\0" + LITTLE[8:], "Unexamined"),
        (file_of([(b"a", [8], F32, 0), (b"b", [8], F32, 32)], data=64), "Sound"),
        (file_of([(b"b", [8], F32, 32), (b"a", [8], F32, 0)], data=64), "Sound"),
        (file_of([(b"a", [8], F32, 0), (b"b", [8], F32, 0)], data=64), "bad-header"),
        (file_of([(b"a", [9], F32, 0), (b"b", [8], F32, 32)], data=64), "bad-header"),
        (file_of([(b"a", [8], F32, 4)], data=64), "bad-header"),
        (file_of([(b"a", [8], F32, 2**63)], data=64), "truncated"),
        (file_of([(b"a", [2**63, 2**63], F32, 0)], data=64), "truncated"),
        (file_of([(b"a", [33], Q8, 0)], data=64), "bad-header"),
        (file_of([(b"a", [1] * 9, F32, 0)], data=64), "bad-header"),
        (file_of([(b"a", [8], 999, 0)], data=1), "Sound"),
        (file_of(counts=(2**63, 0)), "truncated"),
        (file_of(counts=(0, 2**64 - 1)), "truncated"),
        (file_of(values=[(b"k", 99, b"")]), "bad-header"),
        (file_of(values=[(b"k", 8, struct.pack("<Q", 2**63))]), "truncated"),
        (file_of(values=[(b"k", 9, struct.pack("<IQ", 8, 2**63))]), "truncated"),
        (file_of(values=[(b"k", 9, struct.pack("<IQ", 4, 2**62))]), "truncated"),
        (file_of(values=[(b"k", 9, NESTED)]), "bad-header"),
        (file_of(values=[(b"general.alignment", 4, b"\0\0\0\0")]), "bad-header"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_file_is_judged(place: pathlib.Path, content: bytes, expected: str) -> None:
    """Made by the published layout, with one thing wrong or none."""
    assert kind(look(place, content)) == expected


def test_a_table_longer_than_any_is_not_walked(place: pathlib.Path) -> None:
    """A hostile file can not keep us busy for hours; this one claims half a gigabyte of zeros."""
    content = file_of(values=[(b"k", 9, struct.pack("<IQ", 8, 2**60))])
    place.write_bytes(content)
    with place.open("r+b") as file:
        file.truncate(2**29)  # Sparse: nothing is written.
    file_size = place.stat().st_size
    assert file_size == 2**29
    assert isinstance(examine("model.gguf", str(place)), Unexamined)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_get_an_answer(place: pathlib.Path, content: bytes) -> None:
    """Nothing raises, behind a good beginning neither."""
    look(place, content)
    look(place, LITTLE[:8] + content)
    look(place, LITTLE[:24] + content)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(LITTLE) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_gets_an_answer(place: pathlib.Path, at: int, bit: int) -> None:
    """Hashes tell what is wrong with the tensors; here nothing may raise or run away."""
    content = bytearray(LITTLE)
    content[at] ^= 1 << bit
    found = look(place, bytes(content))
    tensors = len(LITTLE) - 32 * 8
    assert isinstance(found, Sound) or at < tensors
