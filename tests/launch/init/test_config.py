"""YAML that is loaded: only what keeps a load site from the one folder is changed, to the byte."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.init.projects import hydra_python, place
from swarmcache.launch.init.config import ConfigEdit, changes_only
from swarmcache.project.sources import Span

if TYPE_CHECKING:
    import pathlib

    from launch.init.projects import Place

RUN = '#!/bin/bash\npython train.py --config-path "$PWD/conf" --config-name c.yaml\n'
SITE = """\
# kept: 模型
model:   # kept
  _target_: transformers.AutoModelForCausalLM.from_pretrained
  pretrained_model_name_or_path: ${oc.env:MODEL_NAME, org/m}
%s
  torch_dtype: bfloat16

other: { a: 1, b: [x,y] }
"""


def node(folder: pathlib.Path, lines: str) -> Place:
    """Return a project whose config has these lines at its load site."""
    config = SITE % lines
    return place(folder, {"run.sh": RUN, "conf/c.yaml": config, "conf/unread.yaml": config})


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("  cache_dir: /data/models  # mine", "  cache_dir: null  # mine"),
        ('  cache_dir: "${oc.env:TRANSFORMERS_CACHE,null}"', "  cache_dir: null"),
        ("  cache_dir: ${oc.env:TRANSFORMERS_CACHE,null}", "  cache_dir: null"),
        ("  cache_dir: ./models", "  cache_dir: null"),
        ("  force_download: true", "  force_download: false"),
        ("  force_download: True  # again", "  force_download: false  # again"),
        ("  download_dir: '/data/vllm'", "  download_dir: null"),
        (
            "  cache_dir: /x\n  force_download: yes",
            "  cache_dir: null\n  force_download: false",
        ),
    ],
)
def test_what_is_changed(tmp_path: pathlib.Path, line: str, after: str) -> None:
    """Comments, blanks, order and bytes of everything else stay; a file nobody loads too."""
    one = node(tmp_path, line)
    one.init()
    assert one.text("conf/c.yaml") == SITE % after
    assert one.text("conf/unread.yaml") == SITE % line
    assert one.init().writes == ()
    assert set(one.undo()) == {""}
    assert one.text("conf/c.yaml") == SITE % line


@pytest.mark.parametrize(
    "line",
    [
        "  cache_dir: null",
        "  cache_dir: ${oc.env:HF_HUB_CACHE,null}",
        "  force_download: false",
        "  local_files_only: true",
        "  revision: v1",
        "  cache_dir: ${unknown.place}",
    ],
)
def test_what_stays(tmp_path: pathlib.Path, line: str) -> None:
    """What follows the one folder already, what is no place, and what only running tells."""
    one = node(tmp_path, line)
    one.init()
    assert one.text("conf/c.yaml") == SITE % line


def test_the_folder_itself_may_stand_there(tmp_path: pathlib.Path) -> None:
    """It is no other place."""
    one = node(tmp_path, "  cache_dir: /srv/hub")
    one.init("/srv/hub")
    assert one.text("conf/c.yaml") == SITE % "  cache_dir: /srv/hub"


def test_crlf_and_no_end(tmp_path: pathlib.Path) -> None:
    """Line ends are not ours to change."""
    one = node(tmp_path, "  cache_dir: /x")
    path = one.folder / "conf/c.yaml"
    data = (SITE % "  cache_dir: /x").replace("\n", "\r\n").rstrip().encode()
    path.write_bytes(data)
    one.init()
    assert path.read_bytes() == data.replace(b": /x", b": null")


def test_a_value_that_is_used_elsewhere_is_told(tmp_path: pathlib.Path) -> None:
    """With its anchor another value would change as well."""
    one = node(tmp_path, "  cache_dir: &place /x\n  save_to: *place")
    plan = one.init()
    assert one.text("conf/c.yaml") == SITE % "  cache_dir: &place /x\n  save_to: *place"
    assert "conf/c.yaml" in {left.file for left in plan.left}


@given(st.text(alphabet="ab: \n-&*{}[]'\"#0é", max_size=40), st.integers(0, 40), st.integers(0, 5))
def test_the_proof_sees_any_other_change(text: str, start: int, length: int) -> None:
    """An edit that is not exactly one scalar under its key is refused, whatever the file."""
    data = ("cache_dir: /x\n" + text).encode()
    whole = ConfigEdit("cache_dir", Span("c", 11, 13, 1, 12), "null")
    other = ConfigEdit("cache_dir", Span("c", 14 + start, 14 + start + length, 2, 1), "null")
    if start >= len(text.encode()):
        return
    if changes_only(data, [whole]):
        assert not changes_only(data, [ConfigEdit("force_download", whole.span, "null")])
        assert not changes_only(data, [whole, other]) or "cache_dir" in text


def loaded(folder: pathlib.Path) -> dict[str, Any]:
    """Return a config as OmegaConf has it, nothing resolved."""
    script = (
        "import json, sys; from omegaconf import OmegaConf\n"
        "print(json.dumps(OmegaConf.to_container(OmegaConf.load(sys.argv[1]), resolve=False)))"
    )
    done = subprocess.run(
        [hydra_python(), "-c", script, str(folder / "conf/c.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.compat
def test_omegaconf_sees_the_keys_and_nothing_else(tmp_path: pathlib.Path) -> None:
    """The real one, before and after."""
    one = node(tmp_path, "  cache_dir: ${oc.env:TRANSFORMERS_CACHE,null}\n  force_download: true")
    before = loaded(one.folder)
    one.init()
    before["model"] |= {"cache_dir": None, "force_download": False}
    assert loaded(one.folder) == before
