"""`verify` tells of pickles that safetensors repeat, and with `--unsafe` what they would run."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache import report
from swarmcache.cli import main
from swarmcache.hubcache.pickles import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "verify.json").read_text())
SAFE = b"\x80\x02ccollections\nOrderedDict\n)R."
WEIGHTS = tiny_safetensors(1)


class Runs:
    """Unpickling it would run a command."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ran",)


EVIL = pickle.dumps(Runs(), 2)


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names, and an empty working directory."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return CacheMaker(tmp_path / "hub")


def cached(maker: CacheMaker, files: Mapping[str, bytes], repo_id: str = "org/name") -> str:
    """Write a model of these weights, and return its commit."""
    return maker.repo(repo_id, {"config.json": b"{}", **files})


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    """Run `verify --json`, and return its exit code and document, which fits its schema."""
    code = main(["verify", "--json", "--all", *arguments])
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    return code, found


def test_a_pickle_beside_its_twin_is_a_note(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, whatever the number of shards; the exit code stays 0."""
    bins = {f"pytorch_model-0000{n}-of-00002.bin": bytes([n]) + EVIL for n in (1, 2)}
    commit = cached(maker, {"model.safetensors": WEIGHTS, **bins})

    assert main(["verify", "--all"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("✓ 4 files are intact.")
    assert err.splitlines()[-1] == (
        f"⚠ org/name@{commit[:12]}: 2 pickles repeat the weights of model.safetensors; "
        "loading a pickle can run any code."
    )


def test_the_note_in_the_document(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Where, and which safetensors file to load instead."""
    files = {"pytorch_model.bin": EVIL, "model.safetensors": WEIGHTS, "rng_state.pth": SAFE}
    commit = cached(maker, files)

    code, found = document(capsys)
    assert (code, found["ok"]) == (0, True)
    assert found["unsafe"] == [
        {
            "repo": "org/name",
            "type": "model",
            "commit": commit,
            "path": "pytorch_model.bin",
            "twin": "model.safetensors",
        }
    ]
    assert "pickles" not in found


def test_without_pickles_nothing_is_said(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even that there are none."""
    cached(maker, {"model.safetensors": WEIGHTS})
    assert main(["verify", "--all"]) == 0
    assert "pickle" not in "".join(capsys.readouterr())
    assert document(capsys)[1]["unsafe"] == []


def test_a_dangerous_pickle_exits_with_1(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its bytes are right, and the answer is no; nothing of it was run."""
    commit = cached(maker, {"pytorch_model.bin": EVIL, "optimizer.pt": SAFE})
    system = f"{os.system.__module__}.system"

    assert main(["verify", "--unsafe", "org/name"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if not line.startswith("Hashed")] == [
        (
            f"✓ org/name@{commit[:12]} optimizer.pt: "
            "loading it imports only what every checkpoint needs"
        ),
        "    collections.OrderedDict",
        f"✗ org/name@{commit[:12]} pytorch_model.bin: loading it can run any code",
        f"    {system} (dangerous)",
        "✓ 3 files are intact.",
        "✗ 2 pickles were looked into, 1 is not safe to load.",
    ]
    assert os.listdir() == []


def test_the_document_of_unsafe(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Each pickle, with or without a twin, and what it would import."""
    commit = cached(maker, {"a.bin": EVIL, "b.ckpt": SAFE, "c.pt": SAFE[:-1]})

    code, found = document(capsys, "--unsafe")
    assert (code, found["ok"]) == (1, False)
    assert found["files"]["corrupt"] == 0
    common = {"repo": "org/name", "type": "model", "commit": commit, "twin": None}
    ordered = {"module": "collections", "name": "OrderedDict", "judgement": "harmless"}
    system = {"module": os.system.__module__, "name": "system", "judgement": "dangerous"}
    *known, unknown = found["pickles"]
    assert known == [
        {
            **common,
            "path": "a.bin",
            "verdict": "dangerous",
            "imports": [system],
            "more_imports": 0,
            "reason": "",
        },
        {
            **common,
            "path": "b.ckpt",
            "verdict": "harmless",
            "imports": [ordered],
            "more_imports": 0,
            "reason": "",
        },
    ]
    assert (unknown["path"], unknown["verdict"]) == ("c.pt", "unknown")
    assert unknown["imports"] == [ordered]
    assert unknown["reason"].startswith("It could not be read to its end: ")


def test_safe_pickles_exit_with_0(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """And so does a cache that has none."""
    cached(maker, {"pytorch_model.bin": SAFE}, "org/pickle")
    cached(maker, {"model.safetensors": WEIGHTS}, "org/none")

    assert main(["verify", "--unsafe", "org/pickle"]) == 0
    assert capsys.readouterr().out.endswith("✓ 1 pickle was looked into.\n")
    assert main(["verify", "--unsafe", "org/none"]) == 0
    assert capsys.readouterr().out.endswith("✓ There are no pickles.\n")


def test_wrong_bytes_outweigh_danger(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """5 stays 5: what is not even the right file is told first."""
    cached(maker, {"pytorch_model.bin": EVIL})
    (blob,) = [
        one for one in os.scandir(f"{maker.folder('org/name')}/blobs") if len(one.name) == 64
    ]
    with open(blob.path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"N")
    code, found = document(capsys, "--unsafe")
    assert code == 5
    assert [one["kind"] for one in found["problems"]] == ["wrong-hash"]
    assert found["pickles"][0]["verdict"] == "dangerous"


def test_without_picklescan_nothing_is_begun(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """3, and the command that would help, before anything is hashed."""
    cached(maker, {"pytorch_model.bin": SAFE})
    monkeypatch.setattr(imports.importlib.util, "find_spec", lambda _name: None)
    assert main(["verify", "--unsafe", "--all"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install 'swarmcache[unsafe]'" in err


def test_names_cannot_write_to_the_terminal(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module's name may be any text; escape sequences in it become visible."""
    cached(maker, {"pytorch_model.bin": b"\x80\x04\x8c\x08\x1b[2Jevil\x8c\x01x\x93."})
    assert main(["verify", "--unsafe", "--all"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "evil.x (unusual)" in out


@pytest.mark.torch
def test_what_torch_writes_is_read(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Real checkpoints in both of torch's formats, good and malicious."""
    from torch_environment import python_of  # noqa: PLC0415 - makes it where it is missing

    script = (
        "import os, sys, torch\n"
        "class Runs:\n"
        "    def __reduce__(self): return os.system, ('touch ran',)\n"
        "weights = {f'layers.{n}.weight': torch.ones(3, 4) for n in range(40)}\n"
        "for zipped in True, False:\n"
        "    for kind, content in ('good', weights), ('evil', {**weights, 'x': Runs()}):\n"
        "        name = f'{kind}-{zipped}.bin'\n"
        "        torch.save(content, name, _use_new_zipfile_serialization=zipped)\n"
    )
    subprocess.run([python_of("4.51.3"), "-c", script], cwd=tmp_path, check=True)
    cached(maker, {path.name: path.read_bytes() for path in tmp_path.glob("*.bin")})

    code, found = document(capsys, "--unsafe")
    assert code == 1
    verdicts = {one["path"]: one["verdict"] for one in found["pickles"]}
    assert verdicts == {
        "evil-False.bin": "dangerous",
        "evil-True.bin": "dangerous",
        "good-False.bin": "harmless",
        "good-True.bin": "harmless",
    }
    needed = {"collections.OrderedDict", "torch.FloatStorage", "torch._utils._rebuild_tensor_v2"}
    for one in found["pickles"]:
        names = {f"{each['module']}.{each['name']}" for each in one["imports"]}
        assert names - needed == ({"posix.system"} if "evil" in one["path"] else set())
    assert not (tmp_path / "project" / "ran").exists()
