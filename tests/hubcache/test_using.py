"""Using models from Python: leased, and noted as used, by real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import swarmcache
from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from processes import python, until
from swarmcache.cli import pinning
from swarmcache.cli.invocation import Invocation
from swarmcache.environment import Environment
from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use.last_use import last_uses
from swarmcache.hubcache.use.leases import leases
from swarmcache.hubcache.use.using import using

if TYPE_CHECKING:
    from pathlib import Path

A, B = RepoName("model", "org/a"), RepoName("model", "org/b")


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names, with a model in it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    return maker


def held(maker: CacheMaker) -> list[set[RepoName]]:
    """Return what each lease holds."""
    found = leases(maker.path, Environment.current())
    return sorted((set(one.repos) for one in found), key=len)


def record_of(maker: CacheMaker) -> str:
    """Return where the use of org/a is recorded."""
    state = state_folder(maker.path, Environment.current()).path
    return f"{state}/ledger/used/models--org--a"


def test_the_block_holds_the_models_of_the_effective_cache(maker: CacheMaker) -> None:
    """Several at once, each named as on the command line."""
    with swarmcache.lease("org/a@main", "datasets/org/d"):
        assert held(maker) == [{A, RepoName("dataset", "org/d")}]
        (found,) = leases(maker.path, Environment.current())
        assert found.host == os.uname().nodename
        assert abs(found.since - time.time()) < 60
    assert held(maker) == []


def test_the_settings_and_the_argument_decide_as_on_the_command_line(
    maker: CacheMaker, tmp_path: Path
) -> None:
    """`cache_dir` first, then `swarmcache.toml`, then HF_HUB_CACHE."""
    project, other = CacheMaker(tmp_path / "its"), CacheMaker(tmp_path / "other")
    (tmp_path / "swarmcache.toml").write_text('[cache]\ndir = "its"\n')
    with swarmcache.lease("org/a"):
        assert (held(maker), held(project)) == ([], [{A}])
    with swarmcache.lease("org/a", cache_dir=tmp_path / "other"):
        assert (held(project), held(other)) == ([], [{A}])


def test_leases_that_overlap_both_count(maker: CacheMaker) -> None:
    """The first to end takes nothing from the other."""
    first, second = swarmcache.lease("org/a"), swarmcache.lease("org/a", "org/b")
    first.__enter__()
    second.__enter__()
    assert held(maker) == [{A}, {A, B}]
    first.__exit__(None, None, None)
    assert held(maker) == [{A, B}]
    second.__exit__(None, None, None)


def test_a_use_is_noted_at_both_ends(maker: CacheMaker) -> None:
    """A training of hours was used when it ended, not when it began."""
    with swarmcache.lease("org/a"):
        os.utime(record_of(maker), (1000, 1000))
    assert time.time() - os.stat(record_of(maker)).st_mtime < 60


def test_a_use_that_lasts_is_noted_again(maker: CacheMaker) -> None:
    """The record and the lease, in the middle of it; no thread stays after it."""
    folder = f"{state_folder(maker.path, Environment.current()).path}/leases"
    with using(maker.path, Environment.current(), [A], every=0.01):
        for path in (record_of(maker), f"{folder}/{os.listdir(folder)[0]}"):
            os.utime(path, (1000, 1000))
            until(lambda path=path: os.stat(path).st_mtime > 1000, f"a heartbeat of {path}")
    until(
        lambda: "swarmcache-use" not in {one.name for one in threading.enumerate()},
        "the end of the heartbeat",
    )


def test_a_living_run_notes_what_strangers_use(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From time to time; here a hundred times a second."""
    monkeypatch.setitem(using.__wrapped__.__kwdefaults__, "every", 0.01)  # type: ignore[attr-defined]
    maker.repo("org/b", model(2))
    (snapshot,) = os.scandir(f"{maker.folder('org/b')}/snapshots")
    program = "import sys; f = open(sys.argv[1]); print(1); sys.stdin.read()"
    command = [*python(program), f"{snapshot.path}/config.json"]
    invocation = Invocation(Environment.current())
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pinning.using(invocation, [], looks_around=True):
            used = f"{state_folder(maker.path, Environment.current()).path}/ledger/used"
            until(lambda: os.path.exists(f"{used}/models--org--b"), "a note of the stranger's use")
        process.communicate(b"")
    assert os.listdir(used) == ["models--org--b"]


def test_a_cache_that_is_made_inside_is_held_from_then_on(tmp_path: Path) -> None:
    """At once where that is told, else with the next heartbeat."""
    environment = Environment.current()
    with using(str(tmp_path / "told"), environment, [A]) as hold:
        told = CacheMaker(tmp_path / "told")
        assert held(told) == []
        hold()
        assert held(told) == [{A}]
    with using(str(tmp_path / "later"), environment, [A], every=0.01):
        later = CacheMaker(tmp_path / "later")
        until(lambda: held(later) == [{A}], "a lease")
    assert held(told) == held(later) == []


def test_a_child_that_ends_drops_nothing(maker: CacheMaker) -> None:
    """Workers are forked inside the block, and leave it by SystemExit."""
    program = (
        "import os, sys, swarmcache\n"
        "from swarmcache.hubcache.use.leases import leases\n"
        "from swarmcache.environment import Environment\n"
        "with swarmcache.lease('org/a'):\n"
        "    if os.fork() == 0:\n"
        "        sys.exit()\n"
        "    os.wait()\n"
        "    print(len(leases(sys.argv[1], Environment.current())))\n"
        "print(len(leases(sys.argv[1], Environment.current())))\n"
    )
    done = subprocess.run(
        [*python(program), maker.path], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("1\n0\n", "")


def test_a_killed_holder_s_lease_ends_with_it(maker: CacheMaker) -> None:
    """Nobody has to clean up after it."""
    program = "import sys, swarmcache\nwith swarmcache.lease('org/a'): print(1); sys.stdin.read()"
    command = python(program)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert held(maker) == [{A}]
        process.kill()
    assert held(maker) == []


def test_a_bad_name_is_refused(maker: CacheMaker) -> None:
    """Before the block runs."""
    with pytest.raises(InvalidRepoId), swarmcache.lease("org/a/b/c"):
        pytest.fail("the block ran")


def test_settings_that_cannot_be_read_stop_no_training(maker: CacheMaker, tmp_path: Path) -> None:
    """A warning is enough."""
    (tmp_path / "swarmcache.toml").write_text("nonsense")
    ran = False
    with pytest.warns(RuntimeWarning, match="No lease was taken"), swarmcache.lease("org/a"):
        ran = True
    assert ran


def test_an_error_of_the_block_is_the_block_s(maker: CacheMaker) -> None:
    """And the lease ends."""
    with pytest.raises(ZeroDivisionError), swarmcache.lease("org/a"):
        1 / 0  # noqa: B018
    assert held(maker) == []


def test_a_cache_that_cannot_be_written_stops_nobody() -> None:
    """Where the user's own folder cannot be, either."""
    program = "import swarmcache\nwith swarmcache.lease('org/a', cache_dir='hub'): print('ran')"
    with open_folder() as folder:
        CacheMaker(f"{folder}/hub").repo("org/a", model(1))
        done = run_as_other_user(
            [sys.executable, "-c", program], env={"HOME": "/nonexistent"}, cwd=folder
        )
    assert (done.stdout, done.stderr) == ("ran\n", "")


def test_importing_swarmcache_imports_nothing_else() -> None:
    """A trainer pays for what it uses."""
    program = (
        "import json, sys; before = set(sys.modules); import swarmcache; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(python(program), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["swarmcache"]


def test_the_lease_needs_no_command_line() -> None:
    """Neither click, nor a renderer, nor the network."""
    program = "import swarmcache, sys; swarmcache.lease; print(sorted(sys.modules))"
    done = subprocess.run(python(program), capture_output=True, text=True, check=True)
    for heavy in ("click", "rich", "http", "asyncio", "huggingface_hub", "yaml"):
        assert f"'{heavy}'" not in done.stdout


def test_what_does_not_exist_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'leese'"):
        swarmcache.leese  # type: ignore[attr-defined] # noqa: B018


def test_uses_of_a_lease_end_with_its_record(maker: CacheMaker) -> None:
    """What is recorded stays: it was used just now."""
    with swarmcache.lease("org/a"):
        pass
    assert list(last_uses(maker.path, Environment.current())) == ["models--org--a"]
