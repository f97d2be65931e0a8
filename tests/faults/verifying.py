"""A model to damage, and `swarmcache verify` run on its cache as a program would run it."""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import NamedTuple

from cachemaker import tiny_safetensors
from swarmcache.cli import main

MODEL = "org/sharded"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
FILES = {
    "README.md": "# 模型\n".encode(),
    "config.json": b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',
    "generation_config.json": b'{"do_sample": true}',
    ONE: tiny_safetensors(1),
    TWO: tiny_safetensors(2),
    INDEX: json.dumps(
        {
            "metadata": {"total_size": 2048},
            "weight_map": {"model.layers.0.weight": ONE, "model.layers.1.weight": TWO},
        }
    ).encode(),
    "prompts/a b.txt": b"Answer in one word.",
    "prompts/same.txt": b"Answer in one word.",
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"eos_token": "</s>"}',
}
"""Large and small files, a folder, a space, shards with their index, one blob for two paths."""


class Verified(NamedTuple):
    """What a run said."""

    code: int
    problems: set[tuple[str, str]]
    """(path, kind) of each."""
    counts: dict[str, int]

    @property
    def good(self) -> int:
        """How many files are called good."""
        return self.counts["verified"] + self.counts["remembered"]


def verify(cache: str, *arguments: str) -> Verified:
    """Run `swarmcache verify` on a cache folder; all of it unless `arguments` name models."""
    out = io.StringIO()
    named = arguments or ("--all",)
    with contextlib.redirect_stdout(out):
        code = main(["verify", *named, "--cache-dir", cache, "--json"])
    document = json.loads(out.getvalue())
    named_twice = [(p["commit"], p["path"]) for p in document["problems"]]
    assert len(named_twice) == len(set(named_twice)), named_twice
    problems = {(p["path"], p["kind"]) for p in document["problems"]}
    return Verified(code, problems, document["files"])


def snapshot_of(cache: str, repo_id: str = MODEL) -> str:
    """Return the one snapshot of a model."""
    folder = os.path.join(cache, "models--" + repo_id.replace("/", "--"), "snapshots")
    (commit,) = os.listdir(folder)
    return os.path.join(folder, commit)


def age(cache: str, seconds: float = 3600) -> None:
    """Let every file be old enough to be remembered."""
    for folder, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                found = os.stat(path)
                os.utime(path, (found.st_atime - seconds, found.st_mtime - seconds))
