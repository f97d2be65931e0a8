"""A cache in the layers of an image, under an overlay's upper layer, as a container has it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model, tree
from swarmcache.cli import main
from swarmcache.hubcache.layers import is_layered, is_overlay

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

WEIGHTS = b"w" * 3_000_000


class Container(NamedTuple):
    """What a container sees as its cache, and what it has written itself."""

    cache: str
    upper: str

    def ours(self, *words: str, expected: int = 0) -> str:
        """Run a command of ours, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "swarmcache", *words, "--cache-dir", self.cache],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=os.path.dirname(self.upper),
            env={**os.environ, "HOME": os.path.dirname(self.upper), "LANG": "C.UTF-8"},
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def written(self) -> int:
        """Allocated bytes of the upper layer, our own state left out."""
        return sum(inodes(self.upper).values())


@pytest.fixture
def container(tmp_path: pathlib.Path) -> Iterator[Container]:
    """Return one whose image holds two models with the same weights."""
    maker = CacheMaker(tmp_path / "lower")
    for name in ("org/one", "org/two"):
        maker.repo(name, {**model(), "pytorch_model.bin": WEIGHTS})
    long_ago = time.time() - 86400
    for folder, _, names in os.walk(maker.path):
        for name in names:
            os.utime(f"{folder}/{name}", (long_ago, long_ago), follow_symlinks=False)
    with _overlay(tmp_path, str(maker.path)) as container:
        yield container


@contextlib.contextmanager
def _overlay(folder: pathlib.Path, lower: str) -> Iterator[Container]:
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir()
    parts = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    mount = ["mount", "-t", "overlay", "-o", parts, "overlay", f"{folder}/merged"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us mount no overlay")
    try:
        yield Container(f"{folder}/merged", f"{folder}/upper")
    finally:
        subprocess.run(["umount", f"{folder}/merged"], check=True)


def big(cache: str, repo: str = "org--one") -> str:
    blobs = f"{cache}/models--{repo}/blobs"
    return max((f"{blobs}/{name}" for name in os.listdir(blobs)), key=os.path.getsize)


def test_which_layer_a_file_is_of(container: Container, tmp_path: pathlib.Path) -> None:
    """The image's may cost a copy; the container's own do not, nor does any on a plain disk."""
    with open(f"{container.cache}/own", "w", encoding="ascii"):
        pass
    assert is_overlay(big(container.cache))
    assert is_layered(big(container.cache))
    assert not is_overlay(str(tmp_path / "upper"))
    assert not is_layered(big(str(tmp_path / "lower")))
    if is_layered(f"{container.cache}/own"):
        pytest.skip("this kernel does not tell the layers apart (before 6.6)")


def test_looking_and_hashing_copy_nothing(container: Container) -> None:
    """Only what is remembered is written: no byte of a model."""
    container.ours("check", "org/one")
    container.ours("status")
    container.ours("verify", "--all")
    assert container.written == 0


def test_dedupe_leaves_the_image_alone(container: Container) -> None:
    """A hard link would copy the file first, and what it replaces would stay in the image."""
    before = tree(container.cache)
    document = json.loads(container.ours("dedupe", "--json"))
    assert (document["actions"], document["freed_bytes"]) == ([], 0)
    assert document["layered_bytes"] >= 2 * len(WEIGHTS)
    assert "layers of an image" in container.ours("dedupe", "--dry-run")
    assert tree(container.cache) == before
    assert container.written == 0


def test_a_volume_links_into_the_image(
    container: Container, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root can remove nothing of the image there, only what this one container sees of it."""
    volume, tier = f"{tmp_path}/volume", container.cache
    (tmp_path / "project").mkdir()
    text = f'[cache]\ntiers = [{{ path = "{tier}", link = "symlink" }}]\n'
    (tmp_path / "project" / "swarmcache.toml").write_text(text)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["pull", "org/one", "--cache-dir", volume, "--quiet"]) == 0
    assert os.path.realpath(big(volume)).startswith(f"{tier}/")
    assert container.written == 0


def test_clean_leaves_the_image_alone_and_says_why(container: Container) -> None:
    """Nothing there can be freed; the model stays whole."""
    before = tree(container.cache)
    told = container.ours("clean", "org/two", "--yes", expected=3)
    assert "is in a layer of an image (overlay): removing it would free nothing." in told
    assert tree(container.cache) == before
    assert container.written == 0


def test_an_orphan_of_the_image_is_not_copied_to_be_removed(container: Container) -> None:
    """A single file could be moved, at the cost of a copy."""
    snapshots = f"{container.cache}/models--org--one/snapshots"
    for folder, _, names in os.walk(snapshots):
        if "pytorch_model.bin" in names:
            os.unlink(f"{folder}/pytorch_model.bin")
    told = container.ours("clean", "--leftovers=orphan", "--yes", expected=3)
    assert "removing it would free nothing" in told
    assert os.path.getsize(big(container.cache)) == len(WEIGHTS)
    assert container.written == 0


def test_what_the_container_made_is_deduped_and_cleaned(tmp_path: pathlib.Path) -> None:
    """Its own layer is a disk like any other, where the kernel tells the layers apart."""
    (tmp_path / "lower").mkdir()
    with _overlay(tmp_path, str(tmp_path / "lower")) as container:
        maker = CacheMaker(tmp_path / "merged" / "hub")
        for name in ("org/one", "org/two"):
            maker.repo(name, {**model(), "pytorch_model.bin": WEIGHTS})
        inner = Container(str(maker.path), container.upper)
        if is_layered(big(inner.cache)):
            pytest.skip("this kernel does not tell the layers apart (before 6.6)")
        before = container.written
        inner.ours("dedupe")
        assert before - container.written >= len(WEIGHTS)
        inner.ours("clean", "org/two", "--yes")
        inner.ours("verify", "org/one")
