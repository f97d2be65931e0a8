"""`swarmcache generation` as a user calls it; `diagnose` loads a model only in the torch suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import compat_environments
import jsonschema
import pytest

from swarmcache import report

if TYPE_CHECKING:
    import pathlib

A = "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`."
B = (
    "Caching is incompatible with gradient checkpointing in Qwen2DecoderLayer. "
    "Setting `past_key_values=None`."
)
FAILED = "Error occurred during training, continuing..."
MAKE = (
    "import sys, torch; from transformers import AutoConfig, AutoModelForCausalLM\n"
    "config = AutoConfig.for_model('qwen2', vocab_size=64, hidden_size=16, intermediate_size=32,\n"
    "    num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1)\n"
    "torch.manual_seed(0)\n"
    "model = AutoModelForCausalLM.from_config(config)\n"
    "[p.data.normal_(std=0.5) for p in model.parameters() if p.dim() > 1]\n"
    "model.save_pretrained(sys.argv[1])\n"
)


def swarmcache(*words: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", "generation", *words],
        input=given,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def document(verb: str, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    schema = (files(report) / "schemas" / f"generation-{verb}.json").read_text("utf-8")
    jsonschema.validate(found, json.loads(schema))
    return found


def test_a_failed_round_and_its_wrong_rollouts_are_told(tmp_path: pathlib.Path) -> None:
    """GenRL's line and the line about Caching: wrong, with line numbers, and what helps."""
    log = tmp_path / "swarm.log"
    log.write_text(f"transformers==5.23.0\n[W] {A}\n{FAILED}\n[W] {B}\n{FAILED}\n")
    done = swarmcache("explain", str(log))
    assert done.returncode == 1
    helps = "  swarmcache run --guard-generation -- CMD"
    assert done.stdout.splitlines() == [
        f"✗ wrong rollouts (line 2, 1 time): [W] {A}",
        (
            "  Said by the training forward or by generate(); the line about Caching beside it "
            "shows that generate() ran in train mode, and its tokens are wrong."
        ),
        helps,
        f"✗ wrong rollouts (line 3, 2 times): {FAILED}",
        (
            "  GenRL's train() failed and left the model in train mode; after that, generate() "
            "made wrong tokens until a later train() ended well."
        ),
        helps,
        f"✗ wrong rollouts (line 4, 1 time): [W] {B}",
        (
            "  Said when generate() runs in train mode with gradient checkpointing: each new token "
            "saw only the one before it, so these rollouts are wrong, at full speed."
        ),
        helps,
    ]


def test_the_warning_of_the_original_report_is_harmless() -> None:
    """From a pipe, in JSON: alone, on the version that GenRL pinned."""
    done = swarmcache("explain", "-", "--transformers", "4.51.3", "--json", given=f"x\n{A}\n")
    assert done.returncode == 0
    assert document("explain", done) == {
        "schema": "swarmcache.generation-explain/1",
        "ok": True,
        "log": "-",
        "lines": 2,
        "transformers": "4.51.3",
        "sightings": [
            {
                "key": "use-cache-off",
                "line": 2,
                "times": 1,
                "text": A,
                "origin": "training",
                "harm": "harmless",
                "meaning": "Said by the training forward, which needs no cache: rollouts are not "
                "slowed down by it.",
                "remedy": None,
            }
        ],
    }


def test_a_log_without_such_lines_and_one_that_is_not_there() -> None:
    """Nothing found is 0; no file is a usage error."""
    done = swarmcache("explain", "-", given="a\nb\n")
    assert (done.returncode, done.stdout) == (
        0,
        "✓ 2 lines, none of which speaks of the KV cache.\n",
    )
    assert swarmcache("explain", "absent.log").returncode == 2


def test_in_chinese() -> None:
    """简体中文, meanings included."""
    done = swarmcache("explain", "-", given=f"{B}\n", SWARMCACHE_LANG="zh_CN", LANG="C.UTF-8")
    assert "rollout 有错" in done.stdout
    assert "每个新 token 只看到前一个 token" in done.stdout


def test_bytes_that_are_no_text_are_no_obstacle(tmp_path: pathlib.Path) -> None:
    """Logs of terminals hold anything."""
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\x00\n" + B.encode() + b"\n")
    assert swarmcache("explain", str(log)).returncode == 1


def test_a_python_without_transformers_is_said(tmp_path: pathlib.Path) -> None:
    """Ours has none: one sentence, exit code 3, the option that helps."""
    done = swarmcache("diagnose", "--model", str(tmp_path), "--python", sys.executable)
    assert done.returncode == 3
    assert "cannot be tried with" in done.stderr
    assert "No module named 'transformers'" in done.stderr
    assert "--python" in done.stderr


def test_a_model_that_is_nowhere_is_said(tmp_path: pathlib.Path) -> None:
    """Neither a folder nor complete in the cache."""
    done = swarmcache("diagnose", "--model", "org/absent", "--cache-dir", str(tmp_path))
    assert done.returncode == 3
    assert "org/absent is neither a folder nor a model" in done.stderr
    assert f"swarmcache pull --cache-dir {tmp_path} org/absent" in done.stderr


def python_of(outside: dict[str, str], version: str) -> str:
    folder = outside.get("SWARMCACHE_COMPAT_ENVS") or compat_environments.ROOT / ".cache" / "envs"
    python = os.path.join(os.path.abspath(folder), f"generation-{version}", "bin", "python")
    if not os.path.exists(python):
        pytest.skip(f"No {python}: make it by python tasks/generation_environment.py {version}")
    return python


@pytest.mark.torch
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("version", "training"),
    [("4.46.3", "no_cache"), ("4.51.3", "cached"), ("4.57.1", "broken"), ("5.23.0", "broken")],
)
def test_a_checkpoint_is_loaded_tried_and_mended(
    version: str, training: str, outside: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """First with the cache switched off in its files, then mended on request."""
    python, folder = python_of(outside, version), tmp_path / "checkpoint"
    subprocess.run([python, "-c", MAKE, str(folder)], check=True, capture_output=True)
    settings = folder / "generation_config.json"
    settings.write_text('{\n  "use_cache": false\n}\n')
    words = ["diagnose", "--model", str(folder), "--python", python]

    slow = swarmcache(*words, "--json")
    found = document("diagnose", slow)
    assert (slow.returncode, found["ok"]) == (1, False)
    assert [state["verdict"] for state in found["states"]] == ["no_cache", "no_cache"]
    assert [(one["counts"], one["shared"], one["mended"]) for one in found["saved"]] == [
        (True, False, False)
    ]

    mended = swarmcache(*words, "--mend", "--json")
    found = document("diagnose", mended)
    assert (mended.returncode, found["ok"]) == (0, True)
    assert [state["verdict"] for state in found["states"]] == ["cached", training]
    assert found["saved"][0]["mended"]
    assert settings.read_text() == '{\n  "use_cache": true\n}\n'
    assert found["versions"]["transformers"] == version

    told = swarmcache(*words)
    assert told.returncode == 0
    assert "✓ as it is loaded: the KV cache works (12, 1, 1, 1, … positions fed, 19 kept)" in (
        told.stdout.splitlines()
    )
    assert ("WRONG TOKENS" in told.stdout) == (training == "broken")
