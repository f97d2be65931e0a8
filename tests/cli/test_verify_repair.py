"""`swarmcache verify --repair` as a user runs it: words, JSON, exit codes, limits of the disk."""

from __future__ import annotations

import functools
import importlib.resources
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import small_disks
from cachemaker import CacheMaker, sha256, tiny_safetensors, write
from other_user import open_folder, run_as_other_user
from processes import until
from swarmcache.cli import main
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.use.leases import leases
from swarmcache.plans.repair import apply_repair, plan_repair
from swarmcache.serve.running import running
from transfer.stalling import StallingProxy, partials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(3)
LARGE = tiny_safetensors(4, tensors=2, rows=60_000)
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}


@pytest.fixture
def good(tmp_path: Path) -> CacheMaker:
    maker = CacheMaker(tmp_path / "good")
    maker.repo("org/name", FILES)
    return maker


@pytest.fixture
def endpoint(good: CacheMaker, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    with running([good.path]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    maker = CacheMaker(tmp_path / "cache")
    maker.repo("org/name", FILES)
    monkeypatch.setenv("HF_HUB_CACHE", maker.path)
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    return maker


def blob(cache: CacheMaker, whole: bytes = WEIGHTS) -> str:
    return os.path.join(cache.folder("org/name"), "blobs", sha256(whole))


def flip(path: str) -> None:
    """Change the last byte of a file."""
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([byte ^ 1]))


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def document(text: str) -> Any:
    """Return the printed document, after holding it to its schema."""
    found = json.loads(text)
    schema = importlib.resources.files("swarmcache.report").joinpath("schemas/verify.json")
    jsonschema.validate(found, json.loads(schema.read_text("utf-8")))
    return found


def test_what_is_repaired_is_leased_until_it_is_whole(
    cache: CacheMaker, endpoint: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only while it is hashed: `clean` in between would make it missing."""
    held: list[set[RepoName]] = []

    def planned(*args: Any, **options: Any) -> Any:
        held.extend(set(one.repos) for one in leases(cache.path, Environment.current()))
        return plan_repair(*args, **options)

    monkeypatch.setattr("swarmcache.plans.repair.plan_repair", planned)
    flip(blob(cache))
    assert main(["verify", "org/name", "--repair"]) == 0
    assert {RepoName("model", "org/name")} in held
    assert leases(cache.path, Environment.current()) == []


def test_a_corrupt_file_is_repaired_from_the_endpoint(
    cache: CacheMaker, endpoint: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    assert main(["verify", "org/name", "--repair"]) == 0
    out = capsys.readouterr().out
    assert "model.safetensors: the bytes are not the ones that their name stands for" in out
    assert f"model.safetensors, 1.2 kB from {endpoint.url}" in out
    assert content(blob(cache)) == WEIGHTS
    assert main(["verify", "org/name"]) == 0


@pytest.mark.usefixtures("offline")
def test_from_a_nearby_cache_no_network_is_needed(
    cache: CacheMaker, good: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    assert main(["verify", "--all", "--repair", "--from", good.path, "--json"]) == 0
    found = document(capsys.readouterr().out)
    assert (found["ok"], found["problems"], found["dry_run"]) == (True, [], False)
    (repaired,) = found["repaired"]
    assert (repaired["path"], repaired["kind"]) == ("model.safetensors", "wrong-hash")
    assert (repaired["bytes"], repaired["sources"]) == (len(WEIGHTS), [good.path])
    assert found["unrepaired"] == []


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    cache: CacheMaker, good: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    wrong = content(blob(cache))
    arguments = ["verify", "org/name", "--repair", "--dry-run", "--from", good.path]
    assert main(arguments) == 5
    assert f"1.2 kB come from {good.path}." in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 5
    found = document(capsys.readouterr().out)
    assert (found["ok"], found["dry_run"], found["repaired"]) == (False, True, [])
    assert [(one["path"], one["bytes"]) for one in found["plan"]] == [
        ("model.safetensors", len(WEIGHTS))
    ]
    assert content(blob(cache)) == wrong


@pytest.mark.usefixtures("offline")
def test_a_dead_endpoint_leaves_all_as_it_is_with_code_4(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    wrong = content(blob(cache))
    assert main(["verify", "org/name", "--repair", "--json"]) == 4
    found = document(capsys.readouterr().out)
    (unrepaired,) = found["unrepaired"]
    assert unrepaired["error"] == "EndpointUnreachable"
    assert [one["kind"] for one in found["problems"]] == ["wrong-hash"]
    assert content(blob(cache)) == wrong


@pytest.mark.usefixtures("offline")
def test_a_relative_folder_is_meant_from_where_the_user_is(
    cache: CacheMaker, good: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    assert main(["verify", "org/name", "--repair", "--from", "good", "--json"]) == 0
    assert document(capsys.readouterr().out)["repaired"][0]["sources"] == [good.path]


@pytest.mark.usefixtures("offline")
def test_what_is_repaired_counts_although_something_else_cannot_be(
    cache: CacheMaker, good: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    snapshots = os.path.join(cache.folder("org/name"), "snapshots")
    config = os.path.join(snapshots, os.listdir(snapshots)[0], "config.json")
    os.unlink(config)
    write(os.path.join(config, "mine.txt"), b"notes")
    assert main(["verify", "org/name", "--repair", "--from", good.path, "--json"]) == 1
    found = document(capsys.readouterr().out)
    assert [one["path"] for one in found["repaired"]] == ["model.safetensors"]
    assert [one["path"] for one in found["unrepaired"]] == ["config.json"]
    assert config in found["unrepaired"][0]["reason"]
    assert [one["kind"] for one in found["problems"]] == ["not-a-file"]


@pytest.mark.usefixtures("offline")
def test_what_a_misread_ref_hid_is_repaired_in_the_same_run(
    cache: CacheMaker, good: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(blob(cache))
    with open(os.path.join(cache.folder("org/name"), "refs", "main"), "a") as ref:
        ref.write("\n")
    assert main(["verify", "org/name", "--repair", "--from", good.path, "--json"]) == 0
    found = document(capsys.readouterr().out)
    assert [one["kind"] for one in found["repaired"]] == ["bad-ref", "wrong-hash"]


@pytest.mark.usefixtures("offline")
def test_a_download_that_holds_the_lock_is_waited_for_and_then_busy(
    cache: CacheMaker,
    good: CacheMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    impatient = functools.partial(apply_repair, seconds=0.2)
    monkeypatch.setattr("swarmcache.plans.repair.apply_repair", impatient)
    flip(blob(cache))
    with blob_lock(cache.path, RepoName("model", "org/name"), sha256(WEIGHTS)):
        assert main(["verify", "org/name", "--repair", "--from", good.path, "--json"]) == 6
    (unrepaired,) = document(capsys.readouterr().out)["unrepaired"]
    assert unrepaired["reason"].endswith(f"{sha256(WEIGHTS)}.lock.")


@pytest.mark.parametrize(
    "arguments",
    [["--from", "x"], ["--dry-run"], ["--repair", "--from", ""], ["--repair", "--fail-fast"]],
    ids=" ".join,
)
@pytest.mark.usefixtures("cache")
def test_options_that_contradict_are_usage_errors(arguments: list[str]) -> None:
    assert main(["verify", "org/name", *arguments]) == 2


@pytest.mark.usefixtures("cache")
def test_a_nearby_cache_that_is_none_is_code_3() -> None:
    assert main(["verify", "org/name", "--repair", "--from", "/nonexistent"]) == 3


@pytest.mark.usefixtures("offline")
def test_a_clean_cache_is_0_and_stays_untouched(cache: CacheMaker) -> None:
    assert main(["verify", "org/name", "--repair"]) == 0
    assert not os.path.exists(os.path.join(cache.path, ".locks", ".swarmcache", "partial"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[str]:
    """Yield a file system on which the large model fits, and no second copy of it."""
    with small_disks.small_disk(str(tmp_path / "small"), "tmpfs", "size=5m") as folder:
        yield folder


@dataclass
class Small:
    """A damaged cache on the small file system, and an intact one beside it."""

    cache: CacheMaker
    source: CacheMaker
    wrong: bytes

    @property
    def is_as_before(self) -> bool:
        """Whether the bad file is still there, and only what a rerun goes on with beside it."""
        partial = os.path.join(self.cache.path, ".locks", ".swarmcache", "partial")
        left = set(os.listdir(partial) if os.path.isdir(partial) else []) - {sha256(LARGE)}
        return content(blob(self.cache, LARGE)) == self.wrong and not left


@pytest.fixture
def small(small_disk: str, tmp_path: Path) -> Small:
    source, cache = CacheMaker(tmp_path / "source"), CacheMaker(os.path.join(small_disk, "hub"))
    for maker in (source, cache):
        maker.repo("org/name", {**FILES, "model.safetensors": LARGE})
    flip(blob(cache, LARGE))
    return Small(cache, source, content(blob(cache, LARGE)))


@pytest.mark.faults
def test_a_disk_without_room_is_code_3_and_changes_nothing(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", "org/name", "--repair", "--cache-dir", small.cache.path]
    assert main([*arguments, "--from", small.source.path]) == 3
    assert f"The disk of {small.cache.path} has " in capsys.readouterr().err
    assert small.is_as_before


@pytest.mark.faults
@pytest.mark.parametrize("online", [True, False])
def test_a_disk_that_fills_up_meanwhile_is_code_3_and_changes_nothing(
    small: Small,
    online: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("swarmcache.plans.repair.planning.free_bytes", lambda _: 1 << 40)
    arguments = ["verify", "org/name", "--repair", "--json", "--cache-dir", small.cache.path]
    with running([small.source.path]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert main(arguments if online else [*arguments, "--from", small.source.path]) == 3
    (unrepaired,) = document(capsys.readouterr().out)["unrepaired"]
    assert unrepaired["error"] == "DiskFull"
    assert small.is_as_before


@pytest.mark.faults
def test_a_read_only_file_system_is_code_3_and_changes_nothing(
    small: Small, small_disk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro,size=20m", small_disk], check=True)
    arguments = ["verify", "org/name", "--repair", "--cache-dir", small.cache.path]
    assert main([*arguments, "--from", small.source.path]) == 3
    assert "cannot be written by this user." in capsys.readouterr().err
    assert small.is_as_before


@pytest.mark.faults
def test_a_cache_of_somebody_else_is_code_3_and_stays_as_it_is() -> None:
    with open_folder() as folder:
        source, theirs = CacheMaker(f"{folder}/source"), CacheMaker(f"{folder}/hub")
        for maker in (source, theirs):
            maker.repo("org/name", FILES)
        flip(blob(theirs))
        wrong = content(blob(theirs))
        program = [sys.executable, "-m", "swarmcache", "verify", "org/name", "--repair"]
        done = run_as_other_user(
            [*program, "--from", source.path, "--cache-dir", theirs.path],
            env={**os.environ, "HOME": folder},
            cwd=folder,
        )
        if f"{sys.executable}: Permission denied" in done.stderr:
            pytest.skip("the other user cannot start this interpreter a second time")
        assert done.returncode == 3, done.stdout + done.stderr
        assert f"The cache folder {theirs.path} cannot be written by this user." in done.stderr
        assert content(blob(theirs)) == wrong


@pytest.mark.faults
def test_ctrl_c_while_fetching_ends_at_once_and_keeps_what_had_arrived(
    cache: CacheMaker, good: CacheMaker
) -> None:
    """The instant: the endpoint has sent a part of the file, and sends no more."""
    good.repo("org/name", {**FILES, "model.safetensors": LARGE}, commit="1" * 40)
    cache.repo("org/name", {**FILES, "model.safetensors": LARGE}, commit="1" * 40)
    flip(blob(cache, LARGE))
    wrong = content(blob(cache, LARGE))
    partial = os.path.join(cache.path, ".locks", ".swarmcache", "partial")
    with running([good.path]) as hub, StallingProxy(hub.url, 2_000_000) as proxy:
        process = subprocess.Popen(
            [sys.executable, "-m", "swarmcache", "verify", "org/name", "--repair"],
            env={**os.environ, "HF_ENDPOINT": proxy.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        until(lambda: any(map(os.path.getsize, partials(cache.path))), "a partial download")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "What was repaired stays; a rerun goes on from there." in err
    assert os.listdir(partial) == [sha256(LARGE)]
    assert content(blob(cache, LARGE)) == wrong
