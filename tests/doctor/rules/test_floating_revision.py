"""SC303: no commit is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def code(revision: str) -> str:
    """Return a program that loads a model with this further argument."""
    return f"import transformers\ntransformers.AutoModel.from_pretrained('org/m'{revision})\n"


@pytest.mark.parametrize("revision", ["", ", revision='main'"])
def test_true_cases(revision: str, tmp_path: Path) -> None:
    """None, or a branch."""
    assert places(case(tmp_path, {"train.py": code(revision)}), "SC303") == ["train.py:2"]


@pytest.mark.parametrize(
    "files",
    [
        {"train.py": code(f", revision='{COMMIT}'")},
        {"train.py": code(", revision=args.revision")},
        {"train.py": code(", **kwargs")},
        {"train.py": code("").replace("org/m", "./here")},
        {"swarmcache.lock": "{}"},
        {"train.py": "", "tests/test_x.py": code("")},
        {"train.py": "", "examples/x.py": code("")},
    ],
)
def test_look_alikes(files: dict[str, str], tmp_path: Path) -> None:
    """A commit, what only running tells, a folder, a lock, tests, examples."""
    assert places(case(tmp_path, files), "SC303") == []


CONFIG = """\
model:
  _target_: transformers.AutoModelForCausalLM.from_pretrained
  pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
large: [a/large, b/large]
small: [a/small]
"""
RUN = "python train.py --config-path $PWD/conf --config-name c.yaml\n"


@pytest.mark.parametrize(
    ("before", "named"),
    [
        ("", "a/large, b/large, a/small:"),
        ("export MODEL_NAME=c/mine\n", "c/mine:"),
        ("MODEL_NAME=c/mine\n", "a/large, b/large, a/small:"),
        (
            'read -p "?" M\nif [ -n "$M" ]; then export MODEL_NAME=$M; fi\n',
            "a/large, b/large, a/small:",
        ),
    ],
)
def test_the_variable_that_decides(before: str, named: str, tmp_path: Path) -> None:
    """Unset, exported, not exported, and what is asked for, of which the default is known."""
    files = {"train.py": "", "conf/c.yaml": CONFIG, "run.sh": before + RUN}
    (finding,) = found(case(tmp_path, files), "SC303")
    assert finding.message.startswith(f"No commit is pinned for {named}")


@pytest.mark.parametrize("model", ["./here", "$(cat model)"])
def test_a_variable_that_names_no_repo(model: str, tmp_path: Path) -> None:
    """A folder, and what only running tells."""
    files = {"train.py": "", "conf/c.yaml": CONFIG, "run.sh": f"export MODEL_NAME={model}\n{RUN}"}
    assert places(case(tmp_path, files), "SC303") == []
