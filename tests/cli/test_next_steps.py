"""What a command proposes next means the cache that its `--cache-dir` named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.cli.start import main

if TYPE_CHECKING:
    from pathlib import Path

MODEL = {"config.json": b'{"model_type": "llama"}', "model.safetensors": tiny_safetensors(1)}
NEAR = ("--cache-dir", "a cache")
PULL = "swarmcache pull --cache-dir 'a cache' org/absent"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a cache that no setting names, and an endpoint that does not answer."""
    for name in ("HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "another"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "another").mkdir()
    CacheMaker(tmp_path / "a cache").repo("org/damaged", MODEL)
    (blob,) = (tmp_path / "a cache" / "models--org--damaged" / "blobs").glob("?" * 64)
    blob.write_bytes(blob.read_bytes()[::-1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "step"),
    [
        (("run", *NEAR, "--offline", "--model", "org/absent", "--", "true"), PULL),
        (("export", "org/absent", "out.tar", *NEAR), PULL),
        (
            ("export", "org/damaged", "out.tar", *NEAR),
            "swarmcache verify --cache-dir 'a cache' org/damaged --repair",
        ),
        (("verify", "org/absent", *NEAR), PULL),
        (
            ("verify", *NEAR, "org/damaged"),
            "swarmcache verify --cache-dir 'a cache' --repair org/damaged",
        ),
        (("generation", "diagnose", "--model", "org/absent", *NEAR), PULL),
        ((*NEAR,), "swarmcache status --cache-dir 'a cache'"),
    ],
)
def test_the_next_step_names_it(
    words: tuple[str, ...], step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed as it stands, it must not download into another cache."""
    main(words)
    told = capsys.readouterr()
    steps = [line for line in (told.out + told.err).splitlines() if line.startswith("Next: ")]
    assert steps == [f"Next: {step}"]
