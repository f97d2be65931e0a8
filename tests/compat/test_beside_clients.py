"""From one Hub into one cache: what pull leaves is what the real clients would have left."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import tiny_safetensors
from compat.conftest import Library
from swarmcache.hubcache.scan import iter_repos
from transfer.faulty_hub import FaultyHub, Repo
from transfer.faulty_hub.content import Bytes
from transfer.pulling import pull

if TYPE_CHECKING:
    from transfer.faulty_hub.answers import Answer

pytestmark = pytest.mark.compat

FILES = {
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "README.md": "# 模型 🤗\n".encode(),
    'a b/c\'d "e".json': b"{}",
    "a/z.txt": b"z",
    "a.txt": b"a",
    "config.json": b'{"model_type": "llama"}',
    "empty": b"",
    "model.safetensors": tiny_safetensors(1),
    "same.safetensors": tiny_safetensors(1),
    "tokenizer.json": b"{ }",
    "tokenizer_config.json": b"{}",
    "ü/模型.txt": b"x",
}


def ours(library: Library, *arguments: str) -> None:
    """Pull with our command, in the library's environment."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", "pull", "--all-files", *arguments],
        env=library.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def library_of(version: str, hub: FaultyHub, folder: pathlib.Path) -> Library:
    """Return a client of that version with a cache of its own."""
    (folder / "home").mkdir(parents=True)
    return Library(version, str(folder / "hub"), hub.url, str(folder / "home"))


def visible(cache: str) -> dict[str, str]:
    """Return every entry of snapshots and refs, and every blob: where it leads, or its bytes."""
    found = {}
    for folder, _, names in os.walk(cache):
        if ".locks" in folder or ".no_exist" in folder:
            continue
        for path in (os.path.join(folder, name) for name in names):
            name = os.path.relpath(path, cache)
            if name != "CACHEDIR.TAG":
                found[name] = os.readlink(path) if os.path.islink(path) else content_of(path)
    return found


def content_of(path: str) -> str:
    return pathlib.Path(path).read_bytes().hex()


@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_a_cache_that_pull_filled_is_read_by_every_version(
    tmp_path: pathlib.Path, version: str
) -> None:
    """Offline, listed, and without a warning; and its own download then fetches nothing."""
    with FaultyHub(Repo("org/name", FILES), cdn=True, page=5) as hub:
        library = library_of(version, hub, tmp_path)
        ours(library, "org/name")
        before = visible(library.cache)
        snapshot = library.snapshot("org/name", offline=True)
        assert {
            os.path.relpath(os.path.join(folder, name), snapshot)
            for folder, _, names in os.walk(snapshot)
            for name in names
        } == set(FILES)
        repos, warnings = library.scan()
        assert (set(repos), warnings) == ({"org/name"}, [])
        assert "org/name" in library.listed()
        served = hub.served()
        library.snapshot("org/name")
        assert hub.served() == served
        assert before.items() <= visible(library.cache).items()


@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_pull_leaves_what_the_client_would_have_left(tmp_path: pathlib.Path, version: str) -> None:
    """The same links, refs and blobs; the manifest is that of those versions that write one."""
    with FaultyHub(Repo("org/name", FILES), page=5) as hub:
        theirs = library_of(version, hub, tmp_path / "theirs")
        mine = library_of(version, hub, tmp_path / "mine")
        theirs.snapshot("org/name")
        ours(mine, "org/name")
    expected, found = visible(theirs.cache), visible(mine.cache)
    manifest = f"models--org--name/trees/{hub.honest.repos[0].main}.json"
    if version in {"0.36.2", "1.5.0"}:
        assert manifest not in expected
        found.pop(manifest)
    assert found == expected


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
@pytest.mark.parametrize("xet", [False, True])
def test_the_manifest_is_byte_for_byte_that_of_the_newest_client(
    tmp_path: pathlib.Path, xet: bool, repo_type: str
) -> None:
    """In the Hub's order, over pages, with and without Xet's hashes."""

    def with_xet(_: object, answer: Answer) -> Answer:
        entries = json.loads(b"".join(map(bytes, answer.content.pieces(0, answer.length))))
        for entry, number in zip(entries, itertools.count(), strict=False):
            if "lfs" in entry:
                entry["xetHash"] = f"{number:064x}"
        return answer.holding(Bytes(json.dumps(entries).encode()))

    repo = Repo("org/name", FILES, repo_type=repo_type)
    with FaultyHub(repo, page=5) as hub:
        if xet:
            hub.add(with_xet, route="tree")
        library = library_of("2.4.0", hub, tmp_path / "theirs")
        code = (
            "from huggingface_hub import snapshot_download\n"
            "answer = snapshot_download(sys.argv[1], repo_type=sys.argv[2])"
        )
        library.run(code, "org/name", repo_type, HF_HUB_DISABLE_XET="1")
        target = "org/name" if repo_type == "model" else "dataset/org/name"
        result = pull(tmp_path / "mine", hub.url, target=target)
    assert result.error is None
    at = f"{repo_type}s--org--name/trees/{repo.main}.json"
    assert content_of(f"{tmp_path}/mine/{at}") == content_of(f"{library.cache}/{at}")


def test_a_pull_of_some_files_leaves_the_whole_manifest(tmp_path: pathlib.Path) -> None:
    """What was left out is known to be lacking: the newest client fetches just that."""
    files = {**FILES, "pytorch_model.bin": b"w" * 3000}
    with FaultyHub(Repo("org/name", files)) as hub:
        library = library_of("2.4.0", hub, tmp_path)
        subprocess.run(
            [sys.executable, "-m", "swarmcache", "pull", "org/name"],
            env=library.environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert hub.served("pytorch_model.bin") == 0
        served = hub.served()
        library.snapshot("org/name")
        assert hub.served() - served == 3000
    (found,) = iter_repos(library.cache)
    assert found.problems == ()
