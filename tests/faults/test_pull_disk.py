"""Disks that fill up, refuse, or belong to two people: a clear word, and a cache still good."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import small_disks
from faults.pulling import BOUND, MIB, SMALL, Site, assert_legal, etags, model, site, until, weights
from transfer.faulty_hub import FaultyHub, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL_DISK = 64 * MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[str]:
    """Yield a folder that is a file system of 64 MiB."""
    folder = str(tmp_path / "small")
    with small_disks.small_disk(folder, "tmpfs", f"size={SMALL_DISK}"):
        yield folder


def on(disk: str, tmp_path: Path, *repos: Repo, **traits: float) -> Site:
    """Return a site with its cache on a disk."""
    return Site(FaultyHub(*repos, **traits), str(tmp_path), f"{disk}/hub")  # type: ignore[arg-type]


def failed(here: Site, *words: str, hook: str = "", **more: str) -> tuple[int, str]:
    """Run a pull that ends in an error; return its code and words."""
    process = here.start(*(words or ("org/name",)), hook=hook, **more)
    out, said = process.communicate(timeout=BOUND)
    assert "Traceback" not in said
    return process.returncode, out + said


@pytest.mark.faults
def test_a_plan_that_does_not_fit_writes_nothing_and_names_the_way_out(
    small_disk: str, tmp_path: Path
) -> None:
    here = on(small_disk, tmp_path, model(80 * MIB))
    with here.hub:
        code, said = failed(here)
        assert code == 3
        assert "67.1 MB free, and 83.9 MB are needed" in said
        assert "Next: swarmcache clean --free 83.9MB --dry-run" in said
        assert here.hub.served() == 0
    assert os.listdir(small_disk) == []


@pytest.mark.faults
def test_a_disk_that_fills_up_meanwhile_keeps_the_cache_good_and_the_rerun_goes_on(
    small_disk: str, tmp_path: Path
) -> None:
    """The instant: half of the weights are there; another program takes all that is free."""
    old = {
        **SMALL,
        "config.json": b'{"model_type": "qwen2"}',
        "model.safetensors": b"\2" + bytes(7) + b"{}",
    }
    size = 32 * MIB
    repo = model(size)
    repo.commit({**old, "tokenizer.json": b"{ }"}, ref="main")
    before = repo.main
    here = on(small_disk, tmp_path, repo)
    with here.hub:
        here.finished("org/name", "--json")
        repo.commit(repo.commits[next(iter(repo.commits))])
        here.hub.pace(24 * MIB)
        process = here.start("org/name", "--refresh")
        until(lambda: here.hub.served("model.safetensors") > size / 2, "half of the weights")
        fill(f"{small_disk}/other")
        out, said = process.communicate(timeout=BOUND)
        assert process.returncode == 3, out + said
        assert f"The disk of {small_disk}/hub" in out + said
        assert "is full" in out + said
        assert "Traceback" not in said
        assert weights(repo) not in here.blobs()
        assert_legal(here.cache, etags(repo))
        assert here.state(f"org/name@{before}") == here.state() == "complete"
        os.unlink(f"{small_disk}/other")
        here.hub.pace(None)
        entry, _ = here.finished("org/name", "--refresh", "--json")
        assert entry["resumed_bytes"] > size / 4
        assert here.hub.served("model.safetensors") <= size + 10 + 4 * MIB
    assert here.state() == "complete"
    assert here.leftovers() == []


def fill(path: str) -> None:
    """Take all that is free on a disk."""
    with open(path, "wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(MIB))
            file.flush()


QUOTA = """
import errno, os
real, written = os.pwrite, 0
def pwrite(handle, content, at):
    global written
    written += len(content)
    if written > 4 * 2**20:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    return real(handle, content, at)
os.pwrite = pwrite
"""
NO_LINKS = """
import errno, os
def link(*_, **__):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
os.link = link
"""
NO_SYMLINKS = """
import errno, os
def symlink(*_, **__):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
os.symlink = symlink
"""


@pytest.mark.faults
def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path) -> None:
    """The instant: four MiB of the weights are there."""
    here = site(tmp_path, model(12 * MIB))
    with here.hub:
        code, said = failed(here, hook=QUOTA)
        assert code == 3
        assert "is full" in said
        entry, _ = here.finished()
    assert entry["resumed_bytes"] >= 3 * MIB
    assert here.state() == "complete"


@pytest.mark.faults
@pytest.mark.parametrize("hook", [NO_LINKS, NO_SYMLINKS, NO_LINKS + NO_SYMLINKS])
def test_a_file_system_without_links_gets_a_complete_model(tmp_path: Path, hook: str) -> None:
    repo = model(3 * MIB)
    here = site(tmp_path, repo)
    with here.hub:
        here.finished(hook=hook)
        assert here.state() == "complete"
        served = here.hub.served()
        here.finished("org/name", "--refresh", "--json", hook=hook)
        assert here.hub.served() == served
    assert here.leftovers() == []
    assert_legal(here.cache, etags(repo))
    (path,) = glob.glob(f"{here.cache}/models--org--name/snapshots/*/model.safetensors")
    assert os.path.getsize(path) == 3 * MIB
    assert os.path.islink(path) is ("symlink" not in hook)


@pytest.mark.faults
def test_a_read_only_cache_that_is_complete_is_no_hindrance(
    small_disk: str, tmp_path: Path
) -> None:
    here = on(small_disk, tmp_path, model(3 * MIB))
    with here.hub:
        here.finished()
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        here.hub.requests.clear()
        here.finished()
        assert here.hub.requests == []
        here.hub.honest.repos[0].commit({**SMALL, "config.json": b'{"model_type": "qwen2"}'})
        code, said = failed(here, "org/name", "--refresh")
        assert code == 3
        assert f"{here.cache}" in said
        assert here.state() == "complete"


FIRST, SECOND, GROUP = 12001, 12002, 12345


def user(uid: int) -> list[str]:
    """Return the words before a command that run it as a user of the group that shares a cache."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be two users")
    ids = ["--reuid", str(uid), "--regid", str(uid), "--groups", str(GROUP)]
    words = ["setpriv", *ids]
    probe = [*words, sys.executable, "-c", "import swarmcache.cli"]
    if subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode:
        pytest.skip("other users cannot read this checkout, or this interpreter")
    return words


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Site, Repo]]:
    """Yield a cache whose folder belongs to a group, with setgid."""
    repo = model(24 * MIB)
    base = f"/tmp/swarmcache-shared-{os.getpid()}"
    os.mkdir(base, 0o755)
    os.mkdir(f"{base}/hub")
    os.chown(f"{base}/hub", FIRST, GROUP)
    os.chmod(f"{base}/hub", 0o2775)
    for uid in (FIRST, SECOND):
        os.mkdir(f"{base}/{uid}")
        os.chown(f"{base}/{uid}", uid, uid)
    here = Site(FaultyHub(repo, bytes_per_second=16 * MIB), base, f"{base}/hub")
    try:
        with here.hub:
            yield here, repo
    finally:
        shutil.rmtree(base)


CLOSED = """
import os
os.umask(0o077)
"""


@pytest.mark.faults
def test_a_second_user_goes_on_where_the_first_was_killed(shared: tuple[Site, Repo]) -> None:
    """The instant: half of the weights are there. The first user's umask is 077."""
    here, repo = shared
    first = here.start(hook=CLOSED, before=user(FIRST), HOME=f"{here.folder}/{FIRST}")
    until(lambda: here.hub.served("model.safetensors") > 12 * MIB, "half of the weights")
    os.killpg(first.pid, 9)
    first.communicate(timeout=BOUND)
    here.hub.pace(None)
    entry, _ = here.finished(hook=CLOSED, before=user(SECOND), HOME=f"{here.folder}/{SECOND}")
    assert entry["resumed_bytes"] > 8 * MIB
    assert here.leftovers() == []
    open_to_the_group(here)
    # And the first user adds to the second's snapshot.
    repo.commit({**repo.commits[repo.main], "extra.json": b"{}"})
    here.finished(
        *("org/name", "--refresh", "--json"),
        hook=CLOSED,
        before=user(FIRST),
        HOME=f"{here.folder}/{FIRST}",
    )
    open_to_the_group(here)
    assert here.state() == "complete"
    assert_legal(here.cache, etags(repo))


@pytest.mark.faults
def test_a_second_user_merges_into_the_first_users_snapshot(shared: tuple[Site, Repo]) -> None:
    here, repo = shared
    here.hub.pace(None)
    here.finished(hook=CLOSED, before=user(FIRST), HOME=f"{here.folder}/{FIRST}")
    folder = f"{here.cache}/models--org--name"
    os.unlink(f"{folder}/blobs/{weights(repo)}")
    os.unlink(f"{folder}/snapshots/{repo.main}/model.safetensors")
    assert here.state() == "incomplete"
    here.finished(hook=CLOSED, before=user(SECOND), HOME=f"{here.folder}/{SECOND}")
    assert here.state() == "complete"
    open_to_the_group(here)


def open_to_the_group(here: Site) -> None:
    """Fail unless the group may read all files, and write to all folders of the cache."""
    for folder, _, names in os.walk(here.cache):
        found = os.stat(folder)
        assert found.st_gid == GROUP, folder
        assert stat.S_IMODE(found.st_mode) & 0o2070 == 0o2070, folder
        for name in names:
            found = os.stat(f"{folder}/{name}")
            assert found.st_gid == GROUP, name
            assert found.st_mode & 0o040, f"{folder}/{name}"


def test_the_words_of_a_failure_are_one_json_document_too(tmp_path: Path) -> None:
    here = site(tmp_path, model(12 * MIB))
    with here.hub:
        process = here.start(hook=QUOTA)
        out, _ = process.communicate(timeout=BOUND)
    (entry,) = json.loads(out)["models"]
    assert entry["error"]["kind"] == "DiskFull"
