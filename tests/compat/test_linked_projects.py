"""Three projects' caches share one copy, whatever each client version does in one of them.

This is what hard links between blobs rest on: the Hub's clients replace blobs by rename, and never
write into them (docs/adr/0019).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker
from cleaning import contents, inodes
from compat.test_beside_clients import library_of
from faults.pulling import MIB, Weights
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.intact.verdicts import Remembered
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.layout import folder_name, parse_target
from swarmcache.hubcache.state import state_folder
from transfer.faulty_hub import FaultyHub, Repo
from transfer.pulling import whole

if TYPE_CHECKING:
    import pathlib

    from compat.conftest import Library

pytestmark = pytest.mark.compat
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": whole(Weights(3 * MIB)),
    "tokenizer.json": b"{ }",
    "tokenizer_config.json": b"{}",
}
LATER = {**FILES, "config.json": b'{"model_type": "llama", "n": 2}'}
NAMES = ("org/name", "unsloth/name")
FORCE = (
    "from huggingface_hub import snapshot_download\n"
    "answer = snapshot_download(sys.argv[1], force_download=True)"
)
DELETE = (
    "from huggingface_hub import scan_cache_dir\n"
    "found = scan_cache_dir(sys.argv[1])\n"
    "repo = next(r for r in found.repos if r.repo_id == sys.argv[2])\n"
    "found.delete_revisions(*[r.commit_hash for r in repo.revisions]).execute()\n"
    "answer = None"
)
PRUNE = (
    "from huggingface_hub import scan_cache_dir\n"
    "found = scan_cache_dir(sys.argv[1])\n"
    "gone = [v.commit_hash for r in found.repos for v in r.revisions if not v.refs]\n"
    "found.delete_revisions(*gone).execute()\n"
    "answer = None"
)
PAYLOAD = (
    "import os\n"
    "from huggingface_hub.utils import _shared_blobs as store\n"
    "cache, etag, path = sys.argv[1], sys.argv[2], sys.argv[3]\n"
    "blob = f'{cache}/models--org--name/blobs/{etag}'\n"
    "xet, size = os.path.basename(os.path.realpath(blob)), os.path.getsize(blob)\n"
    "os.unlink(blob)\n"
    "os.link(path, blob)  # As a fresh download lies there.\n"
    "what = dict(blob_path=blob, xet_hash=xet, cache_dir=cache, expected_size=size)\n"
    "answer = store.publish_blob_to_shared_store(**what, replace_existing=True)\n"
    "os.unlink(blob)\n"
    "answer = answer and store.try_link_from_shared_store(**what)"
)


def ours(library: Library, *words: str) -> None:
    """Run a command of ours in a project that keeps its own cache."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
        env=library.environment(XDG_STATE_HOME=os.path.dirname(os.path.dirname(library.cache))),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def state_of(cache: str) -> set[type]:
    """Return the kinds of verdicts that `verify` gives on a whole cache."""
    verdicts = verify(None, cache, state=state_folder(cache, Environment.current()))
    return {type(verdict.outcome) for verdict in verdicts}


def revisions(library: Library, name: str) -> list[str]:
    """Return the commits that a cache has of a model."""
    folder = f"{library.cache}/{folder_name(parse_target(name))}/snapshots"
    return os.listdir(folder) if os.path.isdir(folder) else []


def make_older(cache: str) -> None:
    """Let a client have written its blobs a while ago: too young a file is not remembered."""
    for place, _, names in os.walk(cache):
        for name in names:
            if not os.path.islink(f"{place}/{name}"):
                os.utime(f"{place}/{name}", (time.time() - 60,) * 2)


def loads(cache: str, name: str) -> bool:
    """Tell whether a project's model is complete and has its bytes."""
    found = check(parse_target(name), cache)
    return found.state == "complete" and contents(found.snapshot or "") in (FILES, LATER)


@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_what_one_client_does_in_one_project_leaves_the_others(
    tmp_path: pathlib.Path, version: str
) -> None:
    """Download again by force, upgrade, prune, delete: the others stay intact and remembered."""
    repos = [Repo(name, FILES) for name in NAMES]
    with FaultyHub(*repos) as hub:
        first, second, theirs = (library_of(version, hub, tmp_path / n) for n in ("a", "b", "c"))
        for name in NAMES:
            theirs.snapshot(name)
            ours(theirs, "check", name)  # From now on our user knows their cache.
        make_older(theirs.cache)
        served = hub.served("model.safetensors")
        for project in (first, second):
            for name in NAMES:
                ours(project, "pull", name)
        ours(first, "dedupe", first.cache, second.cache, theirs.cache)
        caches = [project.cache for project in (first, second, theirs)]
        held = sum(inodes(*caches).values())
        assert held <= len(FILES["model.safetensors"]) + 3 * MIB
        for cache in caches:
            ours(first, "verify", "--all", "--cache-dir", cache)
        assert hub.served("model.safetensors") == served

        def others_are_well() -> None:
            for cache in caches[:2]:
                assert state_of(cache) == {Remembered}
                assert all(loads(cache, name) for name in NAMES)

        others_are_well()
        theirs.run(FORCE, NAMES[0])
        assert hub.served("model.safetensors") > served
        others_are_well()
        repos[0].commit(LATER)
        theirs.snapshot(NAMES[0])
        assert loads(theirs.cache, NAMES[0])
        others_are_well()
        assert len(revisions(theirs, NAMES[0])) == 2
        if version.startswith("0."):
            theirs.run(PRUNE, theirs.cache)
        else:
            theirs.hf("cache", "prune", "-y")
        assert len(revisions(theirs, NAMES[0])) == 1
        others_are_well()
        theirs.run(DELETE, theirs.cache, NAMES[1])
        assert not revisions(theirs, NAMES[1])
        others_are_well()
        theirs.snapshot(NAMES[1])
        ours(first, "dedupe", first.cache, second.cache, theirs.cache)
        others_are_well()
        assert all(loads(theirs.cache, name) for name in NAMES)
        assert sum(inodes(*caches).values()) <= held + MIB


@pytest.mark.parametrize("in_store", [False, True], ids=["blob", "payload"])
def test_what_a_client_does_with_its_shared_store_leaves_the_others(
    tmp_path: pathlib.Path, *, in_store: bool
) -> None:
    """Content of huggingface_hub >= 1.32 is linked as its payload, which clients replace, too."""
    repo = Repo(NAMES[0], FILES)
    with FaultyHub(repo) as hub:
        first, theirs = (library_of("2.4.0", hub, tmp_path / name) for name in ("a", "c"))
        for library, shared in ((first, in_store), (theirs, True)):
            maker = CacheMaker(library.cache)
            maker.repo(NAMES[0], FILES, commit=repo.main, shared=shared)
            make_older(library.cache)
        ours(first, "dedupe", first.cache, theirs.cache)
        ours(first, "verify", "--all", "--cache-dir", first.cache)
        fresh = tmp_path / "fresh"
        fresh.write_bytes(FILES["model.safetensors"])
        os.utime(fresh, (time.time() - 60,) * 2)
        etag = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
        payload = os.path.realpath(f"{theirs.cache}/models--org--name/blobs/{etag}")
        before = os.stat(payload)
        assert before.st_nlink == 2

        def other_is_well() -> None:
            assert state_of(first.cache) == {Remembered}
            assert loads(first.cache, NAMES[0])
            assert loads(theirs.cache, NAMES[0])

        other_is_well()
        theirs.hf("cache", "prune", "-y")
        other_is_well()
        assert theirs.run(PAYLOAD, theirs.cache, etag, str(fresh)) is True
        assert os.stat(payload).st_ino != before.st_ino
        other_is_well()
        ours(first, "dedupe", first.cache, theirs.cache)
        theirs.run(FORCE, NAMES[0])
        other_is_well()
        theirs.run(DELETE, theirs.cache, NAMES[0])
        assert not revisions(theirs, NAMES[0])
        theirs.snapshot(NAMES[0])
        other_is_well()
