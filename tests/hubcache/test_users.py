"""Who uses which repos now: leases, and real processes that know nothing of swarmcache."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from processes import python
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.use import owners
from swarmcache.hubcache.use.last_use import last_uses
from swarmcache.hubcache.use.leases import lease, take_lease
from swarmcache.hubcache.use.users import cache_users, note_seen_uses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.hubcache.use.users import Users

A, B = RepoName("model", "org/a"), RepoName("model", "org/b")
MAPPED = (
    "import mmap; f = open(sys.argv[1], 'rb'); "
    "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()"
)


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    """A cache with two models."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(2))
    return maker


def file_of(maker: CacheMaker, repo: str, name: str) -> str:
    """Return where a trainer opens a file of a repo: its link in the snapshot."""
    (snapshot,) = os.scandir(f"{maker.folder(repo)}/snapshots")
    return f"{snapshot.path}/{name}"


@contextmanager
def doing(what: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has done something, and waits."""
    program = f"import os, sys; {what}; print('ready'); sys.stdin.read()"
    command = [*python(program), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def users(maker: CacheMaker) -> Users:
    return cache_users(maker.path, Environment.current())


@pytest.mark.parametrize(
    ("what", "where", "told"),
    [
        (MAPPED, "model.safetensors", "model.safetensors"),
        ("f = open(sys.argv[1], 'rb')", "config.json", "config.json"),
        ("os.chdir(os.path.dirname(sys.argv[1]))", "config.json", "snapshots/COMMIT/"),
        ("f = open(sys.argv[1] + '/../../../blobs/x.incomplete', 'w')", "", "blobs/x.incomplete"),
        ("os.chdir(sys.argv[1] + '/../..')", "", "./"),
    ],
    ids=["mapped", "open", "standing in it", "downloading it", "standing above it"],
)
def test_a_process_that_knows_nothing_of_us_is_told_by_its_files(
    maker: CacheMaker, what: str, where: str, told: str
) -> None:
    """Its repo, its file, its words, its user."""
    path = file_of(maker, "org/a", where)
    if "incomplete" in told:
        what = "f = open(os.path.realpath(sys.argv[1] + '..') + '/../blobs/x.incomplete', 'w')"
    with doing(what, path) as process:
        (user,) = users(maker).users
    commit = os.path.basename(os.path.dirname(file_of(maker, "org/a", "config.json")))
    assert user.repos == {A: (told.replace("COMMIT", commit),)}
    assert (user.pid, user.near, user.since, user.host) == (process.pid, True, None, "")
    assert user.command[0] == sys.executable
    assert user.command[-1] == path
    assert user.account
    assert users(maker).users == ()


def test_every_process_that_has_a_file_is_told(maker: CacheMaker) -> None:
    """Not only the first."""
    path = file_of(maker, "org/a", "model.safetensors")
    with doing(MAPPED, path) as one, doing(MAPPED, path) as other:
        found = users(maker).users
    assert [user.pid for user in found] == sorted([one.pid, other.pid])


def test_a_lease_is_told_with_when_and_where(maker: CacheMaker) -> None:
    """Of a process that can be looked at, with its open files beside it."""
    with lease(maker.path, Environment.current(), [B, A]):
        (user,) = users(maker).users
    assert (user.pid, user.near, user.host) == (os.getpid(), True, os.uname().nodename)
    assert user.since is not None
    assert abs(user.since - time.time()) < 60
    assert user.repos == {A: (), B: ()}


def test_a_lease_and_open_files_of_one_process_are_one_user(maker: CacheMaker) -> None:
    """Leased is what it said, open is what it does."""
    holds = (
        "import swarmcache; l = swarmcache.lease('org/b', cache_dir=sys.argv[2]); "
        "l.__enter__(); " + MAPPED
    )
    with doing(holds, file_of(maker, "org/a", "model.safetensors"), maker.path) as process:
        (user,) = users(maker).users
    assert user.pid == process.pid
    assert user.since is not None
    assert user.repos == {B: (), A: ("model.safetensors",)}


def test_a_lease_of_another_machine_is_told_as_such(maker: CacheMaker) -> None:
    """Its pid may be anybody's here."""
    path = take_lease(maker.path, Environment.current(), [A])
    assert path is not None
    far = owners.this_process()._replace(boot="f" * 16)
    os.rename(path, os.path.join(os.path.dirname(path), far.record))
    (user,) = users(maker).users
    assert (user.near, user.host, user.account) == (False, os.uname().nodename, "")
    assert user.command == (os.path.basename(sys.argv[0]),)


def test_only_the_wanted_repos_count(maker: CacheMaker) -> None:
    """As `--filter` selects them."""
    environment = Environment.current()
    with lease(maker.path, environment, [A]), lease(maker.path, environment, [A, B]):
        found = cache_users(maker.path, environment, wanted=lambda name: name == B)
    assert [set(user.repos) for user in found.users] == [{B}]


def test_what_is_seen_in_use_is_noted(maker: CacheMaker) -> None:
    """The record becomes true for trainers that know nothing of us, and only for theirs."""
    environment = Environment.current()
    note_seen_uses(maker.path, environment)
    assert last_uses(maker.path, environment) == {}
    with doing(MAPPED, file_of(maker, "org/a", "model.safetensors")):
        users(maker)
        assert last_uses(maker.path, environment) == {}, "a question notes nothing"
        note_seen_uses(maker.path, environment)
    assert list(last_uses(maker.path, environment)) == ["models--org--a"]


def test_noting_what_is_seen_never_fails(tmp_path: Path) -> None:
    """A hint, on its way beside a trainer."""
    note_seen_uses(str(tmp_path / "absent"), Environment.current())
    assert os.listdir(tmp_path) == []


def test_a_read_only_cache_tells_its_users() -> None:
    """To a user without rights, whose own process it is; others are counted."""
    program = (
        "import os, sys\n"
        "from swarmcache.environment import Environment\n"
        "from swarmcache.hubcache.use.users import cache_users\n"
        "ready, go = os.pipe(), os.pipe()\n"
        "if not (child := os.fork()):\n"
        "    held = open(sys.argv[2])\n"
        "    os.write(ready[1], b'1')\n"
        "    os.close(go[1])\n"
        "    os.read(go[0], 1)\n"
        "    os._exit(0)\n"
        "os.read(ready[0], 1)\n"
        "found = cache_users(sys.argv[1], Environment.current())\n"
        "print([u.pid == child for u in found.users], found.uninspected > 0)\n"
        "os.close(go[1])\n"
        "os.wait()\n"
    )
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/a", model(1))
        path = file_of(maker, "org/a", "config.json")
        done = run_as_other_user(
            [sys.executable, "-c", program, maker.path, path], env={"HOME": folder}, cwd=folder
        )
        assert not os.path.exists(f"{maker.path}/.locks")
    assert done.stdout == f"[True] {os.geteuid() == 0}\n", done.stderr
