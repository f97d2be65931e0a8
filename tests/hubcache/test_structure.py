"""Documents, zips of torch, and indexes: what is wrong with them is told without hashing."""

from __future__ import annotations

import io
import json
import os
import pathlib
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachemaker import tiny_safetensors
from swarmcache.hubcache.complete.structure import Flawed, Sound, Unexamined, examine, examine_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.complete.structure import Examined

SAMPLES = pathlib.Path(__file__).parent / "samples"
ZIPPED = (SAMPLES / "zipped.bin").read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the file under test is written."""
    return tmp_path_factory.mktemp("content") / "blob"


def look(place: pathlib.Path, path: str, content: bytes) -> Examined:
    """Return what is said of a file of this content at `path` in a repo."""
    place.write_bytes(content)
    return examine(path, str(place))


def kind(found: Examined) -> str:
    """Return the kind of the flaw, or the name of another outcome."""
    return found.kind if isinstance(found, Flawed) else type(found).__name__


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("config.json", b"{}", "Sound"),
        ("vae/config.json", '{"名": "值"}'.encode(), "Sound"),
        ("config.json", b'{"time_step_limit": [0.0, Infinity], "x": NaN}', "Sound"),
        ("config.json", b"", "empty"),
        ("config.json", b"{", "bad-json"),
        ("tokenizer.json", b'{"version": "1.0"', "bad-json"),
        ("tokenizer_config.json", b"[]", "bad-json"),
        ("generation_config.json", b'{"a": "\xff"}', "bad-json"),
        ("model.safetensors.index.json", b"null", "bad-json"),
        ("config.json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "bad-json"),
        ("data.json", b'{"text": "a"}\n{"text": "b"}\n', "Unexamined"),
        ("modules.json", b"[]", "Unexamined"),
        ("README.md", b"", "Unexamined"),
    ],
)
def test_documents_that_loaders_parse_are_objects(
    place: pathlib.Path, path: str, content: bytes, expected: str
) -> None:
    """Lines of JSON under another name are nobody's flaw."""
    assert kind(look(place, path, content)) == expected


def test_what_torch_saves_is_sound() -> None:
    """A zip, as torch 2 writes; of the bare pickle before it nothing can be told."""
    assert examine("pytorch_model.bin", str(SAMPLES / "zipped.bin")) == Sound()
    assert isinstance(examine("pytorch_model.bin", str(SAMPLES / "bare.bin")), Unexamined)


def test_every_cut_of_a_zip_is_told(place: pathlib.Path) -> None:
    """Without its last record, a zip is cut off, whatever remains."""
    kinds = {kind(look(place, "a.bin", ZIPPED[:length])) for length in range(4, len(ZIPPED))}
    assert kinds == {"truncated"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda zipped: zipped.replace(b"PK\x01\x02", b"PK\x00\x00", 1),
        lambda zipped: zipped[:4] + zipped[4:].replace(b"PK\x03\x04", b"PK\x00\x00", 1),
        lambda zipped: zipped[:60] + zipped[61:],
    ],
    ids=["directory", "entry", "a byte less within"],
)
def test_a_directory_that_leads_nowhere_is_told(place: pathlib.Path, damage) -> None:
    """The closing record alone would not tell."""
    assert kind(look(place, "a.pt", damage(ZIPPED))) == "bad-header"


def test_a_large_zip_is_walked(place: pathlib.Path) -> None:
    """Over 65,535 entries the counts stand in zip64's own records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for index in range(66_000):
            file.writestr(str(index), b"")
    assert look(place, "a.ckpt", buffer.getvalue()) == Sound()


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=120), at=st.integers(0, len(ZIPPED)))
def test_any_bytes_get_an_answer(place: pathlib.Path, content: bytes, at: int) -> None:
    """Nothing raises, whatever stands in a zip or a document."""
    look(place, "config.json", content)
    look(place, "a.bin", b"PK\x03\x04" + content)
    look(place, "a.bin", ZIPPED[:at] + content + ZIPPED[at + len(content) :])


def test_what_is_no_file_is_not_examined(tmp_path: pathlib.Path) -> None:
    """A folder, a pipe that nobody writes to, nothing at all."""
    os.mkfifo(tmp_path / "pipe")
    found = [examine("config.json", str(tmp_path / name)) for name in (".", "pipe", "absent")]
    assert [type(outcome) for outcome in found] == [Unexamined] * 3


INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
A, B = "model.layers.0.weight", "model.layers.1.weight"


def index_of(folder: pathlib.Path, files: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return (path, kind) of what is wrong with the index among `files`, written to `folder`."""
    places: dict[str, str | None] = {}
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        places[path] = str(place) if content is not None else None
        if isinstance(content, bytes):
            place.write_bytes(content)
        elif content is not None:
            place.write_text(json.dumps(content))
    index = next(path for path in files if path.endswith(".index.json"))
    return [(path, flaw.kind) for path, flaw in examine_index(index, places)]


def weights(**tensors: str) -> dict[str, object]:
    """Return an index; the names of tensors are given as a and b."""
    names = {"a": A, "b": B, "c": "stranger"}
    return {"weight_map": {names[key]: shard for key, shard in tensors.items()}}


SHARDS = {ONE: tiny_safetensors(1), TWO: tiny_safetensors(2)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({INDEX: weights(a=ONE, b=TWO), **SHARDS}, []),
        ({INDEX: weights(a=ONE, b=TWO), ONE: SHARDS[ONE]}, [(TWO, "missing-shard")]),
        ({INDEX: weights(a=ONE, b=TWO), ONE: SHARDS[ONE], TWO: None}, []),
        ({INDEX: weights(a=ONE, c=TWO), **SHARDS}, [(INDEX, "bad-index")]),
        ({INDEX: weights(a="../outside.safetensors")}, [(INDEX, "bad-index")]),
        ({INDEX: weights(a="/etc/passwd")}, [(INDEX, "bad-index")]),
        ({INDEX: {"weight_map": [ONE]}}, [(INDEX, "bad-index")]),
        ({INDEX: {"weight_map": {A: 1}}}, [(INDEX, "bad-index")]),
        ({INDEX: {}}, [(INDEX, "bad-index")]),
        ({INDEX: b"{"}, []),
        ({f"text/{INDEX}": weights(a=ONE)}, [(f"text/{ONE}", "missing-shard")]),
        ({INDEX: weights(a=ONE, b=TWO), **SHARDS, ONE: b"junk"}, []),
    ],
    ids=[
        "good",
        "absent shard",
        "dead link: told of the link itself",
        "tensor not in its shard",
        "shard above the repo",
        "shard anywhere",
        "list for a map",
        "number for a name",
        "no map",
        "no JSON: told of the document itself",
        "index in a folder",
        "bad shard: told of the shard itself",
    ],
)
def test_an_index_and_its_shards(
    tmp_path: pathlib.Path, files: Mapping[str, object], expected: list[tuple[str, str]]
) -> None:
    """Each flaw is told once, at the path where it can be mended."""
    assert index_of(tmp_path, files) == expected


def test_shards_left_out_on_purpose_are_no_flaw(tmp_path: pathlib.Path) -> None:
    """`pull` leaves the pickles out when safetensors are there; their index comes along."""
    pickles = {"weight_map": {A: "pytorch_model-00001-of-00001.bin"}}
    files = {"pytorch_model.bin.index.json": pickles, "model.safetensors": SHARDS[ONE]}
    assert index_of(tmp_path, files) == []


def test_without_headers_only_absent_shards_are_told(tmp_path: pathlib.Path) -> None:
    """For a run that remembers the bytes."""
    (tmp_path / INDEX).write_text(json.dumps(weights(c=ONE, b=TWO)))
    (tmp_path / ONE).write_bytes(SHARDS[ONE])
    files = {INDEX: str(tmp_path / INDEX), ONE: str(tmp_path / ONE)}
    found = examine_index(INDEX, files, headers=False)
    assert [(path, flaw.kind) for path, flaw in found] == [(TWO, "missing-shard")]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(document=JSON, mapped=JSON)
def test_any_index_gets_an_answer(place: pathlib.Path, document: object, mapped: object) -> None:
    """Nothing raises, whatever JSON stands in its place."""
    for content in (document, {"weight_map": mapped}):
        place.write_text(json.dumps(content))
        examine_index(INDEX, {INDEX: str(place)})
