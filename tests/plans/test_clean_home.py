"""Leftovers of the cache's home, removed: Xet's chunk caches and flat files of old transformers."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model
from homes import chunk_cache, flat_file
from small_disks import subvolumes
from swarmcache import report
from swarmcache.environment import Environment
from swarmcache.hubcache.usage import free_bytes
from swarmcache.plans.clean import Wishes, homes, plan_clean
from swarmcache.plans.clean.applying import apply_clean

KINDS = frozenset({"xet", "legacy"})
OPENS = (
    "import sys\n"
    "opened = [open(path) for path in sys.argv[1:]]\n"
    "print('open', flush=True)\n"
    "input()\n"
)
KILLED_AT_THE_FIRST_FILE = (
    "import os, signal, sys\n"
    "from swarmcache.plans.clean.trash import Trash\n"
    "Trash.unlink = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    "from swarmcache.cli import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a user's `~/.cache/huggingface`, with one model in its cache."""
    maker = CacheMaker(tmp_path / ".cache/huggingface/hub")
    maker.repo("org/a", model(1))
    return tmp_path / ".cache/huggingface"


def variables(home: pathlib.Path, **more: str) -> dict[str, str]:
    """Return an environment in which that is the cache, and no library is installed."""
    kept = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return {**kept, "HOME": str(home.parents[1]), "VIRTUAL_ENV": "/nowhere", **more}


def run(home: pathlib.Path, *words: str, code: str = "", **more: str) -> Any:
    """Run a command in that home, and return its document."""
    start = ["-c", code] if code else ["-m", "swarmcache"]
    done = subprocess.run(
        [sys.executable, *start, *words, "--json"],
        env=variables(home, **more),
        cwd=home.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if code:
        return done.returncode
    document = json.loads(done.stdout)
    schema = (files(report) / "schemas" / f"{words[0]}.json").read_text("utf-8")
    jsonschema.validate(document, json.loads(schema))
    return document


def test_what_lies_in_another_subvolume_of_the_disk_frees_room_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any model goes; what lies on another disk frees none."""
    with subvolumes(str(tmp_path)) as (first, second):
        maker = CacheMaker(f"{first}/hub")
        maker.repo("org/a", model(1))
        monkeypatch.setenv("HF_HUB_CACHE", maker.path)
        for home, counts in ((second, True), (str(tmp_path), False)):
            monkeypatch.setenv("HF_HOME", home)
            place = flat_file(pathlib.Path(home) / "transformers")
            place.write_bytes(b"x" * 2**20)
            os.utime(place, (0, 0))
            wishes = Wishes(everything=True, free=free_bytes(maker.path) + 2**19)
            plan = plan_clean(maker.path, Environment.current(), wishes)
            assert [group.repo is None for group in plan.groups] == [counts]


def test_they_are_counted_shown_and_removed(home: pathlib.Path) -> None:
    """What is alive beside them stays: shards, staging, a user's file, the cache itself."""
    endpoint = home / "xet/https___cas_serv-a"
    chunks = chunk_cache(endpoint)
    (endpoint / "shard-cache").mkdir()
    (endpoint / "shard-cache/x.mdb").write_bytes(b"x")
    flat = flat_file(home / "transformers")
    torch = flat_file(home.parent / "torch/pytorch_transformers", ".json")
    notes = home / "transformers/notes.txt"
    notes.write_text("mine")
    left = run(home, "status")["leftovers"]
    assert (left["xet_bytes"], left["legacy_bytes"]) == (8192, 8192)
    before = inodes(str(home.parent))

    planned = run(home, "clean", "--leftovers=xet,legacy", "--dry-run")
    done = run(home, "clean", "--leftovers=xet,legacy", "--yes")

    assert planned["actions"] == done["actions"]
    assert [(one["kind"], one["path"]) for one in done["actions"]] == [
        ("xet", str(chunks)),
        ("legacy", str(flat)),
        ("legacy", str(torch)),
    ]
    freed = sum(before.values()) - sum(inodes(str(home.parent)).values())
    assert done["freed_bytes"] == done["freed_bytes_expected"] == freed == 16384
    assert done["kept"] == []
    assert os.listdir(endpoint) == ["shard-cache"]
    assert notes.read_text() == "mine"
    left = run(home, "status")["leftovers"]
    assert (left["xet_bytes"], left["legacy_bytes"]) == (0, 0)


def test_another_cache_leaves_this_home_alone(home: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """`--cache-dir` names a cache of another home."""
    chunk_cache(home / "xet/https___cas_serv-a")
    flat_file(home / "transformers")
    other = CacheMaker(tmp_path / "disk/models")
    other.repo("org/a", model(1))
    done = run(home, "clean", "--leftovers", "--yes", "--cache-dir", other.path)
    assert done["actions"] == []
    left = run(home, "status", "--cache-dir", other.path)["leftovers"]
    assert (left["xet_bytes"], left["legacy_bytes"]) == (0, 0)


def test_flat_files_that_the_trainer_reads_stay(home: pathlib.Path) -> None:
    """Its transformers is older than 4.22."""
    flat = flat_file(home / "transformers")
    venv = home.parents[1] / "venv"
    (venv / "bin").mkdir(parents=True)
    os.symlink(sys.executable, venv / "bin/python")
    (venv / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(os.path.realpath(sys.executable))}\n"
    )
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (venv / "lib" / version / "site-packages/transformers-4.21.3.dist-info").mkdir(parents=True)

    done = run(home, "clean", "--leftovers=legacy", "--yes", VIRTUAL_ENV=str(venv))

    reason = f"transformers 4.21.3 of {venv}/bin/python reads it"
    assert done["kept"] == [{"what": str(flat), "reason": reason, "busy": False}]
    assert flat.exists()
    left = run(home, "status", VIRTUAL_ENV=str(venv))["leftovers"]
    assert left["legacy_bytes"] == 0


def test_what_a_process_has_open_stays(home: pathlib.Path) -> None:
    """Told with its number, for both."""
    chunks = chunk_cache(home / "xet/https___cas_serv-a")
    flat = flat_file(home / "transformers")
    (some, *_) = [path for path in chunks.rglob("*") if path.is_file()]
    command = [sys.executable, "-c", OPENS, str(some), str(flat)]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert reader.stdout is not None
        reader.stdout.readline()
        done = run(home, "clean", "--leftovers=xet,legacy", "--yes")
    finally:
        reader.kill()
        reader.communicate()
    assert done["actions"] == []
    assert {one["what"] for one in done["kept"]} == {str(chunks), str(flat)}
    assert all(f"process {reader.pid}" in one["reason"] for one in done["kept"])
    assert chunks.is_dir()
    assert flat.exists()


def test_a_killed_removal_is_finished_by_the_next(home: pathlib.Path) -> None:
    """After the rename, before the first file is deleted; the cache is out of use by then."""
    endpoint = home / "xet/https___cas_serv-a"
    chunk_cache(endpoint)
    words = ("clean", "--leftovers=xet", "--yes")
    assert run(home, *words, code=KILLED_AT_THE_FIRST_FILE) == -signal.SIGKILL
    (name,) = os.listdir(endpoint)
    assert name.startswith(".swarmcache-trash.")
    assert run(home, "status")["leftovers"]["xet_bytes"] == 8192

    assert run(home, *words)["freed_bytes"] == 8192
    assert os.listdir(endpoint) == []


def test_what_comes_in_at_the_last_instant_is_put_back(
    home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that somebody lays there between the last look and the rename."""
    chunks = chunk_cache(home / "xet/https___cas_serv-a")
    here = Environment(variables(home), str(home.parents[1]), str(home))
    plan = plan_clean(str(home / "hub"), here, Wishes(leftovers=KINDS))  # type: ignore[arg-type]
    real = homes.discard

    def discard(path: str) -> str:
        (chunks / "swarm.pem").write_bytes(b"key")
        return real(path)

    monkeypatch.setattr(homes, "discard", discard)
    (done,) = apply_clean(plan, here)

    assert done.done == ()
    assert "is not Xet's" in done.kept[0].reason
    assert (chunks / "swarm.pem").read_bytes() == b"key"
    assert os.listdir(chunks.parent) == ["chunk-cache"]


def test_a_budget_counts_only_what_is_in_the_cache(home: pathlib.Path) -> None:
    """Chunk caches outside do not help to keep it; a flat file in the cache does."""
    chunk_cache(home / "xet/https___cas_serv-a")
    flat_file(home / "hub")
    here = Environment(variables(home), str(home.parents[1]), str(home))
    held = sum(inodes(str(home / "hub")).values())
    plan = plan_clean(str(home / "hub"), here, Wishes(budget=held - 1))
    assert [step.kind for step in plan.steps] == ["legacy"]
    assert plan.short == 0
