"""Real huggingface_hub versions as clients of the embedded Hub."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import compat_environments
import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.serve.running import running

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

MODEL = "org/tiny"
MODEL_FILES = {
    "README.md": "# 模型\n".encode(),
    "config.json": b'{"model_type": "llama"}',
    "generation_config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "prompts/a b.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{ }",
}
"""A model with what trips clients: a folder, a space, and one blob for two paths."""
MODEL_FILES["prompts/same.json"] = MODEL_FILES["prompts/a b.json"]
MODEL_BYTES = 9 + 23 + 2 + 1224 + 18 + 3
"""What its content amounts to, `{}` once."""
DATASET = "org/rows"
DATASET_FILES = {"data/train-00000.jsonl": b'{"text": "a"}\n'}

OLD = {"0.36.2", "1.5.0"}
TAG_WARNING = "Repo path is not a directory: {cache}/CACHEDIR.TAG"
"""What these old versions say of any cache that one since 1.9 has written to."""


@dataclass(frozen=True)
class Library:
    """One real huggingface_hub version, the cache it works on and the Hub it asks."""

    version: str
    cache: str
    endpoint: str
    home: str

    def environment(self, **more: str) -> dict[str, str]:
        """Return what its processes get."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "HF_ENDPOINT": self.endpoint,
            "HF_HUB_CACHE": self.cache,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "NO_COLOR": "1",
            **more,
        }

    def run(self, code: str, *arguments: str, **environment: str) -> object:
        """Return what `code` puts into `answer`; it finds `arguments` in `sys.argv`."""
        script = f"import json, sys\n{code}\nprint(json.dumps(answer))"
        python = str(compat_environments.python_of(self.version))
        done = self._done([python, "-c", script, *arguments], **environment)
        return json.loads(done.stdout.splitlines()[-1])

    def hf(self, *arguments: str, expected: int = 0) -> str:
        """Return what this version's `hf` prints, on both streams."""
        program = str(compat_environments.python_of(self.version).with_name("hf"))
        done = self._done([program, *arguments], expected=expected)
        return done.stdout + done.stderr

    def snapshot(self, repo_id: str, *, offline: bool = False) -> str:
        """Return where `snapshot_download` says the snapshot lies."""
        code = (
            "from huggingface_hub import snapshot_download\n"
            "answer = snapshot_download(sys.argv[1], local_files_only=sys.argv[2] == 'True')"
        )
        return cast("str", self.run(code, repo_id, str(offline)))

    def download_without_links(self, repo_id: str) -> None:
        """Fill the cache with plain files in snapshots, as HF_HUB_DISABLE_SYMLINKS asks since 1.9.

        One thread: with more, two paths of one content race inside huggingface_hub 1.31.0 and
        2.4.0. One thread moves the blob into the snapshot, after the other has found it and before
        that one copies it: FileNotFoundError, in 2 of 25 downloads here.
        """
        code = (
            "from huggingface_hub import snapshot_download\n"
            "answer = snapshot_download(sys.argv[1], max_workers=1)"
        )
        self.run(code, repo_id, HF_HUB_DISABLE_SYMLINKS="1")

    def scan(self) -> tuple[dict[str, int], list[str]]:
        """Return (repo id -> bytes, warnings) of this version's `scan_cache_dir`."""
        code = (
            "from huggingface_hub import scan_cache_dir\n"
            "found = scan_cache_dir(sys.argv[1])\n"
            "answer = [{r.repo_id: r.size_on_disk for r in found.repos},\n"
            "          [str(warning) for warning in found.warnings]]"
        )
        repos, warnings = cast("tuple[dict[str, int], list[str]]", self.run(code, self.cache))
        return repos, [w for w in warnings if w != self._tag_warning()]

    def listed(self) -> str:
        """Return what its own command prints of the cache."""
        command = ("cache", "scan") if self.version.startswith("0.") else ("cache", "ls")
        return self.hf(*command)

    def _tag_warning(self) -> str:
        return TAG_WARNING.format(cache=self.cache) if self.version in OLD else ""

    def _done(
        self, command: list[str], *, expected: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done


@pytest.fixture(scope="session", autouse=True)
def _environments() -> None:
    """Fail with the command to run, rather than once for each test."""
    missing = [v for v in compat_environments.VERSIONS if not compat_environments.is_made(v)]
    if missing:
        pytest.exit(f"no environments for huggingface_hub {missing}: run make test-compat", 1)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the model and the dataset, and return where."""
    maker = CacheMaker(tmp_path_factory.mktemp("origin"))
    maker.repo(MODEL, MODEL_FILES)
    maker.repo(DATASET, DATASET_FILES, repo_type="dataset")
    with running([maker.path]) as hub:
        yield hub.url


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> str:
    """Return a cache folder that does not exist yet."""
    return str(tmp_path / "a cache")


@pytest.fixture
def libraries(tmp_path: pathlib.Path, cache: str, endpoint: str) -> dict[str, Library]:
    """Return every version, all on one cache."""
    (tmp_path / "home").mkdir()
    home = str(tmp_path / "home")
    versions = compat_environments.VERSIONS
    return {version: Library(version, cache, endpoint, home) for version in versions}


@pytest.fixture(params=compat_environments.VERSIONS)
def library(request: pytest.FixtureRequest, libraries: dict[str, Library]) -> Library:
    """Return each version in turn."""
    return libraries[request.param]
