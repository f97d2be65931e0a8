"""The block in a start script: where it goes, what it does, and that nothing else changes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.launch.init.script import (
    CLOSE,
    OPEN,
    Old,
    block_edit,
    insertion_point,
    marked,
    silenced,
)
from swarmcache.project.edits import edited
from swarmcache.project.sources import Source, Span

if TYPE_CHECKING:
    from pathlib import Path

HOME = "/home/ann"


def source(data: bytes, path: str = "/work/run.sh") -> Source:
    return Source("run.sh", path, data)


def with_block(data: bytes, folder: str = "/srv/hub") -> bytes:
    edit = block_edit(source(data), folder, "/work", HOME, ())
    assert edit is not None
    return edited(data, [edit])


@pytest.mark.parametrize(
    ("script", "before"),
    [
        (b"#!/bin/bash\n\nset -euo pipefail\n\n# General\nROOT=$PWD\n", b"\n# General"),
        (b"#!/bin/bash\nexport A=1\nset -e\n", b"export A=1"),
        (b"#!/bin/bash\n# set up\nset -e; cd x\nset -u\n", b"# set up"),
        (b"#!/bin/bash\nset -e\nshopt -s nullglob\npython x\n", b"python x"),
        (b"#!/bin/bash\nset -o pipefail \\\n  -e\npython x\n", b"set -o pipefail \\"),
        (b"#!/bin/bash\nset -e $(cat flags)\n", b"set -e $(cat"),
        (b"#!/bin/bash\nset -- a b\n", b""),
        (b"# mine\npython x\n", b"# mine"),
        (b"python x\n", b"python x"),
        (b"", b""),
    ],
)
def test_it_stands_before_the_first_command(script: bytes, before: bytes) -> None:
    """Behind the shebang and the shell's own options, and behind nothing that runs."""
    assert script[insertion_point(script) :].startswith(before)
    assert script[: insertion_point(script)].count(b"python") == 0


def test_the_whole_block() -> None:
    """With a blank line before, and the script's own behind."""
    assert with_block(b"#!/bin/bash\nset -e\n\nROOT=$PWD\n") == (
        b"#!/bin/bash\nset -e\n\n"
        b"# >>> swarmcache init: the one cache; `swarmcache init --undo` takes it back >>>\n"
        b'export HF_HUB_CACHE="${HF_HUB_CACHE:-/srv/hub}"\n'
        b"# <<< swarmcache init <<<\n"
        b"\nROOT=$PWD\n"
    )


@pytest.mark.parametrize(
    ("script", "path", "folder", "named"),
    [
        (b"#!/bin/bash\n", "/work/run.sh", "/home/ann/hub", b"${HOME:-~}/hub"),
        (
            b"#!/usr/bin/env bash\n",
            "/work/run.sh",
            "/work/.cache/huggingface/hub",
            b'$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/.cache/huggingface/hub',
        ),
        (
            b"python train.py\n",
            "/work/run.sh",
            "/work/models",
            b'$(cd -- "$(dirname -- "$0")" && pwd)/models',
        ),
        (
            b"#!/bin/sh\n",
            "/work/scripts/run.sh",
            "/work/models",
            b'$(cd -- "$(dirname -- "$0")" && pwd)/../models',
        ),
    ],
)
def test_how_the_folder_is_spelled(script: bytes, path: str, folder: str, named: bytes) -> None:
    """From the home, and from the script's own place, so that the checkout may be moved."""
    edit = block_edit(source(script, path), folder, "/work", HOME, ())
    assert edit is not None
    assert b'export HF_HUB_CACHE="${HF_HUB_CACHE:-' + named + b'}"\n' in edited(script, [edit])


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("folder", ["hub", "a b/hub", 'it\'s $x "y" `z` } {\\', "模型"])
def test_a_real_shell_finds_the_folder(tmp_path: Path, shell: str, folder: str) -> None:
    """Under `set -eu`, from another working directory, whatever the name; what is set stays."""
    script = tmp_path / "run.sh"
    data = f"#!/bin/{'sh' if shell == 'dash' else shell}\nset -eu\nprintenv HF_HUB_CACHE\n".encode()
    where = str(tmp_path / folder)
    edit = block_edit(source(data, str(script)), where, str(tmp_path), HOME, ())
    assert edit is not None
    script.write_bytes(edited(data, [edit]))
    assert told([shell, str(script)], {}) == f"{where}\n"
    assert told([shell, str(script)], {"HF_HUB_CACHE": "/mine"}) == "/mine\n"


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_without_a_home(tmp_path: Path, shell: str) -> None:
    """As in a unit of systemd: `set -u` ends nothing, and huggingface_hub knows what `~` is."""
    script = tmp_path / "run.sh"
    data = b"#!/bin/sh\nset -eu\nprintenv HF_HUB_CACHE\n"
    edit = block_edit(source(data, str(script)), f"{HOME}/hub", "/work", HOME, ())
    assert edit is not None
    script.write_bytes(edited(data, [edit]))
    assert told([shell, str(script)], {}) == "~/hub\n"
    assert told([shell, str(script)], {"HOME": "/home/bob"}) == "/home/bob/hub\n"


def told(start: list[str], environment: dict[str, str]) -> str:
    """Return what a script says that is started from the root."""
    done = subprocess.run(
        start, capture_output=True, check=True, cwd="/", text=True, env=environment
    )
    return done.stdout


@given(
    st.lists(
        st.sampled_from(
            [b"#!/bin/bash", b"set -e", b"# \xd6\xd0", b"", b"python x", b"export A=1", b"if true"]
        )
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
def test_twice_is_once_and_everything_else_stays(
    lines: list[bytes], end: bytes, ended: bool
) -> None:
    """For any script, encoding and line ends; with or without an end of its last line."""
    data = end.join(lines) + (end if ended else b"")
    once = with_block(data)
    assert with_block(once) == once
    start = once.index(OPEN.encode())
    stop = once.index(CLOSE.encode()) + len(CLOSE)
    rest = once[:start] + once[stop:]
    assert rest.replace(b"\r\n", b"\n").replace(b"\n", b"") == data.replace(b"\r\n", b"\n").replace(
        b"\n", b""
    )
    if end in data:
        assert b"\n" not in once[start:stop].replace(end, b"")


def test_another_folder_replaces_the_line_alone() -> None:
    """A second init renews its own block."""
    script = b"#!/bin/bash\nset -e\npython x\n"
    assert with_block(with_block(script), "/new") == with_block(script, "/new")


def test_a_block_without_its_end_is_left_alone() -> None:
    """Somebody has edited it, and nobody knows where it ends."""
    data = with_block(b"#!/bin/bash\npython x\n").replace(CLOSE.encode(), b"")
    assert marked(source(data), [OPEN, CLOSE], 0) is None


def setting(data: bytes, text: bytes, name: str) -> Old:
    start = data.index(text)
    return Old(name, Span("run.sh", start, start + len(text), 1, 1))


@pytest.mark.parametrize(
    ("script", "text", "after"),
    [
        (
            b'  export TRANSFORMERS_CACHE="$A/b"  # why\n',
            b'TRANSFORMERS_CACHE="$A/b"',
            b'  : # swarmcache init: export TRANSFORMERS_CACHE="$A/b"  # why\n',
        ),
        (
            b"TRANSFORMERS_CACHE=/x\r\n",
            b"TRANSFORMERS_CACHE=/x",
            b": # swarmcache init: TRANSFORMERS_CACHE=/x\r\n",
        ),
        (
            b"export A=1 TRANSFORMERS_CACHE=/x B=2\n",
            b"TRANSFORMERS_CACHE=/x",
            b"export A=1 B=2\n",
        ),
        (b"TRANSFORMERS_CACHE=/x python t.py\n", b"TRANSFORMERS_CACHE=/x", b"python t.py\n"),
        (b"a && export TRANSFORMERS_CACHE=/x", b"TRANSFORMERS_CACHE=/x", b"a && export "),
    ],
)
def test_an_old_setting_is_taken_away(script: bytes, text: bytes, after: bytes) -> None:
    """A line of its own stays to be read, behind a command that does nothing."""
    edit = silenced(source(script), setting(script, text, "TRANSFORMERS_CACHE"), shell=True)
    assert edit is not None
    assert edited(script, [edit]) == after


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (b'TRANSFORMERS_CACHE="a\nb"\n', b'TRANSFORMERS_CACHE="a\nb"'),
        (b"env TRANSFORMERS_CACHE=/x python x\n", b"env TRANSFORMERS_CACHE=/x python x"),
    ],
)
def test_what_is_not_plain_is_left(script: bytes, text: bytes) -> None:
    """Several lines, or a span that is more than the assignment."""
    assert silenced(source(script), setting(script, text, "TRANSFORMERS_CACHE"), shell=True) is None


def test_a_branch_stays_a_branch() -> None:
    """Where the setting was all that it held."""
    script = b"if true; then\n  export TRANSFORMERS_CACHE=/x\nfi\n"
    old = setting(script, b"TRANSFORMERS_CACHE=/x", "TRANSFORMERS_CACHE")
    edit = silenced(source(script), old, shell=True)
    assert edit is not None
    subprocess.run(["bash", "-n"], input=edited(script, [edit]), check=True)
