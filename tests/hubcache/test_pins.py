"""A cache as swarmcache.lock sees it: at the locked commit, with the locked files and no others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from swarmcache.hubcache.complete.pins import Astray, Mismatched, check_pinned, pinned
from swarmcache.hubcache.layout import parse_target
from swarmcache.lockfile import Lock, LockedFile, LockedModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WEIGHTS = tiny_safetensors(1)
MODEL = {
    "README.md": b"# read me",
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}
NEWER = {**MODEL, "model.safetensors": tiny_safetensors(2)}
TARGET = parse_target("org/name")


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "hub")


def lock_of(commit: str, files: Mapping[str, bytes]) -> Lock:
    """Return a lock that pins org/name's main to `files`."""
    locked = {
        path: LockedFile(len(content), sha256(content), None)
        if path.endswith(".safetensors")
        else LockedFile(len(content), None, git_sha1(content))
        for path, content in files.items()
    }
    return Lock("swarmcache.lock", (LockedModel("model", "org/name", "main", commit, locked),))


def test_what_is_as_locked_is_complete(maker: CacheMaker) -> None:
    """Also where the lock names files that loading does not need and the cache lacks."""
    commit = maker.repo("org/name", MODEL, absent=["README.md"])
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL))
    assert (found.state, found.commit) == ("complete", commit)


def test_full_asks_for_every_locked_file(maker: CacheMaker) -> None:
    """Without any manifest: the lock is the list."""
    commit = maker.repo("org/name", MODEL, absent=["README.md"], trees=False)
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL), full=True)
    assert (found.state, found.missing) == ("incomplete", ("README.md",))


def test_the_locked_commit_counts_and_not_the_ref(maker: CacheMaker) -> None:
    """A newer main that is complete does not make the locked commit so."""
    locked = "a" * 40
    maker.repo("org/name", NEWER)
    found = check_pinned(TARGET, maker.path, lock_of(locked, MODEL))
    assert (found.state, found.commit) == ("missing", locked)
    assert found.reason == (
        "swarmcache.lock pins main to commit aaaaaaaaaaaa, of which no file is cached."
    )


def test_a_ref_that_leads_elsewhere_is_not_complete(maker: CacheMaker) -> None:
    """Offline loading of main would open the newer commit; by its own name it is complete."""
    commit = maker.repo("org/name", MODEL)
    newer = maker.repo("org/name", NEWER)
    lock = lock_of(commit, MODEL)
    found = check_pinned(TARGET, maker.path, lock)
    assert isinstance(found, Astray)
    assert (found.state, found.commit, found.missing) == ("incomplete", commit, ())
    assert found.reason.startswith(f"main leads to commit {newer[:12]} here")
    by_commit = check_pinned(TARGET._replace(revision=commit), maker.path, lock)
    assert by_commit.state == "complete"


def test_a_commit_without_a_ref_is_not_complete(maker: CacheMaker) -> None:
    """Offline loading of main would find nothing."""
    commit = maker.repo("org/name", MODEL, refs=())
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL))
    assert isinstance(found, Astray)
    assert "no ref main leads to it" in found.reason


@pytest.mark.parametrize("trees", [True, False])
def test_another_blob_of_equal_size_is_a_mismatch(maker: CacheMaker, trees: bool) -> None:
    """Told by the blob's name, whatever the cache's own manifest says."""
    commit = maker.repo("org/name", NEWER, trees=trees)
    assert len(NEWER["model.safetensors"]) == len(WEIGHTS)
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL))
    assert isinstance(found, Mismatched)
    assert (found.state, found.damaged) == ("damaged", ("model.safetensors",))
    assert found.reason == "1 file is not the one that swarmcache.lock names."


def test_another_size_is_a_mismatch_without_blob_names(maker: CacheMaker) -> None:
    """A cache without links has nothing but sizes to tell by."""
    longer = {**MODEL, "tokenizer.json": b'{"a": 1}'}
    commit = maker.repo("org/name", longer, links=False)
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL))
    assert isinstance(found, Mismatched)
    assert found.damaged == ("tokenizer.json",)


def test_a_link_to_another_blob_is_a_mismatch(maker: CacheMaker) -> None:
    """Of a file that loading does not need, too."""
    commit = maker.repo("org/name", MODEL)
    folder = maker.folder("org/name")
    other = b"# READ ME"
    write(f"{folder}/blobs/{git_sha1(other)}", other)
    link(f"{folder}/blobs/{git_sha1(other)}", f"{folder}/snapshots/{commit}/README.md")
    found = check_pinned(TARGET, maker.path, lock_of(commit, MODEL))
    assert isinstance(found, Mismatched)
    assert found.damaged == ("README.md",)


@pytest.mark.parametrize(
    ("extra", "refused"),
    [
        ("generation_config.json", True),
        ("modeling_evil.py", True),
        ("notes.txt", False),
    ],
)
def test_a_file_that_the_lock_does_not_name(maker: CacheMaker, extra: str, refused: bool) -> None:
    """Refused where loading would use it and where it is code; else it is not our business."""
    files = {
        **MODEL,
        "config.json": b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',
    }
    commit = maker.repo("org/name", {**files, extra: b"{}"})
    found = check_pinned(TARGET, maker.path, lock_of(commit, files))
    assert isinstance(found, Mismatched) is refused
    assert found.damaged == ((extra,) if refused else ())


def test_a_mirrors_odd_etag_is_no_mismatch(maker: CacheMaker) -> None:
    """A name that is no hash tells nothing; `verify` reads the bytes."""
    commit = maker.repo("org/name", MODEL, trees=False)
    folder = maker.folder("org/name")
    os.rename(f"{folder}/blobs/{git_sha1(b'# read me')}", f"{folder}/blobs/W-odd")
    link(f"{folder}/blobs/W-odd", f"{folder}/snapshots/{commit}/README.md")
    assert check_pinned(TARGET, maker.path, lock_of(commit, MODEL)).state == "complete"


def test_a_dataset_needs_every_locked_file(maker: CacheMaker) -> None:
    """And none of them may be another one."""
    files = {"a.csv": b"1", "b.csv": b"2"}
    commit = maker.repo("org/data", files, repo_type="dataset", absent=["b.csv"])
    target = parse_target("datasets/org/data")
    locked = {path: LockedFile(1, None, git_sha1(content)) for path, content in files.items()}
    lock = Lock("x", (LockedModel("dataset", "org/data", "main", commit, locked),))
    assert check_pinned(target, maker.path, lock).missing == ("b.csv",)


def test_what_is_not_locked_is_checked_as_ever(maker: CacheMaker) -> None:
    """Another repo, another revision, no lock at all."""
    maker.repo("org/other", MODEL)
    lock = lock_of("a" * 40, MODEL)
    other = parse_target("org/other")
    assert check_pinned(other, maker.path, lock).state == "complete"
    assert check_pinned(other, maker.path, None).state == "complete"
    assert pinned(other, lock) == other
    assert pinned(TARGET, lock).revision == "a" * 40


def test_nothing_in_the_cache_is_missing(maker: CacheMaker) -> None:
    """The lock alone makes nothing complete."""
    assert check_pinned(TARGET, maker.path, lock_of("a" * 40, MODEL)).state == "missing"
