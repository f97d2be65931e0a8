"""SC101: nothing names the cache of a program that loads models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "script",
    [
        "python train.py\n",
        "HF_HUB_CACHE=/x\npython train.py\n",
        "export HF_HUB_CACHE=/x\nsudo python train.py\n",
        "export HF_HUB_CACHE=/x\nunset HF_HUB_CACHE\npython train.py\n",
    ],
)
def test_true_cases(script: str, tmp_path: Path) -> None:
    """Unset, not exported, lost by sudo, taken away."""
    last = script.count("\n")
    assert places(case(tmp_path, {"run.sh": script}), "SC101") == [f"run.sh:{last}"]


@pytest.mark.parametrize(
    "script",
    [
        "export HF_HUB_CACHE=/x\npython train.py\n",
        "HF_HOME=/x python train.py\n",
        "python other.py\n",
        "# python train.py\n",
        "echo python train.py\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Set, set for this command, another program, a comment, a text."""
    assert places(case(tmp_path, {"run.sh": script, "other.py": "print(1)\n"}), "SC101") == []


def test_many_scripts_are_one_finding(tmp_path: Path) -> None:
    """The cause is one: nothing names the cache."""
    files = {f"{name}.sh": "python train.py\n" for name in ("a", "b", "c", "d", "e")}
    (finding,) = found(case(tmp_path, files), "SC101")
    assert finding.message.endswith("The same holds for b.sh, c.sh, d.sh ….")


def test_a_program_that_loads_a_tokenizer_only_loads_no_model(tmp_path: Path) -> None:
    """A router of requests counts tokens."""
    code = "from transformers import AutoTokenizer\nAutoTokenizer.from_pretrained('a/b')\n"
    one = case(tmp_path, {"train.py": code, "run.sh": "python train.py\n"})
    assert places(one, "SC101") == []


def test_what_the_user_has_set_is_no_default(tmp_path: Path) -> None:
    """The script inherits it."""
    one = case(tmp_path, {"run.sh": "python train.py\n"}, variables={"HF_HOME": "/x"})
    assert places(one, "SC101") == []


def test_a_place_at_every_load_site_is_explicit(tmp_path: Path) -> None:
    """One without it is enough."""
    code = 'from transformers import AutoModel\nAutoModel.from_pretrained("a/b"{})\n'
    files = {"run.sh": "python train.py\n", "train.py": code.format(', cache_dir="/x"')}
    assert places(case(tmp_path, files), "SC101") == []
    files["train.py"] += 'AutoModel.from_pretrained("a/c")\n'
    assert places(case(tmp_path / "b", files), "SC101") == ["run.sh:1"]


def test_a_model_in_a_folder_needs_no_cache(tmp_path: Path) -> None:
    """Where a server is given one."""
    files = {"run.sh": "vllm serve /models/x --port 1\n"}
    assert places(case(tmp_path, files), "SC101") == []
    either = 'M=models/x\nif [ -n "$1" ]; then M=$1; fi\nvllm serve "$M"\n'
    assert places(case(tmp_path / "a", {"run.sh": either}), "SC101") == []
    assert places(case(tmp_path / "b", {"run.sh": "vllm serve org/x\n"}), "SC101") == ["run.sh:1"]
