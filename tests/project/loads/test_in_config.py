"""Load sites in YAML configs and on command lines: which are real, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.loads.values import Load

SWARM = """\
# 训练配置
trainer:
  models:
    - _target_: transformers.AutoModelForCausalLM.from_pretrained
      pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
      cache_dir: ${oc.env:TRANSFORMERS_CACHE,null}
tokenizer_path: ${trainer.models.0.pretrained_model_name_or_path}
large: [org/a, org/b]
small: [org/c]
"""
HYDRA = """\
import hydra
@hydra.main(config_path="conf", config_name="main", version_base=None)
def main(cfg): ...
"""


def project(folder: Path, files: dict[str, str]) -> Project:
    """Write a project and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Project(str(folder), Environment({}, "/home/me", str(folder)))


def named(load: Load) -> tuple[object, ...]:
    """Return what a site loads."""
    return load.name.values if load.name is not None else ()


def test_a_pool_is_drawn_from_wherever_the_expression_is_read(tmp_path: Path) -> None:
    """Both sites have all members, one expression, and the variable that pins them."""
    run = 'python t.py --config-path "$PWD/conf" --config-name a.yaml\n'
    one = project(tmp_path, {"run.sh": run, "t.py": "", "conf/a.yaml": SWARM})
    first, second = one.loads_in_configs
    assert named(first.load) == ("org/a", "org/b", "org/c") == named(second.load)
    assert first.load.group == second.load.group != ""
    assert first.draw is not None
    assert (first.draw.large, first.draw.small) == (("org/a", "org/b"), ("org/c",))
    assert first.load.name is not None
    assert first.load.name.variable == "MODEL_NAME"
    cache_dir = first.load.options["cache_dir"]
    assert (cache_dir.values, cache_dir.variable) == ((None,), "TRANSFORMERS_CACHE")
    assert [load.kind for load in one.loads] == ["model", "tokenizer"]


def test_spans_are_bytes(tmp_path: Path) -> None:
    """PyYAML counts characters, and a comment may be Chinese."""
    run = "python t.py --config-path=conf --config-name=a\n"
    one = project(tmp_path, {"run.sh": run, "t.py": "", "conf/a.yaml": SWARM})
    load = one.loads[0]
    text = (tmp_path / "conf/a.yaml").read_bytes()[load.span.start : load.span.end]
    assert text == b"${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}"
    assert (load.span.line, load.span.column) == (5, 38)


def test_a_copy_that_nothing_loads_has_no_sites(tmp_path: Path) -> None:
    """As RL-Swarm's configs/."""
    run = "python t.py --config-path conf --config-name a.yaml\n"
    files = {"run.sh": run, "t.py": "", "conf/a.yaml": SWARM, "configs/a.yaml": SWARM}
    assert {load.span.file for load in project(tmp_path, files).loads} == {"conf/a.yaml"}


def test_what_hydra_main_says_counts_without_options(tmp_path: Path) -> None:
    """And a defaults list brings values, each from its own file."""
    files = {
        "run.sh": "python pkg/t.py\n",
        "pkg/t.py": HYDRA + "import transformers\ntransformers.AutoModel.from_pretrained(x)\n",
        "pkg/conf/main.yaml": "defaults:\n  - actor@trainer.actor: small\n  - _self_\n",
        "pkg/conf/actor/small.yaml": "model_name_or_path: org/small\nrevision: abc\n",
    }
    found = [load for load in project(tmp_path, files).loads if load.way == "config"]
    assert [(load.span.file, load.span.line, *named(load)) for load in found] == [
        ("pkg/conf/actor/small.yaml", 1, "org/small")
    ]
    assert found[0].options["revision"].value == "abc"


def test_plain_configs_by_each_way_through_a_script(tmp_path: Path) -> None:
    """RL-Swarm 0.1 chooses one for the GPU."""
    run = "C=mac\nif gpu; then C=gpu; fi\npython -m t --config $C.yaml\n"
    files = {
        "run.sh": run,
        "t.py": "",
        "mac.yaml": "model_name_or_path: unsloth/Q\n",
        "gpu.yaml": "model_name_or_path: Gensyn/Q\n",
        "other.yaml": "model_name_or_path: other/Q\n",
    }
    assert [named(load) for load in project(tmp_path, files).loads] == [
        ("unsloth/Q",),
        ("Gensyn/Q",),
    ]


@pytest.mark.parametrize(
    ("command", "kind", "name"),
    [
        ("hf download --revision v1 org/m --cache-dir /x", "snapshot", "org/m"),
        ("hf download --repo-type dataset org/d", "dataset", "org/d"),
        ("vllm serve org/m --port 80", "engine", "org/m"),
        ("python -m vllm.entrypoints.openai.api_server --model org/m", "engine", "org/m"),
        ("ollama pull qwen:1b", "ollama", "qwen:1b"),
        ("trl sft --model_name_or_path org/m", "model", "org/m"),
        ("python t.py --config-name x model.path=org/m", "model", "org/m"),
    ],
)
def test_commands_that_name_what_they_load(
    command: str, kind: str, name: str, tmp_path: Path
) -> None:
    """By the tools' own options and positions."""
    (load,) = project(tmp_path, {"run.sh": f"{command}\n", "t.py": ""}).loads
    assert (load.kind, *named(load), load.way) == (kind, name, "command")


@pytest.mark.parametrize(
    "command", ["echo hf download org/m", "hf cache ls", "vllm --version", "ollama list"]
)
def test_commands_that_load_nothing(command: str, tmp_path: Path) -> None:
    """Texts, and other verbs."""
    assert project(tmp_path, {"run.sh": f"{command}\n"}).loads == ()
