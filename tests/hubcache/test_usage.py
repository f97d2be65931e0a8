"""What a cache costs on disk: every inode once, whoever reaches it, and memory for few of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors, write
from swarmcache.environment import Environment
from swarmcache.hubcache.usage import measure_cache, physical_bytes

if TYPE_CHECKING:
    from pathlib import Path

MODEL = {"config.json": b"{}", "model.safetensors": tiny_safetensors(1)}


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    """A cache in a temporary folder."""
    return CacheMaker(tmp_path / "hub")


def allocated(*paths: str) -> int:
    """Return the allocated bytes of files, asked one by one."""
    return sum(os.stat(path).st_blocks * 512 for path in paths)


def blobs_of(maker: CacheMaker, repo_id: str) -> list[str]:
    """Return the paths of a repo's blobs."""
    folder = os.path.join(maker.folder(repo_id), "blobs")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def test_content_with_a_single_name_is_not_remembered_file_by_file(maker: CacheMaker) -> None:
    """A million files must not cost a million entries; only what can be met again is kept."""
    maker.repo("org/name", MODEL)

    usage = measure_cache(maker.path, Environment.current())

    assert usage.shared == {}
    assert usage.physical == allocated(*blobs_of(maker, "org/name"))


def test_hard_links_between_repos_count_once(maker: CacheMaker) -> None:
    """As after `dedupe`: each repo has the size, the cache has it once."""
    maker.repo("org/a", MODEL)
    maker.repo("org/b", MODEL)
    for one, other in zip(blobs_of(maker, "org/a"), blobs_of(maker, "org/b"), strict=True):
        os.unlink(other)
        os.link(one, other)

    usage = measure_cache(maker.path, Environment.current())

    once = allocated(*blobs_of(maker, "org/a"))
    assert [repo.physical for repo in usage.repos] == [once, once]
    assert usage.physical == once


def test_a_repo_that_is_a_link_to_another_counts_once(maker: CacheMaker) -> None:
    """A renamed model kept under both names."""
    maker.repo("org/name", MODEL)
    os.symlink("models--org--name", maker.folder("org/renamed"))

    usage = measure_cache(maker.path, Environment.current())

    assert [repo.name.id for repo in usage.repos] == ["org/name", "org/renamed"]
    assert usage.physical == allocated(*blobs_of(maker, "org/name"))


def test_one_cache_named_twice_counts_once(maker: CacheMaker, tmp_path: Path) -> None:
    """By its own path and through a link to it."""
    maker.repo("org/name", MODEL)
    os.symlink(maker.path, tmp_path / "link")

    both = [
        measure_cache(path, Environment.current()) for path in (maker.path, str(tmp_path / "link"))
    ]

    assert physical_bytes(both) == allocated(*blobs_of(maker, "org/name"))


def test_an_orphan_takes_disk_but_is_no_content(maker: CacheMaker) -> None:
    """Also where it is a hard link to a blob that is used."""
    maker.repo("org/name", MODEL)
    blobs = blobs_of(maker, "org/name")
    folder = os.path.dirname(blobs[0])
    write(os.path.join(folder, "ab" * 32), b"x" * 5000)
    os.link(blobs[0], os.path.join(folder, "cd" * 32))

    (repo,) = measure_cache(maker.path, Environment.current()).repos

    assert repo.size == sum(map(len, MODEL.values()))
    assert repo.physical == allocated(*blobs, os.path.join(folder, "ab" * 32))
