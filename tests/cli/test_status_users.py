"""`swarmcache status --users`, as a person and a program see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from processes import Screen, python
from swarmcache import report
from swarmcache.cli import main
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.use import owners
from swarmcache.hubcache.use.leases import take_lease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "status.json").read_text())
NAME = "Gensyn/Qwen2.5-0.5B-Instruct"
COMMAND = [sys.executable, "-m", "swarmcache", "status", "--users"]


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    maker = CacheMaker(tmp_path / "hub")
    maker.repo(NAME, model(1))
    maker.repo("org/b", model(2))
    return maker


@contextmanager
def training(maker: CacheMaker) -> Iterator[int]:
    """A process that has mapped the weights, and knows nothing of swarmcache; yields its pid."""
    (snapshot,) = os.scandir(f"{maker.folder(NAME)}/snapshots")
    program = (
        "import mmap, sys; f = open(sys.argv[1], 'rb'); "
        "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close(); print(1); sys.stdin.read()"
    )
    command = [*python(program), f"{snapshot.path}/model.safetensors"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def far_lease(maker: CacheMaker) -> None:
    """Let a process of another machine hold org/b."""
    path = take_lease(maker.path, Environment.current(), [RepoName("model", "org/b")])
    assert path is not None
    far = owners.this_process()._replace(boot="f" * 16, pid=77)
    os.rename(path, os.path.join(os.path.dirname(path), far.record))


def test_a_row_for_each_process_and_repo(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Model, pid, user, lease, files, command; a pipe gets whole lines."""
    far_lease(maker)
    with training(maker) as pid:
        assert main(["status", "--users"]) == 0
        lines = capsys.readouterr().out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["MODEL", "PID"])
    far, near = (line.split(maxsplit=6) for line in lines[head + 1 : head + 3])
    assert far[:3] == ["org/b", "77", "–"]
    assert lines[head + 1].endswith(
        f"{os.path.basename(sys.argv[0])}, in another container or machine ({os.uname().nodename})"
    )
    assert near[:3] == [NAME, str(pid), "root" if os.geteuid() == 0 else near[2]]
    assert near[3:5] == ["–", "1"]
    assert lines[head + 2].endswith("model.safetensors")


def test_json_tells_the_same_by_its_schema(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """And only when asked for."""
    far_lease(maker)
    with training(maker) as pid:
        assert main(["status", "--users", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    far, near = told["users"]["processes"]
    assert (far["pid"], far["near"], far["host"]) == (77, False, os.uname().nodename)
    assert far["repos"] == [{"id": "org/b", "type": "model", "files": []}]
    assert (near["pid"], near["near"], near["leased_since"]) == (pid, True, None)
    assert near["repos"] == [{"id": NAME, "type": "model", "files": ["model.safetensors"]}]
    assert near["command"].startswith(sys.executable)
    assert told["users"]["open_files_visible"] is True
    assert main(["status", "--json"]) == 0
    assert "users" not in json.loads(capsys.readouterr().out)


def test_several_caches_each_have_their_users(
    maker: CacheMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In JSON beside each cache's repos."""
    CacheMaker(tmp_path / "other").repo("org/c", model(3))
    with training(maker):
        assert main(["status", maker.path, "other", "--users", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    assert [len(one["users"]["processes"]) for one in told["caches"]] == [1, 0]


def test_nobody_is_said_and_so_is_an_absent_cache(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a table; nothing is made."""
    assert main(["status", "--users"]) == 0
    assert "nobody uses this cache now" in capsys.readouterr().out
    assert not os.path.exists(f"{maker.path}/.locks"), "a question writes nothing"
    monkeypatch.setenv("HF_HUB_CACHE", f"{maker.path}/absent")
    assert main(["status", "--users"]) == 0
    assert "nobody uses this cache now" in capsys.readouterr().out


def test_the_filter_holds_for_users_too(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only repos whose id fits."""
    far_lease(maker)
    with training(maker):
        assert main(["status", "--users", "--filter", "org/*", "--json"]) == 0
    (user,) = json.loads(capsys.readouterr().out)["users"]["processes"]
    assert user["pid"] == 77


def test_in_chinese(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole table."""
    monkeypatch.setenv("SWARMCACHE_LANG", "zh_CN")
    far_lease(maker)
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True, encoding="utf-8")
    assert "进程  用户  登记于" in done.stdout
    assert f"在另一个容器或另一台机器上（{os.uname().nodename}）" in done.stdout


def test_a_terminal_of_80_columns_holds_each_row(maker: CacheMaker) -> None:
    """The command is what is cut, and it begins with what tells most."""
    far_lease(maker)
    with training(maker) as pid:
        variables = {**os.environ, "COLUMNS": "80", "TERM": "xterm", "SWARMCACHE_LANG": "en"}
        screen = Screen(COMMAND, variables)
        screen.wait_for("MODEL")
        screen.wait_for("COMMAND")
        shown = screen.wait_for(f"{NAME}  {pid}")
        row = screen.wait_for("\r\n")
        screen.ending()
        screen.close()
    assert len(f"{NAME}  {pid}{row}") <= 80
    assert "python" in row
    assert all(len(line) <= 80 for line in shown.split("\r\n"))


def test_whoever_may_not_look_is_told_what_to_do() -> None:
    """How many processes, and the command for it."""
    if os.geteuid() != 0:
        pytest.skip("only root has processes that another test user may not look into")
    with open_folder() as folder:
        CacheMaker(f"{folder}/hub").repo("org/b", model(2))
        done = run_as_other_user(
            [*COMMAND, "--cache-dir", "hub"], env={"HOME": folder, "LANG": "C.UTF-8"}, cwd=folder
        )
    assert done.returncode == 0, done.stderr
    assert "could not be looked into; what they have open is not known." in done.stdout
    assert done.stdout.endswith(f"Next: sudo swarmcache status --users {folder}/hub\n")
