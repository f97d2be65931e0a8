"""The record of last uses, and the access times that stand in where there is none."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.scan import read_repo
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.usage import measure_cache
from swarmcache.hubcache.use.last_use import forget_uses, last_used, last_uses, note_use
from swarmcache.hubcache.use.leases import lease

if TYPE_CHECKING:
    from pathlib import Path

A, B = RepoName("model", "org/a"), RepoName("model", "org/b")
DAY = 86400


def read_long_ago(maker: CacheMaker, *, read: float, written: float) -> None:
    """Let all content of org/a have been read and written so many seconds ago."""
    now = time.time()
    for entry in os.scandir(f"{maker.folder('org/a')}/blobs"):
        os.utime(entry.path, (now - read, now - written))


def recorded_ago(maker: CacheMaker, seconds: float) -> None:
    """Let our record say that org/a was used so many seconds ago."""
    environment = Environment.current()
    note_use(maker.path, environment, [A])
    record = f"{state_folder(maker.path, environment).path}/ledger/used/models--org--a"
    then = time.time() - seconds
    os.utime(record, (then, then))


def days_since_use(maker: CacheMaker) -> float:
    """Return what `clean` and `status` both go by."""
    (repo,) = measure_cache(maker.path, Environment.current()).repos
    again = read_repo(maker.path, A)
    assert again is not None
    recorded = last_uses(maker.path, Environment.current()).get("models--org--a")
    assert abs(repo.last_used - last_used(recorded, again.contents())) < 60
    return round((time.time() - repo.last_used) / DAY)


def test_a_use_is_remembered_and_forgotten(tmp_path: Path) -> None:
    """By repo folder, as seconds since the epoch."""
    (tmp_path / "models--org--a").mkdir()
    environment = Environment.current()
    before = time.time() - 1
    note_use(str(tmp_path), environment, [A, B])
    found = last_uses(str(tmp_path), environment)
    assert list(found) == ["models--org--a"], "a repo that is not there gets no record"
    assert before < found["models--org--a"] < time.time() + 1
    forget_uses(str(tmp_path), environment, [A])
    assert last_uses(str(tmp_path), environment) == {}


def test_a_cache_that_does_not_exist_gets_no_record(tmp_path: Path) -> None:
    """A start must not make a cache."""
    note_use(str(tmp_path / "hub"), Environment.current(), [A])
    assert os.listdir(tmp_path) == []


def test_where_there_is_a_record_nobody_s_reading_counts(tmp_path: Path) -> None:
    """A backup or a search reads all files, and uses no model."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    read_long_ago(maker, read=0, written=40 * DAY)
    recorded_ago(maker, 30 * DAY)
    assert days_since_use(maker) == 30


def test_without_a_record_the_access_times_tell(tmp_path: Path) -> None:
    """A model that only trainers without us ever loaded."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    read_long_ago(maker, read=10 * DAY, written=40 * DAY)
    assert days_since_use(maker) == 10


def test_content_that_came_after_the_record_is_not_as_old_as_the_record(tmp_path: Path) -> None:
    """`hf download` after an `rm -rf`: what stands there now was never recorded."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    recorded_ago(maker, 30 * DAY)
    read_long_ago(maker, read=2 * DAY, written=5 * DAY)
    assert days_since_use(maker) == 2


def test_what_is_leased_is_used_now(tmp_path: Path) -> None:
    """A trainer that `run --exec` became notes nothing any more."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    read_long_ago(maker, read=40 * DAY, written=50 * DAY)
    recorded_ago(maker, 30 * DAY)
    with lease(maker.path, Environment.current(), [A]):
        assert days_since_use(maker) == 0
    assert days_since_use(maker) == 30


def test_a_record_that_another_user_made_is_renewed() -> None:
    """Root cleans once, and the trainer's user must not look idle ever after."""
    program = (
        "import sys\n"
        "from swarmcache.environment import Environment\n"
        "from swarmcache.hubcache.layout import RepoName\n"
        "from swarmcache.hubcache.use.last_use import last_uses, note_use\n"
        "where = sys.argv[1], Environment.current()\n"
        "note_use(*where, [RepoName('model', 'org/a')])\n"
        "print(last_uses(*where)['models--org--a'])\n"
    )
    for closed in ("ledger/used/models--org--a", "ledger/used"):
        with open_folder() as folder:
            maker = CacheMaker(f"{folder}/hub")
            os.chmod(maker.path, 0o777)
            maker.repo("org/a", model(1))
            recorded_ago(maker, 30 * DAY)
            state = state_folder(maker.path, Environment.current()).path
            os.chmod(f"{state}/{closed}", 0o644 if closed.endswith("a") else 0o755)
            os.mkdir(f"{folder}/home")
            os.chmod(f"{folder}/home", 0o777)
            done = run_as_other_user(
                [sys.executable, "-c", program, maker.path],
                env={"HOME": f"{folder}/home"},
                cwd=folder,
            )
            assert done.returncode == 0, done.stderr
            assert time.time() - float(done.stdout) < 60, closed
