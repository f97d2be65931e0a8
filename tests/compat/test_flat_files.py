"""What transformers 4.21.3 and huggingface_hub 0.8.1 themselves left comes over, and is whole."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors
from cleaning import contents, tree
from flatmaker import FlatMaker
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.adopt import apply_adopt, plan_adopt
from swarmcache.serve.running import running
from transfer.pulling import pull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

pytestmark = pytest.mark.compat
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "pytorch_model.bin": b"w" * 100_000,
    "tokenizer.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
}
DOWNLOAD = """
import sys, warnings
warnings.simplefilter("ignore")
from transformers import AutoConfig
from transformers.utils.hub import cached_path, hf_bucket_url
folder, commit = sys.argv[1:]
AutoConfig.from_pretrained("org/a")
cached_path(hf_bucket_url("org/a", "pytorch_model.bin"))
from huggingface_hub import cached_download, hf_hub_url
cached_download(hf_hub_url("org/a", "tokenizer.json"), cache_dir=folder)
cached_download(hf_hub_url("org/a", "model.safetensors", revision=commit), cache_dir=folder)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A Hub that serves the model."""
    maker = CacheMaker(tmp_path / "served")
    maker.repo("org/a", FILES, commit="c" * 40)
    with running([maker.path]) as hub:
        yield hub


@pytest.fixture
def old(hub: RunningHub, tmp_path: Path) -> str:
    """What the old code downloaded from it."""
    folder = str(tmp_path / "transformers")
    subprocess.run(
        [str(compat_environments.flat()), "-c", DOWNLOAD, folder, "c" * 40],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HF_ENDPOINT": hub.url,
            "TRANSFORMERS_CACHE": folder,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        },
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


def test_our_own_maker_writes_the_same(hub: RunningHub, old: str, tmp_path: Path) -> None:
    """Byte for byte, records and locks too."""
    maker = FlatMaker(tmp_path / "made")
    for path in ("config.json", "pytorch_model.bin", "tokenizer.json"):
        maker.file("org/a", path, FILES[path], endpoint=hub.url)
    path = "model.safetensors"
    maker.file("org/a", path, FILES[path], endpoint=hub.url, revision="c" * 40)
    assert tree(old) == tree(maker.path)
    assert sorted(os.listdir(old)) == sorted(os.listdir(maker.path))


def test_it_comes_over_and_the_next_pull_downloads_nothing(
    hub: RunningHub, old: str, tmp_path: Path
) -> None:
    """Blobs by the names of today, the file of a known commit in its snapshot at once."""
    new = tmp_path / "new"
    plan = plan_adopt(old, str(new), endpoints=[hub.url])
    outcomes = list(apply_adopt(plan, Environment.current()))
    assert ([one.error for one in outcomes], plan.kept) == ([None, None], ())
    blobs = {blob.name: blob.read_bytes() for blob in (new / "models--org--a/blobs").iterdir()}
    assert blobs == {
        git_sha1(FILES["config.json"]): FILES["config.json"],
        git_sha1(FILES["tokenizer.json"]): FILES["tokenizer.json"],
        sha256(FILES["pytorch_model.bin"]): FILES["pytorch_model.bin"],
        sha256(FILES["model.safetensors"]): FILES["model.safetensors"],
    }
    snapshot = new / "models--org--a/snapshots" / ("c" * 40)
    assert contents(str(snapshot)) == {"model.safetensors": FILES["model.safetensors"]}
    hub.requests.clear()
    result = pull(new, hub.url, target="org/a")
    assert (result.error, result.downloaded_bytes) == (None, 0)
    assert [one.path for one in hub.requests if "/resolve/" in one.path] == []
    found = check(parse_target("org/a"), str(new))
    assert found.state == "complete"
