"""Copies of blobs that are no blobs share their bytes by reflink, or stay as they are."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import safetensors

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors
from cleaning import model, tree
from flatmaker import FlatMaker
from small_disks import small_disk, subvolumes
from swarmcache.environment import Environment
from swarmcache.hubcache.extents import share_extents
from swarmcache.hubcache.sharing import share_bytes
from swarmcache.plans.dedupe import Left, Shared, plan_dedupe
from swarmcache.plans.dedupe.applying import apply_dedupe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.plans.dedupe import DedupePlan

WEIGHTS = tiny_safetensors(5, rows=40_000)
BIG = bytes(range(256)) * 80_000
"""More than what the kernel takes at once."""
FILES = model(1, **{"model.safetensors": WEIGHTS, "big.dat": BIG})
COMMIT = "c" * 40
LARGE = len(WEIGHTS) + len(BIG)


@pytest.fixture(params=["xfs", "btrfs"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system that has reflinks."""
    with small_disk(str(tmp_path / "disk"), request.param) as folder:
        yield Path(folder)


def deduped(*folders: str) -> tuple[DedupePlan, list[Shared], list[Left]]:
    """Plan and carry out."""
    plan = plan_dedupe(folders, Environment.current())
    outcomes = list(apply_dedupe(plan, Environment.current()))
    shared = [one for one in outcomes if isinstance(one, Shared)]
    return plan, shared, [one for one in outcomes if isinstance(one, Left)]


def used(folder: Path) -> int:
    """Return the bytes that are taken on a file system."""
    subprocess.run(["sync", "-f", folder], check=True)
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def copied_with_links_followed(place: Path, *, trees: bool) -> str:
    """Make a cache that has each content in `blobs` and in its snapshot."""
    maker = CacheMaker(f"{place}.first")
    maker.repo("org/a", FILES, commit=COMMIT, trees=trees)
    subprocess.run(["cp", "-rL", "--reflink=never", maker.path, place], check=True)
    subprocess.run(["rm", "-r", maker.path], check=True)
    return str(place)


def entry(cache: str, path: str) -> str:
    """Return where a file of the snapshot stands."""
    return f"{cache}/models--org--a/snapshots/{COMMIT}/{path}"


def blob(cache: str, etag: str) -> str:
    """Return where a blob is."""
    return f"{cache}/models--org--a/blobs/{etag}"


def save_file(path: str) -> None:
    """Save other weights over a file, as `save_pretrained` does."""
    data = ctypes.create_string_buffer(b"\1" * 4096, 4096)
    tensor = safetensors.TensorSpec(
        dtype="float32", shape=[1024], data_ptr=ctypes.addressof(data), data_len=4096
    )
    safetensors.serialize_file({"weight": tensor}, path, None)


def edit(path: str) -> None:
    """Write into the middle of a file."""
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"edited in place")


@pytest.mark.parametrize("trees", [True, False])
def test_plain_files_share_the_bytes_of_their_blobs(disk: Path, *, trees: bool) -> None:
    """By the list's hashes, or by the file system's own look; names, modes and times stay."""
    cache = copied_with_links_followed(disk / "hub", trees=trees)
    before, taken, held = tree(cache), used(disk), os.stat(entry(cache, "big.dat"))
    plan, shared, left = deduped(cache)
    assert (plan.steps, left) == ((), [])
    assert {os.path.basename(one.path) for one in shared} == {"big.dat", "model.safetensors"}
    assert tree(cache) == before
    now = os.stat(entry(cache, "big.dat"))
    assert (now.st_ino, now.st_mode, now.st_mtime_ns) == (
        held.st_ino,
        held.st_mode,
        held.st_mtime_ns,
    )
    assert sum(one.freed_bytes for one in shared) >= LARGE
    assert taken - used(disk) > LARGE * 0.9
    assert share_extents(entry(cache, "big.dat"), blob(cache, git_sha1(BIG)))
    again, shared, left = deduped(cache)
    assert (again.twins, shared, left) == ((), [], [])


@pytest.mark.parametrize("act", [edit, save_file])
def test_who_edits_a_plain_file_edits_no_other(disk: Path, act: object) -> None:
    """Nor the blob: each has its own bytes again."""
    assert callable(act)
    cache = copied_with_links_followed(disk / "hub", trees=False)
    _, shared, _ = deduped(cache)
    assert len(shared) == 2
    act(entry(cache, "model.safetensors"))
    assert Path(entry(cache, "model.safetensors")).read_bytes() != WEIGHTS
    assert Path(blob(cache, sha256(WEIGHTS))).read_bytes() == WEIGHTS


@pytest.mark.parametrize("act", [edit, save_file])
def test_folders_that_programs_edit_share_and_are_edited_alone(disk: Path, act: object) -> None:
    """A `local_dir` copy and a `save_pretrained` output: both are named in the command."""
    assert callable(act)
    maker = CacheMaker(disk / "hub")
    maker.repo("org/a", FILES, commit=COMMIT)
    outputs = [disk / name for name in ("local_dir", "outputs/checkpoint-10")]
    for folder in outputs:
        (folder / ".cache/huggingface").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(WEIGHTS)
    taken = used(disk)
    _, shared, left = deduped(maker.path, *map(str, outputs))
    assert ([Path(one.path).parent for one in shared], left) == (outputs, [])
    assert taken - used(disk) > 2 * len(WEIGHTS) * 0.9
    act(str(outputs[0] / "model.safetensors"))
    assert (outputs[0] / "model.safetensors").read_bytes() != WEIGHTS
    assert (outputs[1] / "model.safetensors").read_bytes() == WEIGHTS
    assert Path(blob(maker.path, sha256(WEIGHTS))).read_bytes() == WEIGHTS


def test_files_of_the_same_size_and_other_bytes_stay(disk: Path) -> None:
    """The file system finds them different, at the end too."""
    maker = CacheMaker(disk / "hub")
    maker.repo("org/a", FILES, commit=COMMIT)
    folder = disk / "outputs"
    folder.mkdir()
    (folder / "big.dat").write_bytes(BIG[:-1] + b"X")
    _, shared, left = deduped(maker.path, str(folder))
    assert (shared, left) == ([], [])
    assert (folder / "big.dat").read_bytes() == BIG[:-1] + b"X"
    assert Path(blob(maker.path, git_sha1(BIG))).read_bytes() == BIG


def test_plain_files_of_two_caches_share_among_themselves(disk: Path) -> None:
    """No blob anywhere: the lists of files name the hashes."""
    for name in "12":
        CacheMaker(disk / name).repo("org/a", FILES, commit=COMMIT, links=False)
    _, shared, left = deduped(str(disk / "1"), str(disk / "2"))
    assert ([one.path for one in shared], left) == (
        [entry(str(disk / "2"), "big.dat"), entry(str(disk / "2"), "model.safetensors")],
        [],
    )
    assert share_extents(entry(str(disk / "1"), "big.dat"), entry(str(disk / "2"), "big.dat"))


def test_plain_files_share_the_bytes_of_blobs_in_another_subvolume(tmp_path: Path) -> None:
    """Found by their hashes and by their sizes, though inodes there are numbered alike."""
    with subvolumes(str(tmp_path)) as (first, second):
        CacheMaker(f"{first}/hub").repo("org/a", FILES, commit=COMMIT)
        CacheMaker(f"{second}/hub").repo("org/a", FILES, commit=COMMIT, links=False)
        (Path(second) / "outputs").mkdir()
        (Path(second) / "outputs/big.dat").write_bytes(BIG)
        _, shared, left = deduped(f"{first}/hub", f"{second}/hub", f"{second}/outputs")
        assert left == []
        assert {one.path for one in shared} == {
            entry(f"{second}/hub", "big.dat"),
            entry(f"{second}/hub", "model.safetensors"),
            f"{second}/outputs/big.dat",
        }
        assert share_extents(f"{second}/outputs/big.dat", blob(f"{first}/hub", git_sha1(BIG)))


def test_flat_files_share_the_bytes_of_blobs(disk: Path) -> None:
    """In the cache's own home; their records name the hashes."""
    maker = CacheMaker(disk / "hub")
    maker.repo("org/a", FILES, commit=COMMIT)
    flat = FlatMaker(disk / "transformers")
    place = flat.file("org/a", "model.safetensors", WEIGHTS)
    before = tree(flat.path)
    _, shared, left = deduped(maker.path)
    assert ([one.path for one in shared], left) == ([place], [])
    assert tree(flat.path) == before
    assert share_extents(place, blob(maker.path, sha256(WEIGHTS)))


def test_elsewhere_they_stay_and_what_frees_them_is_told_once(tmp_path: Path) -> None:
    """tmpfs shares nothing and links no such file: one line for each cache and kind."""
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=200m") as disk:
        cache = copied_with_links_followed(Path(disk) / "hub", trees=False)
        FlatMaker(f"{disk}/transformers").file("org/a", "model.safetensors", WEIGHTS)
        folder = Path(disk) / "outputs"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(WEIGHTS)
        before = tree(disk)
        plan, shared, left = deduped(cache, str(folder))
        assert (len(plan.twins), shared, tree(disk)) == (4, [], before)
        assert {os.stat(entry(cache, path)).st_nlink for path in FILES} == {1}
        assert [one.path for one in left] == [cache, f"{disk}/transformers", str(folder)]
        plain, flat, edited = (one.reason for one in left)
        assert "2 plain files in its snapshots, 23.0 MB, seem to be stored twice" in plain
        assert f"swarmcache adopt {cache} --cache-dir NEW" in plain
        assert f"swarmcache adopt {disk}/transformers --cache-dir {cache} --old remove" in flat
        assert "programs edit such files" in edited
        assert not any(one.failed or one.busy or one.wrong for one in left)


@pytest.mark.parametrize("folder", ["transformers", "hub"])
def test_what_frees_flat_files_keeps_what_is_stored_once(tmp_path: Path, folder: str) -> None:
    """The proposed command, word for word; beside the cache, and in it."""
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=200m") as disk:
        maker, flat = CacheMaker(f"{disk}/hub"), FlatMaker(f"{disk}/{folder}")
        maker.repo("org/a", FILES, commit=COMMIT)
        twice = flat.file("org/a", "model.safetensors", WEIGHTS)
        once = flat.file("org/once", "model.safetensors", BIG)
        _, _, (left,) = deduped(maker.path)
        assert left.path == flat.path
        words = shlex.split(left.reason.partition(": ")[2].partition(" makes ")[0])
        assert words[:2] == ["swarmcache", "adopt"]
        done = subprocess.run(
            [sys.executable, "-m", *words, "--yes"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not os.path.exists(twice)
        assert not os.path.exists(once)
        kept = f"{maker.path}/models--org--once/blobs/{sha256(BIG)}"
        assert Path(kept).read_bytes() == BIG


def test_sharing_that_cannot_be(tmp_path: Path) -> None:
    """Said as such, on a file system without it and between two."""
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        for path in (f"{disk}/a", f"{disk}/b", f"{tmp_path}/c"):
            Path(path).write_bytes(b"x" * 8192)
        assert share_bytes(f"{disk}/a", f"{disk}/b") == "impossible"
        assert share_bytes(f"{disk}/a", f"{tmp_path}/c") == "impossible"
        Path(f"{disk}/b").write_bytes(b"x")
        assert share_bytes(f"{disk}/a", f"{disk}/b") == "different"
