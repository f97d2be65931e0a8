"""A cache folder becomes one for a group: what is planned, done, refused and left."""

from __future__ import annotations

import os
import sys
from stat import S_IMODE
from typing import TYPE_CHECKING

import pytest

from other_user import open_folder, run_as
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.errors import CacheNotFound, LaunchError
from swarmcache.hubcache.acl import NoAcls, read_acl
from swarmcache.hubcache.visitors import hands_on
from swarmcache.launch.group_cache import GroupPlan, Step, open_to_group, plan_group
from swarmcache.report.group_text import left_lines

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

LAB = 4000
HERE = Environment({}, "/home/ann", "/")


@pytest.fixture
def place() -> Iterator[str]:
    """Return a folder that every user can enter, on a file system with ACLs."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders to any group")
    with open_folder() as folder:
        try:
            read_acl(folder, "default")
        except NoAcls:
            pytest.skip("no ACLs on this file system")
        yield folder


def folders(cache: str) -> tuple[str, ...]:
    return cache, f"{cache}/.locks", f"{cache}/.locks/.swarmcache"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o2775), (0o077, 0o2770), (0o002, 0o2775)])
def test_a_new_cache(place: str, umask: int, mode: int) -> None:
    """Right whatever the umask, which decides only what strangers may; then nothing is left."""
    cache = f"{place}/srv/models/hub"
    before = os.umask(umask)
    try:
        plan = plan_group(cache, str(LAB), HERE)
        above = (f"{place}/srv", f"{place}/srv/models")
        steps = tuple(Step(path, True, mode, True) for path in folders(cache))
        assert plan == GroupPlan(cache, str(LAB), LAB, above, steps, True, "", ())
        assert os.listdir(place) == []
        open_to_group(plan)
    finally:
        os.umask(before)
    for path in folders(cache):
        assert (os.stat(path).st_gid, S_IMODE(os.stat(path).st_mode)) == (LAB, mode)
        assert hands_on(path)
    assert [S_IMODE(os.stat(path).st_mode) for path in above] == [0o755, 0o755]
    again = plan_group(cache, str(LAB), HERE)
    assert (again.steps, again.above, again.left) == ((), (), ())


def test_an_existing_cache_gets_only_its_uppermost_folders(place: str) -> None:
    """What lies inside is not touched: it is counted, and told with a command."""
    cache = f"{place}/hub"
    os.makedirs(f"{cache}/models--org--name/blobs", mode=0o700)
    with open(f"{cache}/models--org--name/blobs/x", "w", encoding="ascii"):
        pass
    os.chmod(f"{cache}/models--org--name/blobs/x", 0o600)
    os.chmod(cache, 0o700)
    plan = plan_group(cache, str(LAB), HERE)
    assert plan.steps[0] == Step(cache, False, 0o2770, True)
    assert [(flaw.kind, flaw.number) for flaw in plan.left] == [("folders", 2), ("files", 1)]
    below = [f"{cache}/models--org--name", f"{cache}/models--org--name/blobs"]
    before = [os.stat(path) for path in (*below, f"{below[1]}/x")]
    open_to_group(plan)
    assert [os.stat(path).st_ctime_ns for path in (*below, f"{below[1]}/x")] == [
        found.st_ctime_ns for found in before
    ]
    assert plan_group(cache, str(LAB), HERE)._replace(steps=()) == plan._replace(steps=())


def test_what_strangers_may_stays(place: str) -> None:
    """Only the group's rights are added; nothing that is made becomes everybody's to write."""
    cache = f"{place}/hub"
    os.mkdir(cache)
    os.chmod(cache, 0o777)
    open_to_group(plan_group(cache, str(LAB), HERE))
    assert S_IMODE(os.stat(cache).st_mode) == 0o2777
    os.mkdir(f"{cache}/models--org--name")
    assert S_IMODE(os.stat(f"{cache}/models--org--name").st_mode) == 0o2775


def test_interrupted_it_goes_on(place: str) -> None:
    """A folder that was made and not opened is opened by the rerun."""
    cache = f"{place}/hub"
    os.mkdir(cache, 0o755)
    plan = plan_group(cache, str(LAB), HERE)
    assert [step.made for step in plan.steps] == [False, True, True]
    open_to_group(plan)
    assert plan_group(cache, str(LAB), HERE).steps == ()


def test_a_file_system_without_acls(tmp_path: pathlib.Path) -> None:
    """The folders are opened all the same, and the plan says that a umask is needed."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders to any group")
    with small_disk(str(tmp_path / "disk"), "ramfs") as disk:
        plan = plan_group(f"{disk}/hub", str(LAB), HERE)
        assert (plan.acls, [step.acl for step in plan.steps]) == (False, [False] * 3)
        open_to_group(plan)
        assert S_IMODE(os.stat(f"{disk}/hub").st_mode) & 0o2770 == 0o2770
        assert plan_group(f"{disk}/hub", str(LAB), HERE).steps == ()
        told = [fix for _, fix in left_lines(plan)]
        assert told[0] == "umask 002"


def test_the_tokens_folder(place: str) -> None:
    """A cache inside HF_HOME lies where `hf auth login` closes the folder."""
    inside = Environment({"HF_HOME": place}, "/home/ann", "/")
    assert plan_group(f"{place}/hub", str(LAB), inside).token == f"{place}/token"
    own = Environment({"HF_HOME": place, "HF_TOKEN_PATH": "/home/ann/t"}, "/home/ann", "/")
    assert plan_group(f"{place}/hub", str(LAB), own).token == ""


def test_an_unknown_group(tmp_path: pathlib.Path) -> None:
    """It is named, with the command that makes it."""
    with pytest.raises(LaunchError, match="no group no-such-lab on this machine") as told:
        plan_group(str(tmp_path / "hub"), "no-such-lab", HERE)
    assert told.value.hint == "sudo groupadd no-such-lab"


@pytest.mark.parametrize("group", ["", "-1", "4294967295", "9" * 12, "a b", "a\0b"])
def test_what_no_group_is_called(group: str, tmp_path: pathlib.Path) -> None:
    """Nothing is made, and no command is named that would fail as well."""
    with pytest.raises(LaunchError, match="There is no group") as told:
        plan_group(str(tmp_path / "hub"), group, HERE)
    assert told.value.hint == "getent group"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_cache(place: str) -> None:
    """It is named, and nothing is made."""
    with open(f"{place}/hub", "w", encoding="ascii"):
        pass
    with pytest.raises(CacheNotFound, match="is a file; the cache must be a folder"):
        plan_group(f"{place}/hub", str(LAB), HERE)


@pytest.mark.parametrize(
    ("group", "owner", "sentence"),
    [
        (4001, 3001, "3001 is no member of 4001, and can share nothing with it."),
        (LAB, 3002, "hub belongs to 3002, and only its owner or root can open it to 4000."),
        (LAB, 3001, ""),
    ],
)
def test_users_without_rights(place: str, group: int, owner: int, sentence: str) -> None:
    """A stranger to the group, somebody else's folder; its owner and member needs no root."""
    os.chmod(place, 0o755)
    cache = f"{place}/hub"
    os.mkdir(cache)
    os.chown(cache, owner, owner)
    command = [sys.executable, "-m", "swarmcache", "init", "--yes", "--group", str(group)]
    os.mkdir(f"{place}/project")
    os.chown(f"{place}/project", 3001, 3001)
    environment = {"PATH": os.environ["PATH"], "HOME": f"{place}/project", "LANG": "C.UTF-8"}
    where = f"{place}/project"
    done = run_as(3001, LAB, [*command, "--dir", cache], cwd=where, env=environment, umask=0o077)
    assert done.returncode == (3 if sentence else 0), done.stderr
    assert sentence in done.stderr
    is_open = S_IMODE(os.stat(cache).st_mode) & 0o2070 == 0o2070
    assert is_open == (not sentence)
    assert os.path.exists(f"{where}/swarmcache.toml") == (not sentence)
