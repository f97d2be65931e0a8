"""`swarmcache adopt` as a user types it; killed: tests/faults/test_adopt_survives_kills.py."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import model, tree
from flatmaker import FlatMaker
from processes import Screen
from small_disks import small_disk
from swarmcache import report
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "adopt.json").read_text("utf-8"))
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
    """Run the command."""
    return run("adopt", *words, **variables)


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run any command."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
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
    assert "✓ org/a is in place." in done.stdout
    assert check(parse_target("org/a"), str(tmp_path / "new")).state == "complete"


def test_the_document_tells_it_too(old: str) -> None:
    """With what was removed of the old place."""
    planned = told(adopt(old, "--dry-run", "--json"))
    assert next(one["bytes"] for one in planned["models"]) > 200_000
    document = told(adopt(old, "--old", "remove", "--yes", "--json"))
    assert document["ok"] is True
    assert sum(one["linked_bytes"] for one in document["models"]) > 200_000
    assert len(document["old"]["removed"]) == 2
    assert document["old"]["freed_bytes"] is None
    assert not os.path.exists(f"{old}/hub/models--org--a")


def test_the_document_tells_what_is_wrong_and_its_repair(old: str) -> None:
    """Bytes that are not their name's stay behind, and the command names where they lie."""
    big = next(pathlib.Path(old, "hub", "models--org--a", "blobs").glob("?" * 64))
    big.write_bytes(big.read_bytes()[::-1])
    done = adopt(old, "--json")
    assert done.returncode == 5, done.stderr
    (error,) = [one["error"] for one in told(done)["models"] if one["error"] is not None]
    place = os.path.realpath(f"{old}/hub")
    assert error["kind"] == "WrongBytes"
    assert error["hint"] == f"swarmcache verify org/a --repair --cache-dir {place}"


def test_the_document_tells_of_unfinished_downloads(old: str, tmp_path: Path) -> None:
    """Those of the Hub's clients: one goes on with the first, nobody with the second."""
    blobs, etag = f"{os.path.realpath(old)}/hub/models--org--a/blobs", "a" * 64
    for name in (f"{etag}.incomplete", f"{etag}.0123abcd.incomplete"):
        with open(f"{blobs}/{name}", "wb") as file:
            file.write(b"half")
    mine = {"id": "org/a", "type": "model", "bytes": 4}
    first = mine | {"path": f"{blobs}/{etag}.incomplete", "comes": True}
    second = mine | {"path": f"{blobs}/{etag}.0123abcd.incomplete", "comes": False}
    for words in (("--dry-run",), ()):
        found = told(adopt(old, *words, "--json"))["unfinished"]
        assert sorted(found, key=lambda one: not one["comes"]) == [first, second]
    assert (tmp_path / f"new/models--org--a/blobs/{etag}.incomplete").read_bytes() == b"half"
    assert [one["comes"] for one in told(adopt(old, "--json"))["unfinished"]] == [False]


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


def test_what_is_no_folder(old: str, tmp_path: Path) -> None:
    """A tar is imported; what is not there has nothing to do with settings."""
    with tarfile.open(tmp_path / "x.tar", "w"):
        pass
    packed = adopt(f"{tmp_path}/x.tar")
    assert (packed.returncode, packed.stdout) == (3, "")
    assert packed.stderr.endswith(f"Next: swarmcache import {tmp_path}/x.tar\n")
    assert adopt("/nowhere").stderr == "swarmcache: /nowhere does not exist.\n"


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


@pytest.mark.parametrize("words", [("--dry-run",), ("--dry-run", "--json"), ()])
def test_a_disk_that_is_too_small_is_refused_first(
    old: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """After the plan, and by a dry run too: exit 3."""
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=128k") as disk:
        done = adopt(old, *words, "--cache-dir", f"{disk}/hub")
        assert done.returncode == 3, done
        assert ("org/a: 5 files, 201 kB." in done.stdout) == ("--json" not in words)
        assert "has 131 kB free, and" in done.stdout + done.stderr
        assert os.listdir(disk) == []


def test_an_old_place_that_cannot_be_written_is_refused_first(old: str, tmp_path: Path) -> None:
    """Nothing is copied for a place that then could not be given up."""
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        shutil.copytree(f"{old}/hub", f"{disk}/hub", symlinks=True)
        mounted = subprocess.run(["mount", "-o", "remount,ro", disk], check=False)
        if mounted.returncode:
            pytest.skip("no disk can be mounted again, read-only")
        done = adopt(f"{disk}/hub", "--old", "remove", "--yes")
        assert done.returncode == 3, done.stdout
        assert f"{disk}/hub cannot be written by this user" in done.stderr
        assert not (tmp_path / "new").exists()
        assert adopt(f"{disk}/hub").returncode == 0


@pytest.mark.parametrize("verb", ["adopt", "move", "import"])
def test_half_a_model_is_told_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What came is what there was; `check` says the same of it. The exit code tells of the work."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    maker = CacheMaker(tmp_path / "old")
    maker.repo("org/half", FILES, absent=("model.safetensors",), trees=False)
    maker.repo("org/whole", model(2))
    new = f"{tmp_path}/new"
    words = {"adopt": [maker.path], "move": [new, "--yes"], "import": [maker.path]}[verb]
    cache = maker.path if verb == "move" else new

    done = run(verb, *words, HF_HUB_CACHE=cache)
    assert done.returncode == 0, done.stderr
    half = "⚠ org/half is in place as it was, and not complete: 1 file is missing."
    assert f"{half}\n    model.safetensors\n✓ org/whole is in place.\n" in done.stdout
    assert check(parse_target("org/half"), new).state == "incomplete"


def test_the_document_tells_the_state(old: str) -> None:
    CacheMaker(f"{old}/hub").repo("org/half", FILES, absent=("model.safetensors",))

    dry = told(adopt(old, "--dry-run", "--json"))
    assert [one["state"] for one in dry["models"]] == [None] * 3
    done = told(adopt(old, "--json"))
    assert [one["state"] for one in done["models"]] == ["complete", "complete", "incomplete"]
