"""What we say of a dataset is what the real library does without a network."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker
from swarmcache.launch.ready.datasets_cache import dataset_answer
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.compat

ROWS = b"".join(json.dumps({"question": str(n), "answer": n}).encode() + b"\n" for n in range(20))
CARD = """\
---
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train.jsonl
  - split: test
    path: main/test.jsonl
- config_name: socratic
  data_files: socratic/train.jsonl
---
"""
MATHS = "org/GSM8K-Mini"
PLAIN = "org/plain"
LOAD = """\
import json, sys
from datasets import load_dataset
for arguments, options in json.loads(sys.argv[1]):
    try:
        rows = sum(1 for _ in load_dataset(*arguments, **options)["train"])
    except Exception as error:
        rows = str(error)
    print(json.dumps(rows))
"""
Case = tuple[list[str], dict[str, bool]]
CASES: list[Case] = [
    ([MATHS, "main"], {}),
    ([MATHS], {}),
    ([MATHS, "socratic"], {}),
    ([PLAIN], {}),
    ([PLAIN], {"streaming": True}),
    ([MATHS, "main"], {"streaming": True}),
    (["org/absent"], {}),
]


def load(version: str, home: Path, cases: list[Case], **variables: str) -> list[object]:
    """Return the rows that each case loads, or why it does not load."""
    done = subprocess.run(
        [str(compat_environments.datasets(version)), "-c", LOAD, json.dumps(cases)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("version", list(compat_environments.DATASETS))
def test_yes_loads_offline_and_no_does_not(version: str, tmp_path: Path) -> None:
    """Also what is streamed: from the table of an earlier load that was not."""
    origin = CacheMaker(tmp_path / "origin")
    files = {"main/train.jsonl": ROWS, "main/test.jsonl": ROWS, "socratic/train.jsonl": ROWS}
    origin.repo(MATHS, {"README.md": CARD.encode(), **files}, repo_type="dataset")
    origin.repo(PLAIN, {"train.jsonl": ROWS}, repo_type="dataset")
    with running([origin.path]) as hub:
        online: list[Case] = [([MATHS, "main"], {}), ([PLAIN], {"streaming": True})]
        assert load(version, tmp_path, online, HF_ENDPOINT=hub.url) == [20, 20]
        assert said(tmp_path, [PLAIN], {"streaming": True}) == "no"
        assert load(version, tmp_path, [([PLAIN], {})], HF_ENDPOINT=hub.url) == [20]

    loaded = load(version, tmp_path, CASES, HF_HUB_OFFLINE="1")
    told = [said(tmp_path, *case) for case in CASES]
    assert told == ["yes", "yes", "no", "yes", "yes", "yes", "no"]
    assert ["yes" if rows == 20 else "no" for rows in loaded] == told, loaded


@pytest.mark.parametrize("version", list(compat_environments.DATASETS))
def test_two_configurations_leave_a_call_without_one_open(version: str, tmp_path: Path) -> None:
    """The library refuses to choose between them, but where it was told."""
    origin = CacheMaker(tmp_path / "origin")
    files = {"main/train.jsonl": ROWS, "main/test.jsonl": ROWS, "socratic/train.jsonl": ROWS}
    origin.repo(MATHS, {"README.md": CARD.encode(), **files}, repo_type="dataset")
    with running([origin.path]) as hub:
        online: list[Case] = [([MATHS, "main"], {}), ([MATHS, "socratic"], {})]
        load(version, tmp_path, online, HF_ENDPOINT=hub.url)

    assert said(tmp_path, [MATHS], {}) == "unknown"
    assert said(tmp_path, [MATHS, "socratic"], {}) == "yes"
    (rows,) = load(version, tmp_path, [([MATHS], {})], HF_HUB_OFFLINE="1")
    assert rows != 20


def said(home: Path, arguments: list[str], options: dict[str, bool]) -> str:
    """Return our answer for the same call."""
    name, config = arguments[0], arguments[1] if len(arguments) > 1 else None
    cache = f"{home}/.cache/huggingface/datasets"
    return dataset_answer(cache, name, config, options.get("streaming", False)).ready
