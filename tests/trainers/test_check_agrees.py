"""What `check` calls complete is what transformers loads unchanged: one file away at a time."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.complete.tokenizers import check_tokenizer
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    from swarmcache.serve.running import RunningHub

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]

FETCH = (
    "import sys\n"
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
    "for repo in sys.argv[1:]:\n"
    "    AutoModelForCausalLM.from_pretrained(repo)\n"
    "    AutoTokenizer.from_pretrained(repo)\n"
)
REPOS = (
    "Qwen/Qwen2.5-Coder-0.5B-Instruct",  # vocab.json and merges.txt beside tokenizer.json
    "Qwen/Qwen2.5-Coder-1.5B-Instruct",  # sharded
    "deepseek-ai/deepseek-coder-1.3b-instruct",  # the Llama class without tokenizer.model
)


class Loader:
    """The real libraries, offline on one cache."""

    def __init__(self, python: str, cache: str, home: str) -> None:
        variables = {"PATH": os.environ["PATH"], "HOME": home, "HF_HUB_CACHE": cache}
        self._process = subprocess.Popen(
            [python, os.path.join(os.path.dirname(__file__), "loader.py")],
            env={**variables, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def loaded(self, repo_id: str) -> dict[str, Any]:
        """Return what a fresh process loads under this name."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{repo_id}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.mark.parametrize("version", ["4.51.3", "5.23.0"])
@pytest.mark.parametrize("repo_id", REPOS)
def test_complete_is_what_loads_unchanged(
    version: str,
    repo_id: str,
    hub: RunningHub,
    trainer: Callable[[str], str],
    tmp_path: pathlib.Path,
) -> None:
    """A cache that from_pretrained filled, each of its files taken away in turn."""
    cache, python = str(tmp_path / "hub"), trainer(version)
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_CACHE": cache}
    fetch = [python, "-c", FETCH, repo_id]
    subprocess.run(fetch, env={**variables, "HF_ENDPOINT": hub.url}, check=True, timeout=60)
    target, loader = parse_target(repo_id), Loader(python, cache, str(tmp_path))
    try:
        whole = loader.loaded(repo_id)
        assert "error" not in whole
        assert check(target, cache).state == "complete"
        same, complete = {}, {}
        for path in sorted(files_of(cache)):
            with taken_away(path):
                name = os.path.relpath(path, cache).partition("/")[2]
                same[name] = loader.loaded(repo_id) == whole
                complete[name] = check(target, cache).state == "complete"
    finally:
        loader.close()
    assert complete == same


def files_of(cache: str) -> Iterator[str]:
    """Yield every file of a cache's repos that is no blob: refs, snapshots, marks, manifests."""
    for folder, folders, names in os.walk(cache):
        folders[:] = [name for name in folders if name not in {".locks", "blobs"}]
        if folder != cache:
            yield from (os.path.join(folder, name) for name in names)


@contextmanager
def taken_away(path: str) -> Iterator[None]:
    """Hide a file while the block runs."""
    elsewhere = f"{path.partition('models--')[0]}away"
    os.rename(path, elsewhere)
    yield
    os.rename(elsewhere, path)


TOKENIZE = (
    "import sys\nfrom transformers import AutoTokenizer\n"
    "print(len(AutoTokenizer.from_pretrained(sys.argv[1])('def add(): return 1')['input_ids']))\n"
)


@pytest.mark.parametrize("version", ["4.51.3", "5.23.0"])
def test_a_tokenizer_alone_is_complete_without_weights(
    version: str, hub: RunningHub, trainer: Callable[[str], str], tmp_path: pathlib.Path
) -> None:
    """As AutoTokenizer fetches it; each file that is then taken away agrees as well."""
    cache, python, repo_id = str(tmp_path / "hub"), trainer(version), REPOS[0]
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_CACHE": cache}

    def tokenize(**others: str) -> str:
        done = subprocess.run(
            [python, "-c", TOKENIZE, repo_id], env={**variables, **others},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else ""

    count = tokenize(HF_ENDPOINT=hub.url)
    target = parse_target(repo_id)
    assert count
    assert check(target, cache).state != "complete"
    assert check_tokenizer(target, cache).state == "complete"
    assert tokenize(HF_HUB_OFFLINE="1") == count
    snapshot = check_tokenizer(target, cache).snapshot
    for path in ("vocab.json", "tokenizer.json"):
        if os.path.exists(f"{snapshot}/{path}"):
            with taken_away(f"{snapshot}/{path}"):
                loads = tokenize(HF_HUB_OFFLINE="1") == count
                assert loads or check_tokenizer(target, cache).state != "complete", path
