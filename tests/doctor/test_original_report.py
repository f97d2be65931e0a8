"""The node of the original report, as its text has it: plain, and after its own recipe.

What it found is found; what it took wrongly is explained; and the faults of its recipe are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case
from doctor.nodes import MODEL, users_cache
from swarmcache.doctor.engine import examined

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding

MODELS = ("Gensyn/Qwen2.5-0.5B-Instruct", "microsoft/DialoGPT-small")
TIMEOUTS = """\
export HF_HUB_DOWNLOAD_TIMEOUT=120
export TRANSFORMERS_OFFLINE=0
"""
START = """\
python -m rgym_exp.runner.swarm_launcher \\
    --config-path "$ROOT/rgym_exp/config" \\
    --config-name "rg-swarm.yaml"
"""
PLAIN = f"#!/bin/bash\nROOT=$PWD\n{TIMEOUTS}{START}"
RECIPE = f"""\
#!/bin/bash
ROOT=$PWD
{TIMEOUTS}\
export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"
export HF_HOME="$ROOT/.cache/huggingface"
export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"
check_model_cache() {{
    local model_name="$1"
    local cache_dir="$HOME/.cache/huggingface/hub"
    local model_cache_dir=$(echo "$model_name" | sed 's/\\//-/g')
    if [ -d "$cache_dir/models--$model_cache_dir" ]; then
        echo_green "✓ 模型 $model_name 已缓存"
        return 0
    else
        echo_yellow "⚠️  模型 $model_name 未缓存，将进行下载"
        return 1
    fi
}}
clean_model_cache() {{
    echo "当前缓存大小: $(du -sh ~/.cache/huggingface 2>/dev/null | cut -f1)"
    read -p "是否清理模型缓存? [y/N] " yn
    case $yn in
        [Yy]*) rm -rf ~/.cache/huggingface/hub/* && echo "缓存已清理" ;;
        *) echo "保持缓存不变" ;;
    esac
}}
check_model_cache "Gensyn/Qwen2.5-0.5B-Instruct"
clean_model_cache
{START}"""
CONFIG = """\
models:
  - _target_: transformers.AutoModelForCausalLM.from_pretrained
    pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
large: [Gensyn/Qwen2.5-1.5B-Instruct]
small: [Gensyn/Qwen2.5-0.5B-Instruct]
"""
ARGUMENTS = """\
    cache_dir: ${oc.env:TRANSFORMERS_CACHE,null}
    local_files_only: false
    force_download: false
"""
LAUNCHER = """\
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(name)
"""
LOG = (
    "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`.\n"
    "{'loss': 0.1}\n"
)


def node(folder: Path, script: str, arguments: str = "", transformers: str = "4.51.3") -> Case:
    """Return a node with the report's two models in its user's cache."""
    for model in MODELS:
        users_cache(folder).repo(model, MODEL)
    config = CONFIG.replace("large:", f"{arguments}large:")
    files = {
        "train.py": "",
        "run_rl_swarm.sh": script,
        "rgym_exp/config/rg-swarm.yaml": config,
        "rgym_exp/runner/swarm_launcher.py": LAUNCHER,
        "logs/swarm_launcher.log": LOG,
    }
    return case(folder, files, transformers=transformers)


def rows(one: Case) -> list[tuple[str, str, str]]:
    """Return each finding's code, severity and place."""
    return sorted((f.rule, f.severity, _place(f)) for f in examined(one))


def _place(finding: Finding) -> str:
    return f"{finding.span.file}:{finding.span.line}" if finding.span else ""


def message(one: Case, code: str, line: int | None = None) -> str:
    """Return what the one finding of a rule says."""
    found = [f for f in examined(one) if f.rule == code]
    (only,) = [f for f in found if line is None or (f.span and f.span.line == line)]
    return only.message


def test_the_plain_node(tmp_path: Path) -> None:
    """Its findings 1, 2 and 4; and, for finding 3, nothing of a second download."""
    assert rows(node(tmp_path, PLAIN)) == [
        ("SC101", "warning", "run_rl_swarm.sh:5"),
        ("SC303", "info", "rgym_exp/config/rg-swarm.yaml:3"),
        ("SC402", "info", "run_rl_swarm.sh:3"),
        ("SC601", "info", "logs/swarm_launcher.log:1"),
    ]


def test_the_line_about_use_cache_is_explained(tmp_path: Path) -> None:
    """The report feared slower rollouts."""
    assert "rollouts are not slowed down" in message(node(tmp_path, PLAIN), "SC601")


def test_the_recipe(tmp_path: Path) -> None:
    """Two caches, a check that finds nothing, a deletion of everybody's models, old names."""
    assert rows(node(tmp_path, RECIPE, ARGUMENTS)) == [
        ("SC102", "error", "run_rl_swarm.sh:5"),
        ("SC103", "info", "run_rl_swarm.sh:7"),
        ("SC203", "error", "run_rl_swarm.sh:24"),
        ("SC303", "info", "rgym_exp/config/rg-swarm.yaml:3"),
        ("SC402", "info", "run_rl_swarm.sh:3"),
        ("SC601", "info", "logs/swarm_launcher.log:1"),
        ("SC703", "info", "rgym_exp/config/rg-swarm.yaml:3"),
        ("SC703", "warning", "run_rl_swarm.sh:12"),
    ]


def test_the_split_is_told_with_both_folders(tmp_path: Path) -> None:
    """transformers before 5.0 takes the one, everything else the other."""
    project = tmp_path / "project"
    text = message(node(tmp_path, RECIPE), "SC102")
    assert f"{project}/.cache/huggingface (TRANSFORMERS_CACHE)" in text
    assert f"{project}/.cache/huggingface/hub (HUGGINGFACE_HUB_CACHE)" in text


def test_the_deletion_is_of_everybodys_models(tmp_path: Path) -> None:
    """And does not even touch the cache that the recipe sets up."""
    text = message(node(tmp_path, RECIPE), "SC203")
    assert "those of other projects too" in text
    assert f"{tmp_path}/project/.cache/huggingface/hub, is not even touched" in text


@pytest.mark.parametrize("part", ["models--org--name", "/home/.cache/huggingface/hub, and the"])
def test_the_check_finds_no_model(part: str, tmp_path: Path) -> None:
    """One dash for the slash, and the wrong home."""
    assert part in message(node(tmp_path, RECIPE), "SC703", 12)


def test_a_newer_transformers_does_not_split(tmp_path: Path) -> None:
    """It reads TRANSFORMERS_CACHE no longer, which is another finding."""
    codes = {code for code, _, _ in rows(node(tmp_path, RECIPE, transformers="5.23.0"))}
    assert "SC102" not in codes
    assert "SC103" in codes
