"""safetensors files are judged as the library that reads them judges."""

from __future__ import annotations

import ctypes
import json
import re
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, TensorSpec, deserialize, serialize

from cachemaker import tiny_safetensors
from swarmcache.hubcache.complete.formats import looks_whole
from swarmcache.hubcache.complete.structure import Flawed, Sound, examine
from swarmcache.hubcache.scan import Blob

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from swarmcache.hubcache.complete.structure import Examined

Entry = dict[str, object]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the file under test is written."""
    return tmp_path_factory.mktemp("content") / "blob"


def look(place: pathlib.Path, content: bytes) -> Examined:
    """Return what is said of a file of this content."""
    place.write_bytes(content)
    return examine("model.safetensors", str(place))


def kind(place: pathlib.Path, content: bytes) -> str:
    """Return the kind of the flaw, or the name of another outcome."""
    found = look(place, content)
    return found.kind if isinstance(found, Flawed) else type(found).__name__


def file_of(header: Mapping[str, object] | bytes, data: bytes = b"") -> bytes:
    """Return a file of this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(start: int, end: int, shape: list[int] | None = None, dtype: str = "U8") -> Entry:
    """Return a tensor's entry in a header."""
    shape = [end - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def written_by_the_library() -> bytes:
    """Return a file with several types, an empty tensor and metadata."""
    data = ctypes.create_string_buffer(bytes(range(24)))
    at = ctypes.addressof(data)
    specs = {
        "a": TensorSpec(dtype="float32", shape=[2, 2], data_ptr=at, data_len=16),
        "b": TensorSpec(dtype="bfloat16", shape=[3], data_ptr=at, data_len=6),
        "empty": TensorSpec(dtype="float32", shape=[0, 8], data_ptr=at, data_len=0),
        "标量": TensorSpec(dtype="int8", shape=[], data_ptr=at, data_len=1),
    }
    return bytes(serialize(specs, {"format": "pt"}))


def test_what_the_library_writes_is_sound(place: pathlib.Path) -> None:
    """Several types, a scalar, an empty tensor, metadata."""
    assert look(place, written_by_the_library()) == Sound()


@pytest.mark.parametrize("cut", [1, 4, 700])
def test_a_cut_file_is_truncated(place: pathlib.Path, cut: int) -> None:
    """The sizes that header and disk tell are named."""
    content = tiny_safetensors(1)
    found = look(place, content[:-cut])
    assert isinstance(found, Flawed)
    assert (found.kind, found.expected, found.actual) == ("truncated", 1224, 1224 - cut)


def test_a_file_cut_in_its_header_is_truncated(place: pathlib.Path) -> None:
    """Every length shorter than the header's, but for the empty file."""
    content = file_of({"a": tensor(0, 1)}, b"x")
    kinds = {kind(place, content[:length]) for length in range(1, len(content) - 1)}
    assert kinds == {"truncated"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (written_by_the_library() + b"\0", "wrong-size"),
        (file_of({"a": tensor(0, 1), "b": tensor(2, 3)}, b"123"), "bad-header"),
        (file_of({"a": tensor(0, 2), "b": tensor(1, 3)}, b"123"), "bad-header"),
        (file_of({"a": tensor(1, 3)}, b"123"), "bad-header"),
        (file_of({"a": tensor(0, 3, [2])}, b"123"), "bad-header"),
        (file_of({"a": tensor(0, 2, [3], "F4")}, b"12"), "bad-header"),
        (file_of({"a": tensor(-1, 0, [1])}, b"1"), "bad-header"),
        (file_of({"a": tensor(2, 1, [1])}, b"1"), "bad-header"),
        (file_of({"a": {"dtype": "U8", "shape": [1]}}, b"1"), "bad-header"),
        (file_of({"__metadata__": {"a": 1}}), "bad-header"),
        (file_of(b"[]"), "bad-header"),
        (file_of(b"{"), "bad-header"),
        (file_of(b'{"\xff": 1}'), "bad-header"),
        (file_of(b'{"__metadata__": NaN}'), "bad-header"),
        (file_of(b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "bad-header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "bad-header"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "bad-header"),
        (struct.pack("<Q", 2**20 + 2) + b"{}" + bytes(100), "bad-header"),
        (struct.pack("<Q", 2**20 + 2) + b'{"a": {"dtype": "U8"', "truncated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_flaw_is_told_by_its_kind(place: pathlib.Path, content: bytes, expected: str) -> None:
    """The library refuses each of them too."""
    with pytest.raises(SafetensorError):
        deserialize(content)
    assert kind(place, content) == expected


def test_a_type_of_the_future_is_not_called_bad(place: pathlib.Path) -> None:
    """Of a type that we do not know, the bytes are believed."""
    assert look(place, file_of({"a": tensor(0, 3, [7], "F3")}, b"123")) == Sound()


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Draw a file as one could be written, with at most a few things wrong with it."""
    at, header = 0, {}
    for index in range(draw(st.integers(0, 4))):
        dtype, size = draw(st.sampled_from([("U8", 1), ("F16", 2), ("I64", 8), ("F32", 4)]))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        numbers = 1
        for length in shape:
            numbers *= length
        end = at + numbers * size
        slip = draw(st.sampled_from([0] * 12 + [1, -1, 2**40, -(2**63)]))
        header[f"t{index}"] = tensor(at + slip, end, shape, dtype)
        at = end
    content = file_of(header, b"\0" * at)
    cut = draw(st.sampled_from([0, 0, 0, 1, 8]))
    return content[: len(content) - cut] + b"\0" * draw(st.sampled_from([0, 0, 0, 1]))


def accepts(content: bytes) -> bool:
    """Tell whether the library reads the file."""
    try:
        deserialize(content)
    except SafetensorError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(content=files())
def test_it_agrees_with_the_library(place: pathlib.Path, content: bytes) -> None:
    """Sound is what the library reads, and nothing else is."""
    assert isinstance(look(place, content), Sound) == accepts(content)


@settings(max_examples=200, deadline=None)
@given(content=files())
def test_the_quick_look_refuses_nothing_good(place: pathlib.Path, content: bytes) -> None:
    """What `check` calls damaged is flawed here too."""
    if isinstance(look(place, content), Sound):
        blob = Blob("", str(place), len(content), 0, (0, 0), 1, 0.0)
        assert looks_whole("model.safetensors", blob)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_it_agrees_with_the_library_on_flipped_bits(
    place: pathlib.Path, data: st.DataObject
) -> None:
    """A bit of the header flipped: what the library still reads is sound, and the other way."""
    content = bytearray(written_by_the_library())
    (length,) = struct.unpack_from("<Q", content)
    bit = data.draw(st.integers(0, 8 * (8 + length) - 1))
    content[bit // 8] ^= 1 << bit % 8
    types = set(re.findall(rb'"dtype":"([^"]*)"', content))
    if types <= {b"F32", b"BF16", b"I8"}:  # Any other might be one of the future to us.
        assert isinstance(look(place, bytes(content)), Sound) == accepts(bytes(content))


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200), length=st.integers(0, 400))
def test_any_bytes_get_an_answer(place: pathlib.Path, content: bytes, length: int) -> None:
    """Nothing raises."""
    look(place, content)
    look(place, struct.pack("<Q", length) + b'{"' + content)
