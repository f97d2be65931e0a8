"""`swarmcache lock`, and how check, verify, pull and run honour what it wrote."""

from __future__ import annotations

import importlib.resources
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from other_user import open_folder, run_as_other_user
from processes import BOUND, screens
from project.projects import swarm
from swarmcache.cli import main
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import read_ref
from swarmcache.lockfile import read_lock
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from processes import Screen
    from swarmcache.serve.running import RunningHub

MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"a": 1}',
}
NEWER = {**MODEL, "model.safetensors": tiny_safetensors(2)}
DEAD = "http://127.0.0.1:1"
"""A port that refuses every connection."""
COMMAND = [sys.executable, "-m", "swarmcache"]
CHILD = ["--", "sh", "-c", 'echo "started ${HF_HUB_OFFLINE-unset}"']

open_screen = pytest.fixture(screens)


@pytest.fixture
def served(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "served")


@pytest.fixture
def hub(served: CacheMaker, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    with running([served.path]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names, an endpoint that is down, an empty project."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", DEAD)
    monkeypatch.setenv("PATH", os.defpath)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return CacheMaker(tmp_path / "cache")


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return what was printed as `swarmcache.lock/1`, and hold it to its schema."""
    found = json.loads(capsys.readouterr().out)
    schema = importlib.resources.files("swarmcache.report") / "schemas" / "lock.json"
    jsonschema.validate(found, json.loads(schema.read_text()))
    return found


def locked_commits() -> dict[str, str]:
    lock = read_lock(os.getcwd())
    assert lock is not None
    return {model.id: model.commit for model in lock.models}


def main_of(cache: CacheMaker) -> str | None:
    return read_ref(cache.path, parse_target("org/name").name, "main")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `swarmcache run` in a process of its own, since it starts others."""
    return subprocess.run(
        [*COMMAND, "run", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def tamper(maker: CacheMaker, content: bytes) -> None:
    """Change a bit of a blob, keeping its name, size and manifest."""
    path = os.path.join(maker.folder("org/name"), "blobs", sha256(content))
    write(path, content[:-1] + bytes([content[-1] ^ 1]))


def swap(maker: CacheMaker, commit: str) -> None:
    """Let a file's link lead to another blob of equal size."""
    other = b'{"a": 2}'
    folder = maker.folder("org/name")
    write(f"{folder}/blobs/{git_sha1(other)}", other)
    path = f"{folder}/snapshots/{commit}/tokenizer_config.json"
    link(f"{folder}/blobs/{git_sha1(other)}", path)


def test_a_cached_model_is_locked_offline(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and the file; the second time it stays."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    said = capsys.readouterr()
    assert said.out == f"✓ org/name is pinned to {commit[:12]}: 4 files, 1.3 kB.\n"
    assert said.err == f"Wrote {os.getcwd()}/swarmcache.lock.\n"
    assert main(["lock", "org/name"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"✓ org/name stays at {commit[:12]}.\n", "")


def test_without_a_model_every_member_of_every_pool_is_locked(
    cache: CacheMaker,
    served: CacheMaker,
    hub: RunningHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine with another GPU draws from another pool, under the same lock."""
    monkeypatch.chdir(swarm(tmp_path / "swarm"))
    commits = {name: served.repo(name, MODEL) for name in ("org/tiny", "org/big-a", "org/big-b")}
    assert main(["lock"]) == 0
    assert locked_commits() == commits
    assert main(["lock", "--check"]) == 0


def test_a_dry_run_writes_nothing(cache: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """And prints the same."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name", "--dry-run"]) == 0
    assert f"org/name is pinned to {commit[:12]}" in capsys.readouterr().out
    assert os.listdir() == []


def test_what_cannot_be_had_leaves_the_lock_as_it_is(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, and both models are told."""
    cache.repo("org/name", MODEL)
    assert main(["lock", "org/name", "org/other"]) == 4
    said = capsys.readouterr()
    assert said.out.splitlines()[1].startswith(f"✗ org/other: {DEAD} cannot be reached")
    assert "Nothing was written" in said.err
    assert os.listdir() == []


def test_an_unknown_model_is_exit_code_1(cache: CacheMaker, hub: RunningHub) -> None:
    """As for pull."""
    assert main(["lock", "org/none"]) == 1


def test_an_upgrade_shows_what_moves_and_needs_yes(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal and without --yes nothing is done."""
    old = served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    new = served.repo("org/name", NEWER)
    capsys.readouterr()
    assert main(["lock", "--upgrade"]) == 2
    assert locked_commits() == {"org/name": old}
    capsys.readouterr()
    assert main(["lock", "--upgrade", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"⚠ org/name moves from {old[:12]} to {new[:12]}: 1.2 kB of new content.",
        "    ~ model.safetensors",
    ]
    assert locked_commits() == {"org/name": old}
    assert main(["lock", "--upgrade", "org/name", "--yes"]) == 0
    assert locked_commits() == {"org/name": new}


@pytest.mark.parametrize(("answer", "code", "moves"), [("y\n", 0, True), ("n\n", 1, False)])
def test_an_upgrade_asks_on_a_terminal(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    cache: CacheMaker,
    served: CacheMaker,
    hub: RunningHub,
    open_screen: Callable[..., Screen],
    answer: str,
    code: int,
    moves: bool,
) -> None:
    """The plan stands above the question."""
    old = served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    new = served.repo("org/name", NEWER)
    screen = open_screen(*COMMAND, "lock", "--upgrade")
    assert f"moves from {old[:12]} to {new[:12]}" in screen.wait_for("swarmcache.lock? [y/N]")
    screen.type(answer)
    assert os.waitstatus_to_exitcode(screen.ending()) == code
    assert locked_commits() == {"org/name": new if moves else old}


def test_only_the_first_endpoint_moves_a_pin(
    cache: CacheMaker,
    served: CacheMaker,
    hub: RunningHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mirror that lags behind, or lies, is asked for what is locked and for nothing newer."""
    old = served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    served.repo("org/name", NEWER)
    monkeypatch.setenv("SWARMCACHE_HUB_ENDPOINTS", f"{DEAD} {hub.url}")
    assert main(["lock", "--upgrade", "--yes"]) == 4
    assert locked_commits() == {"org/name": old}


@pytest.mark.parametrize(
    "arguments",
    [["--upgrade"], ["--check", "--upgrade"], ["--check", "--yes"], [], ["../etc"]],
)
def test_usage_errors(cache: CacheMaker, arguments: list[str]) -> None:
    """Nothing to upgrade, options that exclude each other, no model, no name of one."""
    assert main(["lock", *arguments]) == 2


def test_the_documents_are_as_their_schema_says(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Locking, failing, upgrading and checking."""
    old = served.repo("org/name", MODEL)
    assert main(["lock", "org/name", "--json"]) == 0
    first = document(capsys)
    assert (first["ok"], first["action"], first["written"]) == (True, "lock", True)
    assert first["models"][0]["commit"] == old  # type: ignore[index]
    assert main(["lock", "org/none", "--json"]) == 1
    failed = document(capsys)
    assert (failed["ok"], failed["written"]) == (False, False)
    assert failed["models"][0]["error"]["kind"] == "RepoNotFound"  # type: ignore[index]
    new = served.repo("org/name", NEWER)
    assert main(["lock", "--upgrade", "--yes", "--json"]) == 0
    moved = document(capsys)
    (model,) = moved["models"]  # type: ignore[misc]
    assert (model["previous_commit"], model["commit"]) == (old, new)  # type: ignore[index]
    assert model["modified"] == ["model.safetensors"]  # type: ignore[index]
    assert main(["lock", "--check", "--json", "org/name", "org/none"]) == 1
    stale = document(capsys)
    assert [(p["kind"], p["id"]) for p in stale["problems"]] == [("not-locked", "org/none")]  # type: ignore[union-attr]


def test_check_tells_each_way_of_being_stale(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 1, except for a model that is no longer needed."""
    assert main(["lock", "--check"]) == 1
    assert "There is no swarmcache.lock" in capsys.readouterr().out
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    capsys.readouterr()
    assert main(["lock", "--check"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "org/name is locked, and nothing here loads it any more."
    )
    assert main(["lock", "--check", "org/other"]) == 1
    assert capsys.readouterr().out == (
        "⚠ org/other is needed and not locked: swarmcache lock org/other\n"
    )
    newer = cache.repo("org/name", NEWER)
    assert main(["lock", "--check", "org/name"]) == 1
    assert capsys.readouterr().out == (
        f"⚠ org/name leads to {newer[:12]} in the cache and is locked to {commit[:12]}: "
        "swarmcache pull org/name\n"
    )


def test_check_asks_for_the_locked_commit(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newer main that is complete is a no, and the reason names both commits."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    assert main(["check", "org/name"]) == 0
    newer = cache.repo("org/name", NEWER)
    capsys.readouterr()
    assert main(["check", "org/name"]) == 1
    said = capsys.readouterr().out
    assert f"main leads to commit {newer[:12]} here" in said
    assert f"pins it to {commit[:12]}" in said


def test_check_refuses_another_file_with_exit_code_5(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in JSON, which says that the lock decided; without the lock it is complete."""
    commit = cache.repo("org/name", MODEL, trees=False)
    assert main(["lock", "org/name"]) == 0
    swap(cache, commit)
    capsys.readouterr()
    assert main(["check", "org/name"]) == 5
    assert capsys.readouterr().out.splitlines() == [
        "⚠ Model org/name is damaged: 1 file is not the one that swarmcache.lock names.",
        "    tokenizer_config.json",
    ]
    assert main(["check", "org/name", "--json"]) == 5
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["state"], model["damaged"], model["locked"]) == (
        "damaged", ["tokenizer_config.json"], True,
    )  # fmt: skip
    os.unlink("swarmcache.lock")
    assert main(["check", "org/name"]) == 0


def test_verify_refuses_another_file_with_exit_code_5(cache: CacheMaker) -> None:
    """The blob is intact by its own name, and is not the locked one."""
    commit = cache.repo("org/name", MODEL, trees=False)
    assert main(["lock", "org/name"]) == 0
    assert main(["verify", "org/name"]) == 0
    swap(cache, commit)
    assert main(["verify", "org/name"]) == 5
    os.unlink("swarmcache.lock")
    assert main(["verify", "org/name"]) == 0


@pytest.mark.parametrize("verb", ["check", "verify", "pull", "lock"])
def test_a_broken_lock_stops_every_verb(
    cache: CacheMaker, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not taken for none."""
    cache.repo("org/name", MODEL)
    write(f"{os.getcwd()}/swarmcache.lock", b"{")
    assert main([verb, "org/name"]) == 2
    assert "swarmcache.lock cannot be used: it is not JSON" in capsys.readouterr().err


def test_a_lock_of_one_machine_works_on_another(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made from a cache without manifests; pulled from a Hub that moved on, into an empty one."""
    commit = cache.repo("org/name", MODEL, trees=False)
    assert main(["lock", "org/name"]) == 0
    served.repo("org/name", MODEL)
    served.repo("org/name", NEWER)
    other = CacheMaker(f"{os.getcwd()}/other")
    assert main(["pull", "org/name", "--cache-dir", other.path]) == 0
    assert main(["check", "org/name", "--cache-dir", other.path]) == 0
    assert main_of(other) == commit


def test_a_pull_of_another_content_is_exit_code_5(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the Hub announces it or only sends it; nothing is led to."""
    served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    tamper(served, MODEL["model.safetensors"])
    assert main(["pull", "org/name"]) == 5
    assert "not the one that swarmcache.lock names" in capsys.readouterr().out
    assert main_of(cache) is None
    served.repo("org/name", NEWER, commit=locked_commits()["org/name"])
    assert main(["pull", "org/name"]) == 5
    assert "has another content than swarmcache.lock names" in capsys.readouterr().out
    assert main_of(cache) is None


def test_a_refresh_says_that_it_moves_no_pin(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """And names the command that does."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    served.repo("org/name", NEWER)
    assert main(["pull", "org/name", "--refresh"]) == 0
    said = capsys.readouterr().err
    assert "swarmcache.lock pins org/name; `swarmcache lock --upgrade` moves pins." in said
    assert main_of(cache) == commit


def test_the_bare_command_sees_the_lock(
    cache: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it calls complete could be started with."""
    cache.repo("org/name", MODEL)
    write(f"{os.getcwd()}/swarmcache.toml", b'[[models]]\nid = "org/name"\n')
    assert main(["lock"]) == 0
    cache.repo("org/name", NEWER)
    capsys.readouterr()
    assert main([]) == 0
    assert "swarmcache.lock pins it to" in capsys.readouterr().out


def test_run_starts_offline_with_what_is_locked(cache: CacheMaker) -> None:
    """A trainer that may ask the Hub for main would not load the locked commit."""
    cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    done = run("--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (0, "started 1\n")
    assert "CMD gets HF_HUB_OFFLINE=1, so that it loads org/name as locked" in done.stderr


def test_run_lets_it_out_where_the_settings_say_so(cache: CacheMaker) -> None:
    """With a warning."""
    cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    write(f"{os.getcwd()}/swarmcache.toml", b'[launch]\noffline = "never"\n')
    done = run("--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (0, "started unset\n")
    assert "CMD may load newer files than swarmcache.lock names" in done.stderr


@pytest.mark.parametrize("options", [[], ["--offline"], ["--best-effort"]])
def test_run_leads_the_ref_back_without_a_network(cache: CacheMaker, options: list[str]) -> None:
    """The locked commit is here: the ref is set, and the command starts."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    cache.repo("org/name", NEWER)
    done = run(*options, "--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (0, "started 1\n"), done.stderr
    assert main_of(cache) == commit


def test_run_pulls_the_locked_commit(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub
) -> None:
    """From a Hub whose main moved on."""
    commit = served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    served.repo("org/name", NEWER)
    done = run("--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (0, "started 1\n"), done.stderr
    assert main_of(cache) == commit


@pytest.mark.parametrize("options", [[], ["--offline"], ["--best-effort"]])
def test_run_starts_nothing_with_another_file(cache: CacheMaker, options: list[str]) -> None:
    """125 and the reason, also with --best-effort; the Hub that could heal it is down."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    swap(cache, commit)
    done = run(*options, "--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (125, "")
    assert "Not started: org/name is not as it is locked (tokenizer_config.json)" in done.stderr


def test_bytes_that_verify_found_to_be_others_are_a_mismatch(cache: CacheMaker) -> None:
    """Under the right name and of the right size: `check` and `run` know it from then on."""
    commit = cache.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    blob = os.path.realpath(f"{cache.folder('org/name')}/snapshots/{commit}/model.safetensors")
    write(blob, bytes(len(MODEL["model.safetensors"])))
    os.utime(blob, (1e9, 1e9))  # Old enough to be remembered.
    assert main(["verify", "org/name"]) == 5
    assert main(["check", "org/name"]) == 5
    done = run("--best-effort", "--offline", "--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (125, "")
    assert "Not started: org/name is not as it is locked (model.safetensors)" in done.stderr


def test_run_starts_nothing_when_the_hub_sends_another_content(
    cache: CacheMaker, served: CacheMaker, hub: RunningHub
) -> None:
    """Nor does --best-effort let it."""
    served.repo("org/name", MODEL)
    assert main(["lock", "org/name"]) == 0
    tamper(served, MODEL["model.safetensors"])
    done = run("--best-effort", "--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (125, "")
    assert "not the one that swarmcache.lock names: model.safetensors" in done.stderr


def test_run_starts_nothing_that_would_load_another_commit(
    cache: CacheMaker, served: CacheMaker
) -> None:
    """The locked commit is not here and cannot be had; the ref leads to a complete other one."""
    with running([served.path]) as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        served.repo("org/name", MODEL)
        assert main(["lock", "org/name"]) == 0
    newer = cache.repo("org/name", NEWER)
    done = run("--best-effort", "--model", "org/name", *CHILD)
    assert (done.returncode, done.stdout) == (125, "")
    assert "would not be loaded at its locked commit" in done.stderr
    assert main_of(cache) == newer


def test_run_with_a_broken_lock_is_125(cache: CacheMaker) -> None:
    """Like broken settings."""
    write(f"{os.getcwd()}/swarmcache.lock", b"[]")
    done = run("--best-effort", *CHILD)
    assert (done.returncode, done.stdout) == (125, "")
    assert "swarmcache.lock cannot be used" in done.stderr


def test_run_starts_nothing_where_the_ref_cannot_be_led_back(served: CacheMaker) -> None:
    """A cache of another user: the command would load what its ref names."""
    with open_folder() as folder:
        cache = CacheMaker(f"{folder}/hub")
        cache.repo("org/name", MODEL)
        variables = {**os.environ, "HOME": folder, "HF_HUB_CACHE": cache.path, "HF_ENDPOINT": DEAD}
        subprocess.run(
            [*COMMAND, "lock", "org/name"], cwd=folder, env=variables, check=True, timeout=BOUND
        )
        cache.repo("org/name", NEWER)
        done = run_as_other_user(
            [*COMMAND, "run", "--model", "org/name", *CHILD], cwd=folder, env=variables
        )
        assert (done.returncode, done.stdout) == (125, "")
        assert "would not be loaded at its locked commit" in done.stderr
