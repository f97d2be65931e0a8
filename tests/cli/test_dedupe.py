"""`swarmcache dedupe` and `swarmcache caches` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model, tree
from other_user import NOBODY, open_folder, run_as_other_user
from small_disks import bound, small_disk
from swarmcache import report
from swarmcache.environment import Environment
from swarmcache.hubcache.registry import forget, remember

if TYPE_CHECKING:
    from pathlib import Path

BIG = b"w" * 300_000


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two caches of one content, both known on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    paths = [str(tmp_path / name / "hub") for name in ("a", "b")]
    for path in paths:
        CacheMaker(path).repo("org/model", model(1, **{"big.dat": BIG}))
        remember(path, Environment.current())
    monkeypatch.setenv("HF_HUB_CACHE", paths[0])
    monkeypatch.chdir(tmp_path)
    return paths


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str], verb: str) -> dict[str, Any]:
    """Return the document that was printed, which fits its schema."""
    schema = json.loads((files(report) / "schemas" / f"{verb}.json").read_text("utf-8"))
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, schema)
    return document


def test_it_says_what_is_stored_twice_and_what_came_of_it(caches: list[str]) -> None:
    """The plan in one line a content; the disk agrees."""
    before = sum(inodes(*caches).values())
    done = run("dedupe", *caches)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 caches: ")
    places = f"org/model ({os.path.realpath(caches[0])}); org/model ({os.path.realpath(caches[1])})"
    assert lines[1] == f"To store once: 300 kB, 2 times in {places}"
    assert lines[-1].startswith("✓ Shared 5 files: ")
    assert before - sum(inodes(*caches).values()) > len(BIG)
    assert "Nothing is stored twice" in run("dedupe", *caches).stdout


def test_caches_that_were_named_are_known(caches: list[str]) -> None:
    """So a pull into the one finds what the other gets later, and `--all-known` means both."""
    for path in caches:
        forget(path, Environment.current())
    assert run("dedupe", *caches).returncode == 0
    known = json.loads(run("caches", "--json").stdout)["caches"]
    assert {one["path"] for one in known} >= set(map(os.path.realpath, caches))


def test_all_known_caches_and_the_document(caches: list[str]) -> None:
    """Without a name the effective cache counts; a dry run changes nothing."""
    assert told(run("dedupe", "--json"), "dedupe")["actions"] == []
    before = inodes(*caches)
    planned = told(run("dedupe", "--all-known", "--dry-run", "--json"), "dedupe")
    assert inodes(*caches) == before
    document = told(run("dedupe", "--all-known", "--json"), "dedupe")
    assert [one["to"] for one in planned["actions"]] == [one["to"] for one in document["actions"]]
    assert document["freed_bytes"] == document["freed_bytes_expected"] > len(BIG)
    assert document["physical_bytes_after"] == planned["physical_bytes_after"]
    assert document["physical_bytes_after"] == sum(inodes(*caches).values()) - other_files(caches)


def other_files(caches: list[str]) -> int:
    """Return the bytes of what are no blobs: refs and manifests."""
    found = {}
    for cache in caches:
        for folder, _, names in os.walk(cache):
            if os.path.basename(folder) != "blobs" and ".locks" not in folder:
                for name in names:
                    status = os.lstat(f"{folder}/{name}")
                    if not os.path.islink(f"{folder}/{name}"):
                        found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def test_all_known_needs_no_cache_of_this_folder(
    caches: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As from a home, whose projects have caches of their own; a name is taken at its word."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none/hub"))
    document = told(run("dedupe", "--all-known", "--json"), "dedupe")
    assert document["caches"] == [os.path.realpath(one) for one in reversed(caches)]
    assert document["freed_bytes"] > len(BIG)
    done = run("dedupe", "--all-known", str(tmp_path / "none/hub"))
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)


def test_all_known_caches_are_shared_but_those_that_are_closed_now() -> None:
    """A line for each of them, and exit 0: nobody named it."""
    if os.geteuid():
        pytest.skip("only root can close a folder to another user")
    with open_folder() as folder:
        environment = {**os.environ, "HOME": folder, "XDG_STATE_HOME": f"{folder}/state"}
        environment.pop("HF_HUB_CACHE", None)
        for name in "abc":
            maker = CacheMaker(f"{folder}/{name}")
            maker.repo("org/model", model(1, **{"big.dat": BIG}))
            remember(maker.path, Environment(environment, folder, folder))
        for place, _, names in os.walk(folder):
            for one in (place, *(f"{place}/{name}" for name in names)):
                os.lchown(one, NOBODY, NOBODY)
        os.chmod(f"{folder}/c", 0)
        words = [sys.executable, "-m", "swarmcache", "dedupe", "--all-known"]
        done = run_as_other_user([*words, "--json"], cwd=folder, env=environment)
        assert done.returncode == 0, done.stderr
        document = told(done, "dedupe")
        assert document["caches"] == [f"{folder}/b", f"{folder}/a"]
        assert document["freed_bytes"] > len(BIG)
        assert [(one["what"], one["busy"]) for one in document["kept"]] == [(f"{folder}/c", False)]
        done = run_as_other_user(words, cwd=folder, env=environment)
        assert f"{folder}/c cannot be read by this user" in done.stdout


def test_all_known_caches_are_shared_but_tiers(caches: list[str], tmp_path: Path) -> None:
    """A tier is never written; one that is named is a cache like any other."""
    (tmp_path / "swarmcache.toml").write_text(f"[cache]\ntiers = [{json.dumps(caches[1])}]\n")
    before = tree(caches[1])
    document = told(run("dedupe", "--all-known", "--json"), "dedupe")
    assert document["caches"] == [os.path.realpath(caches[0])]
    assert tree(caches[1]) == before
    assert told(run("dedupe", *caches, "--json"), "dedupe")["freed_bytes"] > len(BIG)


def test_what_is_no_cache_becomes_none_by_being_named(caches: list[str], tmp_path: Path) -> None:
    """A folder of `save_pretrained`, the blobs of a repo, an empty folder: nobody's known cache."""
    saved, empty = tmp_path / "saved", tmp_path / "empty"
    saved.mkdir()
    empty.mkdir()
    (saved / "model.safetensors").write_bytes(BIG)
    folders = [str(saved), str(empty), f"{caches[0]}/models--org--model/blobs"]
    assert run("dedupe", *caches, *folders).returncode == 0
    known = json.loads(run("caches", "--json").stdout)["caches"]
    assert {one["path"] for one in known} == set(map(os.path.realpath, caches))
    remember(str(saved), Environment.current())  # As older versions did.
    assert told(run("dedupe", "--all-known", "--json"), "dedupe")["beside"] == []


def test_a_cache_under_two_names_is_one(caches: list[str], tmp_path: Path) -> None:
    """Bound to another place it is the same folder; the name where it can be written counts."""
    CacheMaker(caches[0]).repo("org/two", model(1, **{"big.dat": BIG}))
    twice = tmp_path / "bound"
    twice.mkdir()
    with bound(str(twice), caches[0], "ro"):
        done = run("dedupe", str(twice), caches[0], "--json")
        document = told(done, "dedupe")
    assert (done.returncode, document["kept"]) == (0, [])
    assert document["caches"] == [os.path.realpath(caches[0])]
    assert document["freed_bytes"] > len(BIG)


def test_wrong_bytes_are_exit_5(caches: list[str]) -> None:
    """They are named; what can be shared is."""
    for cache in caches:
        blobs = f"{cache}/models--org--model/blobs"
        (big,) = [
            name for name in os.listdir(blobs) if os.path.getsize(f"{blobs}/{name}") == len(BIG)
        ]
        with open(f"{blobs}/{big}", "r+b") as file:
            file.write(b"X")
    done = run("dedupe", *caches)
    assert done.returncode == 5
    assert done.stdout.count("the bytes are not the ones that their name stands for") == 2


def test_no_such_cache(caches: list[str]) -> None:
    """Exit 3, nothing done."""
    done = run("dedupe", "/nowhere/hub")
    assert done.returncode == 3
    assert "/nowhere/hub" in done.stderr


def test_the_folder_above_hub_is_refused(caches: list[str], tmp_path: Path) -> None:
    """HF_HOME is no cache, and would be looked through in vain; the next step names its hub."""
    done = run("dedupe", caches[1], os.path.dirname(caches[0]))
    assert done.returncode == 3
    assert "its folder hub may be meant" in done.stderr
    assert f"swarmcache dedupe {caches[0]}" in done.stderr
    assert run("dedupe", caches[0]).returncode == 0
    (tmp_path / "mine" / "hub").mkdir(parents=True)
    assert run("dedupe", str(tmp_path / "mine")).returncode == 0


def test_another_users_cache_is_left_and_named() -> None:
    """Exit 3; its files stay."""
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    with open_folder() as folder:
        paths = [f"{folder}/{name}" for name in "ab"]
        for path in paths:
            CacheMaker(path).repo("org/model", model(1, **{"big.dat": BIG}))
        before = inodes(*paths)
        words = [sys.executable, "-m", "swarmcache", "dedupe", *paths, "--json"]
        done = run_as_other_user(words, cwd=folder, env={**os.environ, "HOME": folder})
        assert done.returncode == 3, done.stderr
        assert told(done, "dedupe")["actions"] == []
        assert inodes(*paths) == before


def test_what_this_user_cannot_replace_is_promised_to_nobody() -> None:
    """Beside a team's readable cache that is only known: a line, no sum, exit 0, each time."""
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    with open_folder() as folder, small_disk(f"{folder}/disk", "ext4") as disk:
        environment = {**os.environ, "HOME": folder, "XDG_STATE_HOME": f"{folder}/state"}
        for name in ("team", "mine"):
            CacheMaker(f"{disk}/{name}").repo("org/model", model(1, **{"big.dat": BIG}))
            remember(f"{disk}/{name}", Environment(environment, folder, folder))
        for top in (f"{disk}/mine", f"{folder}/state"):
            for place, _, names in os.walk(top):
                for one in (place, *(f"{place}/{name}" for name in names)):
                    os.lchown(one, NOBODY, NOBODY)
        environment["HF_HUB_CACHE"] = f"{disk}/mine"
        before = inodes(f"{disk}/mine", f"{disk}/team")
        words = [sys.executable, "-m", "swarmcache", "dedupe", "--all-known"]
        done = run_as_other_user([*words, "--json"], cwd=folder, env=environment)
        assert done.returncode == 0, done.stderr
        document = told(done, "dedupe")
        assert (document["freed_bytes_expected"], document["actions"], document["kept"]) == (
            0,
            [],
            [],
        )
        assert document["fixed_bytes"] > len(BIG)
        done = run_as_other_user(words, cwd=folder, env=environment)
        assert f"in {disk}/team are stored elsewhere too; this user cannot replace them" in (
            done.stdout
        )
        assert "Together" not in done.stdout
        done = run_as_other_user([*words, f"{disk}/team"], cwd=folder, env=environment)
        assert (done.returncode, "team: this user cannot write it" in done.stdout) == (3, True)
        assert inodes(f"{disk}/mine", f"{disk}/team") == before


def test_the_registry_is_listed(caches: list[str]) -> None:
    """The last used first; the one in use is marked; what is gone is not told."""
    document = told(run("caches", "--json"), "caches")
    assert [(one["path"], one["in_use"]) for one in document["caches"]][:2] == [
        (os.path.realpath(caches[1]), False),
        (os.path.realpath(caches[0]), True),
    ]
    os.rename(caches[1], caches[1] + "-moved")
    lines = run("caches").stdout.splitlines()
    assert f"✓ {os.path.realpath(caches[0])}" in lines
    assert not [line for line in lines if os.path.realpath(caches[1]) in line]
