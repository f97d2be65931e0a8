"""Scripts' plain calls without click: the same answers, and nothing taken that is click's."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.cli import main, start
from swarmcache.cli.plain_call import plain_call
from swarmcache.hubcache import usage

if TYPE_CHECKING:
    from pathlib import Path

MODEL = {
    "config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"a": 1}',
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """A cache with one whole and one broken model, and an empty working directory."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/whole", MODEL)
    maker.repo("org/half", MODEL, absent=["model.safetensors"])
    return maker


@pytest.mark.parametrize(
    "line",
    [
        "check org/whole",
        "check org/whole@main org/half org/none",
        "check --json org/half -q",
        "check org/bad/name",
        "status",
        "ls --quiet",
        "status --json --json",
    ],
)
def test_click_gives_the_same_answer(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, errors and exit code do not tell who has read the words."""
    monkeypatch.setattr(usage, "free_bytes", lambda _: 10**9)  # Others write to the disk too.
    assert plain_call(line.split()) is not None
    plain = (main(line.split()), capsys.readouterr())
    monkeypatch.setattr(start, "plain_call", lambda _: None)

    clicked = (main(line.split()), capsys.readouterr())

    assert plain == clicked


@pytest.mark.parametrize(
    "line",
    [
        "",
        "check",
        "check --json",
        "check --full org/whole",
        "check org/whole --help",
        "check -- org/whole",
        "check --jso org/whole",
        "check -qq org/whole",
        "status --sort name",
        "status hub",
        "pull org/whole",
        "--version",
        "nonsense",
    ],
)
def test_every_other_call_is_clicks(line: str) -> None:
    """Options with values, help, mistakes, other verbs."""
    assert plain_call(line.split()) is None


@pytest.mark.parametrize("words", [["check", "org/whole"], ["status"]], ids=" ".join)
def test_a_plain_call_imports_no_click(words: list[str]) -> None:
    """The very point of it, in a process of its own."""
    program = (
        "import sys\n"
        "from swarmcache.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "sys.exit(f'{code} click' if code or 'click' in sys.modules else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [["status"], ["status", "--sort", "name"], ["check", "org/whole"], ["--help"], ["env"]],
    ids=" ".join,
)
def test_a_reader_that_goes_away_ends_it_quietly(words: list[str]) -> None:
    """As in `swarmcache status | head -1`, whoever has read the words."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "swarmcache", *words],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, b"")
