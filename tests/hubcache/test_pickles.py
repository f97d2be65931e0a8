"""Pickles are found, told from their twins, and read without running them, however hostile."""

from __future__ import annotations

import io
import os
import pickle
import resource
import struct
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache.intact.verdicts import FileVerdict, Missing, Verified
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.pickles import imports
from swarmcache.hubcache.pickles.imports import Import, Scan, scan
from swarmcache.hubcache.pickles.twins import PickleFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REPO = RepoName("model", "org/name")
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)


class Runs:
    """Unpickling it would make a file."""

    def __init__(self, path: object = "never") -> None:
        self.command = f"touch '{path}'"

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


EVIL = pickle.dumps(Runs(), 2)
PLAIN = pickle.dumps({"step": 1}, 2)
SYSTEM = Import(os.system.__module__, "system", "dangerous")


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip as torch.save writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def look(tmp_path: Path) -> Callable[[bytes], Scan]:
    """Scan a file of the given content."""

    def look(content: bytes) -> Scan:
        (tmp_path / "blob").write_bytes(content)
        return scan(str(tmp_path / "blob"))

    return look


def twins_of(*paths: str, missing: str = "") -> dict[str, str | None]:
    """Return each pickle among a revision's files with its twin."""
    found = PickleFiles()
    for path in paths:
        found.hear(FileVerdict(REPO, "c" * 40, path, f"/blobs/{path}", 9, Verified()))
    if missing:
        found.hear(FileVerdict(REPO, "c" * 40, missing, None, 0, Missing("missing-blob")))
    return {each.path: each.twin for each in found}


BINS = [f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)]
SHARDS = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (
            ["pytorch_model.bin", "model.safetensors"],
            {"pytorch_model.bin": "model.safetensors"},
        ),
        ([*BINS, *SHARDS], dict.fromkeys(BINS, SHARDS[0])),
        ([*BINS, *SHARDS[:2]], dict.fromkeys(BINS)),
        ([*BINS, "model.safetensors"], dict.fromkeys(BINS, "model.safetensors")),
        (
            ["unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.safetensors"],
            {"unet/diffusion_pytorch_model.bin": "unet/diffusion_pytorch_model.safetensors"},
        ),
        (["a/pytorch_model.bin", "model.safetensors"], {"a/pytorch_model.bin": None}),
        (["pytorch_model.fp16.bin", "model.safetensors"], {"pytorch_model.fp16.bin": None}),
        (["adapter_model.bin", "model.safetensors"], {"adapter_model.bin": None}),
        (["v1-5.ckpt", "v1-5.safetensors"], {"v1-5.ckpt": "v1-5.safetensors"}),
        (
            ["optimizer.pt", "consolidated.00.pth", "model.safetensors"],
            {"consolidated.00.pth": None, "optimizer.pt": None},
        ),
        (["openvino_model.bin", "openvino_model.xml", "onnx/model.bin", "notes.txt"], {}),
    ],
)
def test_pickles_and_their_twins(paths: list[str], expected: dict[str, str | None]) -> None:
    """A twin is a whole set of safetensors of the same folder, for the same weights."""
    assert twins_of(*paths) == expected


def test_the_last_verdict_on_a_file_counts() -> None:
    """A twin whose bytes are gone is none."""
    found = twins_of("pytorch_model.bin", "model.safetensors", missing="model.safetensors")
    assert found == {"pytorch_model.bin": None}


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_seen_in_every_protocol(look: Callable[[bytes], Scan], protocol: int) -> None:
    """Whatever opcodes name the import."""
    found = look(pickle.dumps({"a": Runs()}, protocol))
    assert SYSTEM in found.imports
    assert found.verdict == "dangerous"
    assert not found.safe


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(zipped({"m/data.pkl": EVIL, "m/data/0": b"\0" * 64}), id="zip"),
        pytest.param(zipped({"m/DATA.PKL": pickle.dumps(Runs(), 0)}), id="capitals"),
        pytest.param(zipped({"data.pkl": EVIL}, zipfile.ZIP_DEFLATED), id="deflated"),
        pytest.param(MAGIC + PLAIN + PLAIN + EVIL + PLAIN + b"\0" * 64, id="legacy"),
        pytest.param(MAGIC + PLAIN + PLAIN + PLAIN + EVIL, id="legacy keys"),
        pytest.param(EVIL[:-1], id="before a truncation"),
        pytest.param(EVIL[:-1] + b"\xff", id="before what is no opcode"),
        pytest.param(MAGIC + PLAIN + EVIL[:-1], id="in a truncated second pickle"),
    ],
)
def test_a_call_is_seen_in_every_container(
    look: Callable[[bytes], Scan], content: bytes, tmp_path: Path
) -> None:
    """And it is not run."""
    assert look(content).verdict == "dangerous"
    assert SYSTEM in look(content).imports
    assert os.listdir(tmp_path) == ["blob"]


def test_reading_does_not_run_it(look: Callable[[bytes], Scan], tmp_path: Path) -> None:
    """The same file leaves its trace when it is unpickled, so the absence means something."""
    content = pickle.dumps(Runs(tmp_path / "trace"))
    look(content)
    assert not (tmp_path / "trace").exists()
    pickle.loads(content)
    assert (tmp_path / "trace").exists()


def test_what_every_checkpoint_needs_is_harmless(look: Callable[[bytes], Scan]) -> None:
    """Tensors alone ask for nothing else."""
    content = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\0."
    found = look(zipped({"m/data.pkl": content, "m/data/0": b"\x80\x02raw"}))
    assert found == Scan((Import("torch._utils", "_rebuild_tensor_v2", "harmless"),))
    assert found.verdict == "harmless"
    assert found.safe


def test_what_is_not_known_is_unusual(look: Callable[[bytes], Scan]) -> None:
    """A trainer's own class is listed, and no alarm."""
    found = look(b"\x80\x02ctransformers.training_args\nTrainingArguments\nq\0.")
    assert found.verdict == "unusual"
    assert found.safe


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(PLAIN[:-1], id="truncated"),
        pytest.param(b"\xff" * 4096, id="no pickle"),
        pytest.param(zipped({"m/data.pkl": PLAIN})[:-30], id="truncated zip"),
        pytest.param(zipped({"m/data/0": b"raw"}), id="zip without a pickle"),
        pytest.param(zipped({"m/data.pkl": PLAIN[:-1]}), id="truncated in a zip"),
        pytest.param(PLAIN + b"\xff\xff", id="something behind it"),
        pytest.param(MAGIC + PLAIN + PLAIN + PLAIN[:-1], id="truncated legacy"),
    ],
)
def test_what_cannot_be_read_is_not_called_safe(
    look: Callable[[bytes], Scan], content: bytes
) -> None:
    """The real unpickler may understand what the reader does not."""
    found = look(content)
    assert found.verdict == "unknown"
    assert found.doubt
    assert not found.safe


def deep() -> bytes:
    """Nested 200,000 times."""
    return b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b"."


def memo() -> bytes:
    """Six million entries of the memo."""
    return b"\x80\x04N" + b"\x94" * 6 * 10**6 + b"."


def laughs() -> bytes:
    """Each list holds the one before ten times: exponential once it is built."""
    step = b"(" + b"h%c" * 10 + b"lq%c0"
    lists = (step % (*[n] * 10, n + 1) for n in range(200))
    return b"\x80\x02]q\0" + b"".join(lists) + b"N."


def unnamed() -> bytes:
    """Imports whose names are no texts, each behind many memo entries."""
    return b"\x80\x04NN" + (b"\x94" * 1000 + b"\x93") * 200 + b"."


def announced() -> bytes:
    """A text said to be 4 EiB long."""
    return b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"a."


def bomb() -> bytes:
    """A zip of 300 kB whose pickle is 300 MB."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("m/data.pkl", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(b"0" * 2**20)
    return out.getvalue()


def numbers() -> bytes:
    """A number of a million digits, quadratic to convert."""
    return b"I" + b"9" * 10**6 + b"\n."


@pytest.mark.parametrize("hostile", [deep, memo, laughs, unnamed, announced, bomb, numbers])
def test_hostile_files_are_bounded(
    look: Callable[[bytes], Scan], hostile: Callable[[], bytes]
) -> None:
    """Neither time nor memory runs away, and nothing is safe that was not read to its end."""
    content, began = hostile(), time.monotonic()
    found = look(content)
    assert time.monotonic() - began < 60
    assert found.safe == (hostile in {deep, laughs})
    # Kilobytes of the largest process that was ever waited for.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2.2 * 2**20


def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A file that takes longer than is granted is not known; its reader is ended."""
    path = tmp_path / "blob"
    path.write_bytes(memo())
    began = time.monotonic()
    found = scan(str(path), seconds=0.5)
    assert time.monotonic() - began < 10
    assert found == Scan(doubt="Reading it took longer than 0.5 s.")
    assert found.verdict == "unknown"


def test_names_without_end_are_cut(look: Callable[[bytes], Scan]) -> None:
    """Ten thousand imports of a thousand letters make no answer of ten megabytes."""
    content = b"".join(b"c%s%05d\nx\n0" % (b"m" * 1000, n) for n in range(10_000))
    found = look(b"\x80\x02" + content + b"N.")
    assert (len(found.imports), found.more) == (1000, 9000)
    assert max(len(one.module) for one in found.imports) == 200


def test_the_folder_it_is_run_in_cannot_bring_code(
    look: Callable[[bytes], Scan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a module of the standard library's name, nor by PYTHONPATH."""
    for name in ("pickletools", "picklescan", "zipfile"):
        (tmp_path / f"{name}.py").write_text("import os; os.abort()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert look(PLAIN) == Scan()


def test_without_picklescan_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name of the extra."""
    monkeypatch.setattr(imports.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(imports.ScannerMissing) as raised:
        scan("/nowhere")
    assert raised.value.hint == "pip install 'swarmcache[unsafe]'"
    assert raised.value.exit_code == 3
