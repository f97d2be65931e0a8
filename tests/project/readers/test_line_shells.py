"""csh, fish, Windows' cmd and PowerShell: what their lines set and start."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.cases import case, places
from swarmcache.project.readers.line_shells import Dialect, read_line_script
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "script", "expected"),
    [
        ("run.csh", "setenv HF_HOME /x\npython train.py\n", ["/x"]),
        ("run.csh", "setenv A /x\nsetenv HF_HOME $A/hf  \npython train.py\n", ["/x/hf"]),
        ("run.csh", "# setenv HF_HOME /x\npython train.py\n", [None]),
        ("run.csh", "setenv HF_HOME /x\nunsetenv HF_HOME\npython train.py\n", [None]),
        ("run.csh", "if (1) then\n  setenv HF_HOME /x\nendif\npython train.py\n", [None, "/x"]),
        ("run.csh", "set HF_HOME = /x\npython train.py\n", [None]),
        ("run.fish", "set -gx HF_HOME /x\npython train.py\n", ["/x"]),
        ("run.fish", "set -x HF_HOME ~/x\npython train.py\n", ["~/x"]),
        ("run.fish", "set -g HF_HOME /x\npython train.py\n", [None]),
        ("run.fish", "if test -d /x\n  set -gx HF_HOME /x\nend\npython train.py\n", [None, "/x"]),
        ("run.bat", "@echo off\nset HF_HOME=D:\\x\npython train.py\n", ["?"]),
        ("run.bat", 'set "HF_HUB_OFFLINE=1"\ncall python train.py\n', [None]),
        ("run.bat", "set HF_HOME=x\nset HF_HOME=\npython train.py\n", [None]),
        ("run.bat", "rem set HF_HOME=x\npython train.py\n", [None]),
        ("run.bat", "if exist x (\n  set HF_HOME=x\n)\npython train.py\n", [None, "x"]),
        ("run.ps1", '$env:HF_HOME = "D:\\x"\n& python train.py\n', ["?"]),
        ("run.ps1", '$Env:HF_HOME="huggingface"; $x=1\npython train.py\n', ["?"]),
        ("run.ps1", '$env:HF_HOME = ""\npython train.py `\n  --x 1\n', [None]),
    ],
)
def test_what_a_program_finds(
    name: str, script: str, expected: list[str | None], tmp_path: Path
) -> None:
    """Of a path of Windows only that it is set; an empty value there takes a variable away."""
    one = case(tmp_path, {name: script})
    (loader,) = one.project.loaders
    home = one.project.environment.home
    found = [one and (one.value or "?") for one in loader.execution.variable("HF_HOME")]
    assert found == [value and value.replace("~", home) for value in expected]


def test_rules_see_them(tmp_path: Path) -> None:
    """A relative place, a name that nothing reads, an old name."""
    files = {
        "a.csh": "setenv HF_HOME hf_cache/\npython train.py\n",
        "b.bat": "set HF_HUB_CACH=D:\\x\npython train.py\n",
        "c.ps1": '$env:TRANSFORMERS_CACHE = "D:\\x"\npython train.py\n',
    }
    one = case(tmp_path, files, transformers="5.0.0")
    assert places(one, "SC105") == ["a.csh:1"]
    assert places(one, "SC107") == ["b.bat:1"]


@given(
    st.sampled_from(get_args(Dialect)),
    st.text("set -gx env$%^`\\ A=b\"'(){}\nif then end#;|", max_size=200),
)
def test_nothing_makes_it_fail(dialect: Dialect, text: str) -> None:
    """Whatever the file holds."""
    read_line_script(Source("a", "/p/a", text.encode()), dialect)
