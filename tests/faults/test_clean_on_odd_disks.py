"""`clean` where a cache, or a part of it, is on another disk, read-only, or another user's."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cachemaker import CacheMaker, sha256, tiny_safetensors, write
from cleaning import cleaned, inodes, model, named, tree
from other_user import NOBODY, open_folder, run_as_other_user
from small_disks import bound, small_disk
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.clean import LEFTOVER_KINDS, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults
WEIGHTS = sha256(tiny_safetensors(1))
BOUND = 60.0


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "hub")


def clean(cache: str, *words: str) -> tuple[int, dict[str, Any], str]:
    """Run a clean; return its code, its document, and what it said beside."""
    command = [sys.executable, "-m", "swarmcache", "clean", *words, "--json", "--cache-dir", cache]
    done = subprocess.run(
        command,
        cwd=os.path.dirname(cache),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_a_cache_on_a_disk_of_its_own_gets_back_what_is_told(tmp_path: Path) -> None:
    """To the byte, by the disk's own count."""
    hub = str(tmp_path / "hub")
    os.mkdir(hub)
    with small_disk(hub, "tmpfs"):
        maker = CacheMaker(hub)
        for name in ("org/a", "org/b", "org/c"):
            maker.repo(name, model(1, **{"vocab.json": name.encode() * 5000}))
        cleaned(hub, Wishes((named("org/c"),)))  # Our own state is made now.
        before = os.statvfs(hub)
        plan, (done,) = cleaned(hub, Wishes((named("org/a"),)))
        after = os.statvfs(hub)
        freed = (after.f_bfree - before.f_bfree) * after.f_frsize
        assert done.freed_bytes == plan.freed_bytes_expected == freed > 0
        assert check(parse_target("org/b"), hub).state == "complete"


@pytest.mark.parametrize("place", ["", "blobs", "snapshots"])
@pytest.mark.parametrize("how", ["another disk", "a folder of the same disk"])
def test_what_is_mounted_into_a_cache_is_not_its_own(
    maker: CacheMaker, tmp_path: Path, place: str, how: str
) -> None:
    """As a container shares one model: what lies there belongs to whoever mounted it."""
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(2))
    point = os.path.normpath(f"{maker.folder('org/a')}/{place}")
    away = str(tmp_path / "away")
    shutil.move(point, away)
    os.mkdir(point)
    with contextlib.ExitStack() as mounts:
        if how == "another disk":
            mounts.enter_context(small_disk(point, "tmpfs"))
            shutil.copytree(away, point, symlinks=True, dirs_exist_ok=True)
        else:
            mounts.enter_context(bound(point, away))
        before = tree(maker.folder("org/a"))
        assert check(parse_target("org/a"), maker.path).state == "complete"
        wishes = Wishes(everything=True, leftovers=frozenset(LEFTOVER_KINDS), ignore_pins=True)
        plan, _ = cleaned(maker.path, wishes)
        assert tree(maker.folder("org/a")) == before
        assert not os.path.exists(maker.folder("org/b"))
        assert f"{point} is mounted from elsewhere" in [one.reason for one in plan.kept]
        assert cleaned(maker.path, wishes)[0].steps == ()
    assert os.listdir(f"{maker.path}/.locks/.swarmcache/trash") == []


def test_a_read_only_disk_shows_its_plan_and_refuses_the_rest(maker: CacheMaker) -> None:
    """Exit 3, one sentence, and nothing is changed."""
    maker.repo("org/a", model(1))
    before = tree(maker.path)
    with bound(maker.path, maker.path, "ro"):
        code, told, _ = clean(maker.path, "org/a", "--dry-run")
        assert code == 0
        assert [one["kind"] for one in told["actions"]] == ["repo"]
        code, told, said = clean(maker.path, "org/a", "--yes")
    assert (code, told) == (3, {})
    assert f"The cache folder {maker.path} cannot be written by this user." in said
    assert "Traceback" not in said
    assert tree(maker.path) == before


@contextlib.contextmanager
def cache_of_another_user() -> Iterator[CacheMaker]:
    """Yield a cache that belongs to the user without rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        for name in ("org/a", "org/b"):
            maker.repo(name, model(1))
        for path, _, names in os.walk(folder):
            for name in ("", *names):
                os.chown(os.path.join(path, name), NOBODY, NOBODY, follow_symlinks=False)
        yield maker


def clean_as_other_user(cache: str, *words: str) -> tuple[int, dict[str, Any], str]:
    """Run a clean as the user without rights."""
    command = [sys.executable, "-m", "swarmcache", "clean", *words, "--json", "--cache-dir", cache]
    home = os.path.dirname(cache)
    done = run_as_other_user(command, cwd=home, env={**os.environ, "HOME": home})
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_a_folder_that_is_closed_to_the_user_stays_and_is_named() -> None:
    """No permission on one repo of a shared cache: the others go, exit 3 tells."""
    with cache_of_another_user() as maker:
        os.chown(maker.folder("org/b"), 0, 0)
        os.chown(f"{maker.folder('org/b')}/blobs", 0, 0)
        code, told, said = clean_as_other_user(maker.path, "--all", "--yes")
        assert code == 3, said
        (kept,) = told["kept"]
        assert kept["what"] == "org/b"
        assert "Permission denied" in kept["reason"]
        assert not os.path.exists(maker.folder("org/a"))
        assert check(parse_target("org/b"), maker.path).state == "complete"


def test_a_cache_closed_to_the_user_shows_its_plan_too() -> None:
    """Whoever may read it may ask."""
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/a", model(1))
        code, told, _ = clean_as_other_user(maker.path, "org/a", "--dry-run")
        assert (code, [one["kind"] for one in told["actions"]]) == (0, ["repo"])


def test_a_blob_that_nobody_may_read_goes_with_its_model() -> None:
    """Removing a file takes rights on its folder."""
    with cache_of_another_user() as maker:
        os.chmod(f"{maker.folder('org/a')}/blobs/{WEIGHTS}", 0)
        code, told, _ = clean_as_other_user(maker.path, "org/a", "--yes")
        assert code == 0
        assert told["freed_bytes"] == told["freed_bytes_expected"] > 0
        assert not os.path.exists(maker.folder("org/a"))


CLOSED = {"a folder of root": 0o755, "a sticky folder with a file of root": 0o1777}


@pytest.mark.parametrize("mode", CLOSED.values(), ids=CLOSED)
def test_a_model_of_which_a_part_cannot_be_removed_stays_whole(mode: int) -> None:
    """The rename would work, and then its files could neither be deleted nor be found again."""
    with cache_of_another_user() as maker:
        blobs = f"{maker.folder('org/a')}/blobs"
        os.chown(blobs, 0, 0)
        os.chmod(blobs, mode)
        os.chown(f"{blobs}/{WEIGHTS}", 0, 0)
        held = inodes(maker.path)
        code, told, _ = clean_as_other_user(maker.path, "--all", "--yes")
        assert code == 3, told
        (kept,) = told["kept"]
        assert kept["what"] == "org/a"
        assert f"{blobs}" in kept["reason"]
        assert not os.path.exists(maker.folder("org/b"))
        assert check(parse_target("org/a"), maker.path).state == "complete"
        assert os.listdir(f"{maker.path}/.locks/.swarmcache/trash") == []
        assert told["freed_bytes"] == sum(held.values()) - sum(inodes(maker.path).values())
        assert stat.S_IMODE(os.stat(blobs).st_mode) == mode


def test_processes_that_cannot_be_looked_into_are_counted() -> None:
    """Those of root, by a user without rights."""
    with cache_of_another_user() as maker:
        code, told, said = clean_as_other_user(maker.path, "org/a", "--dry-run")
        assert code == 0
        assert told["uninspected_processes"] >= 1, said


def test_trash_that_cannot_be_emptied_stops_no_other_removal() -> None:
    """It is named, and exit 3 tells."""
    with cache_of_another_user() as maker:
        stuck = f"{maker.path}/.locks/.swarmcache/trash/0123/models--org--old"
        write(f"{stuck}/blobs/{WEIGHTS}", b"old")
        for path, _, _ in os.walk(f"{maker.path}/.locks"):
            os.chown(path, NOBODY, NOBODY)
        os.chown(f"{stuck}/blobs", 0, 0)
        code, told, _ = clean_as_other_user(maker.path, "org/a", "--yes")
        assert code == 3, told
        assert {one["what"] for one in told["kept"]} == {stuck}
        assert not os.path.exists(maker.folder("org/a"))
        assert os.path.exists(f"{stuck}/blobs/{WEIGHTS}")
