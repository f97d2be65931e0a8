"""SC703: needed models that are not well, and scripts that ask in the wrong way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places
from doctor.nodes import MODEL, needing, users_cache

if TYPE_CHECKING:
    from pathlib import Path


def test_complete_is_no_finding(tmp_path: Path) -> None:
    """In the cache that the program uses."""
    users_cache(tmp_path).repo("org/m", MODEL)
    assert found(needing(tmp_path), "SC703") == []


def test_missing(tmp_path: Path) -> None:
    """A remark, at the line that names the model."""
    (finding,) = found(needing(tmp_path), "SC703")
    assert finding.severity == "info"
    assert finding.span is not None
    assert (finding.span.file, finding.span.line) == ("conf/c.yaml", 3)


def test_a_model_that_no_start_loads(tmp_path: Path) -> None:
    """The script exports another one than the config's default."""
    config = (
        "model:\n"
        "  _target_: transformers.AutoModelForCausalLM.from_pretrained\n"
        "  pretrained_model_name_or_path: ${oc.env:MODEL_NAME, org/m}\n"
    )
    run = "python train.py --config-path $PWD/conf --config-name c.yaml\n"
    plain = case(tmp_path / "a", {"conf/c.yaml": config, "run.sh": run})
    assert places(plain, "SC703") == ["conf/c.yaml:3"]
    other = f"export MODEL_NAME=org/other\n{run}"
    assert places(case(tmp_path / "b", {"conf/c.yaml": config, "run.sh": other}), "SC703") == []


def test_incomplete(tmp_path: Path) -> None:
    """What is missing is named."""
    users_cache(tmp_path).repo("org/m", MODEL, absent=["model.safetensors"])
    (finding,) = found(needing(tmp_path), "SC703")
    assert finding.severity == "warning"
    assert "model.safetensors" in finding.message


def test_damaged(tmp_path: Path) -> None:
    """A file that is cut off is an error."""
    cache = users_cache(tmp_path)
    commit = cache.repo("org/m", MODEL)
    weights = f"{cache.folder('org/m')}/snapshots/{commit}/model.safetensors"
    os.truncate(os.path.realpath(weights), 100)
    (finding,) = found(needing(tmp_path), "SC703")
    assert finding.severity == "error"
    assert finding.fix is not None
    assert finding.fix.description == "swarmcache verify --repair"


def test_it_is_the_programs_cache_that_counts(tmp_path: Path) -> None:
    """A complete model in the user's cache does not help a program with another."""
    users_cache(tmp_path).repo("org/m", MODEL)
    one = needing(tmp_path, script="export HF_HUB_CACHE=$PWD/other\n")
    (finding,) = found(one, "SC703")
    assert "project/other" in finding.message


CHECK = """\
check() {
    local where="$HOME/.cache/huggingface/hub"
    local name=$(echo "$1" | sed 's/\\//-/g')
    if [ -d "$where/models--$name" ]; then
        echo here
    fi
}
check org/m
python train.py
"""


@pytest.mark.parametrize(
    "slug",
    [
        "$(echo \"$1\" | sed 's/\\//-/g')",
        "$(echo $1 | sed 's|/|-|')",
        "$(echo $1 | tr '/' '--')",
        '"${1//\\//-}"',
    ],
)
def test_a_check_with_one_dash(slug: str, tmp_path: Path) -> None:
    """By sed, by tr, which knows no two, by bash itself."""
    script = CHECK.replace("$(echo \"$1\" | sed 's/\\//-/g')", slug)
    (finding,) = found(case(tmp_path, {"run.sh": script}), "SC703")
    assert finding.span is not None
    assert finding.span.line == 4
    assert "models--org--name" in finding.message


def test_a_check_of_another_folder(tmp_path: Path) -> None:
    """The original report sets a cache in the project, and looks into the user's."""
    script = "export HF_HOME=$PWD/.cache\n" + CHECK.replace("/-/g", "/--/g")
    (finding,) = found(case(tmp_path, {"run.sh": script}), "SC703")
    assert "the programs use" in finding.message


def test_look_alikes(tmp_path: Path) -> None:
    """Two dashes in the right folder; a name for another folder."""
    right = CHECK.replace("/-/g", "/--/g")
    assert places(case(tmp_path / "a", {"run.sh": right}), "SC703") == []
    other = CHECK.replace("models--$name", "logs-$name")
    assert places(case(tmp_path / "b", {"run.sh": other}), "SC703") == []
