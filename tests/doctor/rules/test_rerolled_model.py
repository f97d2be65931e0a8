"""SC302: one draw is read at several load sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

SWARM = """\
model:
  pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
rewards:
  tokenizer_path: ${model.pretrained_model_name_or_path}
large: [org/a, org/b]
small: [org/c]
"""
RUN = "python train.py --config-path $PWD/conf --config-name a\n"


def node(folder: Path, mebibytes: int) -> dict[str, str]:
    """Return an environment whose nvidia-smi tells one GPU of this size."""
    (folder / "bin").mkdir()
    tool = folder / "bin/nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho {mebibytes}\n")
    tool.chmod(0o755)
    return {"PATH": f"{folder}/bin:/usr/bin:/bin"}


def test_tokenizer_and_model_draw_each_for_themselves(tmp_path: Path) -> None:
    """Told where it is read again, with the first reading as evidence."""
    files = {"run.sh": RUN, "conf/a.yaml": SWARM}
    (finding,) = found(case(tmp_path, files, variables=node(tmp_path, 81920)), "SC302")
    assert (finding.severity, finding.span and finding.span.line) == ("error", 4)
    assert [one.span.line for one in finding.evidence] == [2]


CACHED = """\
from omegaconf import OmegaConf
OmegaConf.register_new_resolver("gpu_model_choice", f, use_cache=True)
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"resolver.py": CACHED}, 0),
        ({"resolver.py": CACHED.replace(", use_cache=True", "")}, 1),
        ({"run.sh": "export MODEL_NAME=x/y\n" + RUN}, 0),
        ({"conf/a.yaml": SWARM.replace("tokenizer_path:", "unrelated:")}, 0),
        ({"conf/a.yaml": SWARM.replace("org/a, org/b", "org/a")}, 0),
    ],
)
def test_look_alikes(files: dict[str, str], expected: int, tmp_path: Path) -> None:
    """A resolver that remembers, a pinned model, a single reader, pools of one."""
    one = case(tmp_path, {"run.sh": RUN, "conf/a.yaml": SWARM, **files})
    assert len(places(one, "SC302")) == expected
