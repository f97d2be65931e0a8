"""`swarmcache.check` and `swarmcache.ensure`, as training code calls them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import swarmcache
import tinyswarm
from swarmcache import errors
from swarmcache.serve.running import running
from transfer.faulty_hub import unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cachemaker import CacheMaker
    from swarmcache.serve.running import RunningHub

MODEL = "tiny/one"
ENSURE = "import sys, swarmcache; print(swarmcache.ensure(sys.argv[1]))"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache that HF_HUB_CACHE names, which does not exist yet; the project has no settings."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def served(tmp_path: Path) -> CacheMaker:
    return tinyswarm.fill(tmp_path / "served", MODEL, "tiny/two")


@pytest.fixture
def hub(served: CacheMaker, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    with running([served.path]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def test_a_missing_model_is_fetched_and_its_snapshot_returned(cache: Path, hub: RunningHub) -> None:
    """What comes back is a folder that a loader opens."""
    path = swarmcache.ensure(MODEL)

    assert os.path.dirname(path) == f"{cache}/models--tiny--one/snapshots"
    assert {"config.json", "model.safetensors"} <= set(os.listdir(path))
    assert swarmcache.check(MODEL).snapshot == path


def test_a_complete_model_makes_no_request(cache: Path, hub: RunningHub) -> None:
    """Not for the branch, not for a file."""
    first = swarmcache.ensure(MODEL)
    hub.requests.clear()

    assert swarmcache.ensure(MODEL) == first
    assert hub.requests == []


def test_check_tells_the_outcome_as_a_value(cache: Path) -> None:
    """`match` tells the states apart; a name that is not there is Missing."""
    tinyswarm.fill(cache, MODEL)
    tinyswarm.fill(cache, "tiny/two", absent=("model.safetensors",))

    assert isinstance(swarmcache.check(MODEL), swarmcache.Complete)
    found = swarmcache.check("tiny/two")
    assert isinstance(found, swarmcache.Incomplete)
    assert (found.state, found.missing) == ("incomplete", ("model.safetensors",))
    assert isinstance(swarmcache.check("tiny/three"), swarmcache.Missing)
    with pytest.raises(errors.InvalidRepoId):
        swarmcache.check("a/b/c/d")


def test_check_of_a_cache_that_does_not_exist_yet(cache: Path) -> None:
    """A fresh machine is no error."""
    assert str(cache) in swarmcache.check(MODEL).reason


def test_the_argument_and_the_settings_decide_about_the_cache(
    cache: Path, hub: RunningHub, tmp_path: Path
) -> None:
    """`cache_dir` first, then the project's settings, then HF_HUB_CACHE."""
    (tmp_path / "project/swarmcache.toml").write_text('[cache]\ndir = "its"\n')

    assert swarmcache.ensure(MODEL).startswith(f"{tmp_path}/project/its/")
    there = tmp_path / "there"
    assert swarmcache.ensure(MODEL, cache_dir=there).startswith(f"{there}/")
    assert not cache.exists()


@pytest.mark.parametrize("way", ["argument", "variable", "settings"])
def test_offline_asks_nobody(
    way: str, cache: Path, hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing stays so, and the error names the command that fetches it."""
    if way == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if way == "settings":
        (tmp_path / "project/swarmcache.toml").write_text('[launch]\noffline = "always"\n')

    with pytest.raises(errors.NotReady) as caught:
        swarmcache.ensure(MODEL, offline=True if way == "argument" else None)
    assert MODEL in str(caught.value)
    assert caught.value.hint == f"swarmcache pull {MODEL}"
    assert hub.requests == []


def test_offline_takes_what_another_cache_of_this_machine_has(
    cache: Path, hub: RunningHub, tmp_path: Path
) -> None:
    """A copy next door needs no network."""
    swarmcache.ensure(MODEL, cache_dir=tmp_path / "next-door")
    hub.requests.clear()

    assert swarmcache.ensure(MODEL, offline=True).startswith(f"{cache}/")
    assert hub.requests == []


def test_a_hub_that_cannot_be_reached_is_an_error_in_time(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a hang."""
    started = time.monotonic()
    with unreachable() as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(errors.EndpointUnreachable):
            swarmcache.ensure(MODEL)
    assert time.monotonic() - started < 60


def test_a_repo_that_the_hub_does_not_know(cache: Path, hub: RunningHub) -> None:
    """The error is the project's own, as of `pull`."""
    with pytest.raises(errors.RepoNotFound):
        swarmcache.ensure("tiny/absent")


def test_threads_and_processes_fetch_a_model_once(
    cache: Path, hub: RunningHub, served: CacheMaker
) -> None:
    """Eight threads and four processes at once; every content is served one time."""
    paths: list[str] = []
    command = [sys.executable, "-c", ENSURE, MODEL]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda: paths.append(swarmcache.ensure(MODEL))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    told = [other.communicate(timeout=60)[0].strip() for other in others]

    assert len(paths) == 8
    assert {*paths, *told} == {paths[0]}
    size = os.path.getsize(f"{paths[0]}/model.safetensors")
    weights = [one for one in hub.requests if one.path.endswith("model.safetensors")]
    assert sum(one.bytes for one in weights if one.method == "GET") == size


def test_a_locked_model_is_opened_at_its_commit(
    cache: Path, hub: RunningHub, served: CacheMaker
) -> None:
    """The branch has moved at the Hub and here; the path that comes back is the locked commit's."""
    first = swarmcache.ensure(MODEL)
    locked = subprocess.run(
        [sys.executable, "-m", "swarmcache", "lock", MODEL], check=False, capture_output=True
    )
    assert locked.returncode == 0, locked.stderr
    (cache / "models--tiny--one/refs/main").write_text("0" * 40)

    assert swarmcache.ensure(MODEL) == first
    assert swarmcache.ensure(MODEL, offline=True) == first


def test_another_file_than_the_locked_one_is_refused(
    cache: Path, hub: RunningHub, tmp_path: Path
) -> None:
    """Here in the cache, with no Hub that had the locked one."""
    path = swarmcache.ensure(MODEL)
    lock = [sys.executable, "-m", "swarmcache", "lock", MODEL]
    assert subprocess.run(lock, check=False, capture_output=True).returncode == 0
    file = tmp_path / "project/swarmcache.lock"
    file.write_text(file.read_text().replace(_etag(f"{path}/model.safetensors"), "f" * 64))

    with pytest.raises(errors.LockMismatch):
        swarmcache.ensure(MODEL)


def _etag(path: str) -> str:
    return os.path.basename(os.path.realpath(path))


def test_a_budget_is_kept_and_nobody_is_asked(cache: Path, hub: RunningHub, tmp_path: Path) -> None:
    """What alone is larger than the budget is refused before a byte of it is fetched."""
    (tmp_path / "project/swarmcache.toml").write_text('[cache]\nbudget = "1kB"\n')

    with pytest.raises(errors.BudgetExceeded):
        swarmcache.ensure(MODEL)
    assert not [one for one in hub.requests if one.path.endswith(".safetensors")]


def test_a_cut_off_file_is_fetched_again(cache: Path, hub: RunningHub) -> None:
    """Damaged is not complete."""
    path = swarmcache.ensure(MODEL)
    blob = os.path.realpath(f"{path}/model.safetensors")
    size = os.path.getsize(blob)
    os.truncate(blob, size - 1)

    assert swarmcache.ensure(MODEL) == path
    assert os.path.getsize(f"{path}/model.safetensors") == size


def test_importing_swarmcache_loads_nothing_else() -> None:
    """A trainer pays for what it calls."""
    script = (
        "import sys; before = set(sys.modules); import swarmcache; swarmcache.__version__;"
        "print(sorted(m for m in set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['swarmcache']\n"


def test_every_public_name_is_there(cache: Path) -> None:
    """`dir` lists them before they are loaded, and no other name answers."""
    for name in swarmcache.__all__:
        assert getattr(swarmcache, name) is not None
        assert name in dir(swarmcache)
    with pytest.raises(AttributeError, match="ensured"):
        _ = swarmcache.ensured  # type: ignore[attr-defined]


def test_a_forked_child_may_ensure_while_its_parent_fetches(cache: Path, hub: RunningHub) -> None:
    """The lock among threads is not inherited locked."""
    shutil.rmtree(cache, ignore_errors=True)
    from swarmcache.launch.in_code import library  # noqa: PLC0415 - its lock is held on purpose

    with library._pulling:
        child = os.fork()
        if child == 0:
            os._exit(0 if swarmcache.ensure(MODEL) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
