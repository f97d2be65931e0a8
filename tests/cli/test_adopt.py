"""`swarmcache adopt` as a user types it, killed at any instant too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import contents, model, tree
from faults.pulling import DYING
from flatmaker import FlatMaker
from processes import Screen
from swarmcache import report
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "adopt.json").read_text("utf-8"))
PROGRAM = f"{DYING}\nfrom swarmcache.cli import main\nsys.exit(main(sys.argv[1:]))\n"
FILES = model(1, **{"big.dat": b"w" * 200_000})


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the HF_HOME of a cache that is not the project's."""
    maker = CacheMaker(tmp_path / "home" / "hub")
    maker.repo("org/a", FILES)
    maker.repo("org/b", model(2))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "new"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return str(tmp_path / "home")


def adopt(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command; it may die where DIE_AT says."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "adopt", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the document that was printed, which fits its schema."""
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


def test_it_shows_the_plan_and_what_came(old: str, tmp_path: Path) -> None:
    """Without a byte from the network."""
    dry = adopt(old, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert f"From {os.path.realpath(old)}/hub into {tmp_path}/new:" in dry.stdout
    assert "org/a: 5 files, 201 kB." in dry.stdout
    assert not os.path.exists(tmp_path / "new")
    done = adopt(old)
    assert done.returncode == 0, done.stderr
    assert "✓ org/a is adopted." in done.stdout
    assert check(parse_target("org/a"), str(tmp_path / "new")).state == "complete"


def test_the_document_tells_it_too(old: str) -> None:
    """With what was removed of the old place."""
    planned = told(adopt(old, "--dry-run", "--json"))
    assert next(one["bytes"] for one in planned["models"]) > 200_000
    document = told(adopt(old, "--old", "remove", "--yes", "--json"))
    assert document["ok"] is True
    assert sum(one["linked_bytes"] for one in document["models"]) > 200_000
    assert len(document["old"]["removed"]) == 2
    assert not os.path.exists(f"{old}/hub/models--org--a")


def test_giving_up_the_old_place_is_asked_for(old: str, tmp_path: Path) -> None:
    """Without a terminal it exits 2; on one, Enter means no and nothing happens."""
    before = tree(old)
    done = adopt(old, "--old", "link")
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    command = [sys.executable, "-m", "swarmcache", "adopt", old, "--old", "link"]
    screen = Screen(command, {**os.environ, "SWARMCACHE_LANG": "zh_CN", "TERM": "dumb"})
    screen.wait_for("[y/N] ")
    screen.type("\n")
    assert os.waitstatus_to_exitcode(screen.ending()) == 1
    screen.close()
    assert tree(old) == before
    assert not os.path.exists(tmp_path / "new")


@pytest.mark.parametrize("words", [["/nowhere"], ["."]])
def test_what_is_no_cache_is_exit_3(old: str, words: list[str]) -> None:
    """With a sentence."""
    done = adopt(*words)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not exist" in done.stderr or "holds no repos" in done.stderr


def test_flat_files_of_old_transformers(old: str, tmp_path: Path) -> None:
    """What comes, what does not, and what to do next; in both languages."""
    maker = FlatMaker(tmp_path / "flat")
    maker.model("org/old", FILES)
    odd = maker.file("org/odd", "x", b"x", endpoint="https://evil.example")
    done = adopt(maker.path)
    assert done.returncode == 0, done.stderr
    assert "org/old: only blobs, since nothing tells their commit." in done.stdout
    assert "✓ org/old: swarmcache pull org/old links its blobs" in done.stdout
    assert f"Kept: {odd}: neither HF_ENDPOINT nor hub.endpoints names" in done.stdout
    document = told(adopt(maker.path, "--json", "--old", "remove", "--yes"))
    assert [(one["id"], one["commit"]) for one in document["models"]] == [("org/old", None)]
    assert len(document["old"]["removed"]) == 3 * len(FILES)
    assert os.path.exists(odd)
    chinese = adopt(maker.path, SWARMCACHE_LANG="zh_CN").stdout
    assert "HF_ENDPOINT 和 hub.endpoints 都没有写明" in chinese


def test_plain_files_killed_at_any_instant(tmp_path: Path) -> None:
    """Every ninth change: a model with all its files, or none; and a rerun goes on."""
    for instant in range(3, 200, 9):
        home, new = f"{tmp_path}/{instant}/home", f"{tmp_path}/{instant}/new"
        maker = CacheMaker(f"{home}/hub")
        maker.repo("org/a", FILES, links=False, trees=False)
        words = [home, "--old", "remove", "--yes", "--cache-dir", new]
        died = adopt(*words, DIE_AT=str(instant), DIE_IN=f"{tmp_path}/{instant}")
        states = [check(parse_target("org/a"), cache) for cache in (f"{home}/hub", new)]
        assert {one.state for one in states} <= {"complete", "missing"}, (instant, states)
        whole = [contents(one.snapshot) == FILES for one in states if one.snapshot]
        assert whole, instant
        assert all(whole), instant
        if died.returncode == 0:
            break  # There were no more changes.
        assert died.returncode == -signal.SIGKILL, (instant, died.stderr)
        if os.path.isdir(f"{home}/hub/models--org--a"):
            assert adopt(*words).returncode == 0
        assert contents(check(parse_target("org/a"), new).snapshot or "") == FILES
    else:
        pytest.fail("it makes more changes than were tried")


def test_killed_at_any_instant_a_rerun_goes_on(old: str, tmp_path: Path) -> None:
    """Every eleventh change: no place ever shows a model that is not whole."""
    undisturbed = adopt(old, "--old", "link", "--yes", DIE_IN=str(tmp_path))
    changes = int(undisturbed.stderr.rpartition("changes: ")[2])
    assert changes > 50
    for instant in range(3, changes, 11):
        home, new = f"{tmp_path}/{instant}/home", f"{tmp_path}/{instant}/new"
        maker = CacheMaker(f"{home}/hub")
        maker.repo("org/a", FILES)
        maker.repo("org/b", model(2))
        words = [home, "--old", "link", "--yes", "--cache-dir", new]
        died = adopt(*words, DIE_AT=str(instant), DIE_IN=f"{tmp_path}/{instant}")
        assert died.returncode == -signal.SIGKILL, (instant, died.stderr)
        for cache in (f"{home}/hub", new):
            found = check(parse_target("org/a"), cache)
            assert found.state in {"complete", "missing"}, (instant, found)
            if found.snapshot:
                assert contents(found.snapshot) == FILES
        states = [check(parse_target("org/a"), cache).state for cache in (f"{home}/hub", new)]
        assert "complete" in states, instant
        if os.path.isdir(f"{home}/hub/models--org--b") or os.path.isdir(
            f"{home}/hub/models--org--a"
        ):
            assert adopt(*words).returncode == 0
        assert contents(check(parse_target("org/a"), new).snapshot or "") == FILES
