"""`swarmcache run` as a user starts it: a real process, a real Hub, a real child."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from processes import BOUND, ran, shown_by_ps, until
from small_disks import bound
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub
from tinyswarm import CONFIG, fill, write_project

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Sequence

    from swarmcache.serve.running import RunningHub

COMMAND = [sys.executable, "-m", "swarmcache", "run"]
DEAD = "http://127.0.0.1:1"
"""A port that refuses every connection."""


class Node:
    """A project, a cache and a Hub's address, and what `swarmcache run` does there."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.cache = folder / "hub"
        self.variables = {
            **os.environ,
            "HF_HUB_CACHE": str(self.cache),
            "HF_ENDPOINT": DEAD,
            "SWARMCACHE_HUB_ENDPOINTS": DEAD,
        }
        self.project.mkdir()

    def serve_from(self, url: str) -> None:
        """Name the Hub that is asked."""
        self.variables |= {"HF_ENDPOINT": url, "SWARMCACHE_HUB_ENDPOINTS": url}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end in the project's folder."""
        return ran([*COMMAND, *arguments], cwd=self.project, env=self.variables)


@pytest.fixture
def node(tmp_path: pathlib.Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def hub(tmp_path: pathlib.Path) -> Iterator[RunningHub]:
    """A Hub that has tiny/one, tiny/two and tiny/three."""
    fill(tmp_path / "upstream", "tiny/one", "tiny/two", "tiny/three")
    with running([str(tmp_path / "upstream")]) as hub:
        yield hub


def starts(*arguments: str) -> Sequence[str]:
    """Return a child that says it started."""
    return [*arguments, "--", "sh", "-c", 'echo "started $MODEL_NAME"; exit 7']


def test_complete_model_is_told_and_the_child_started(node: Node) -> None:
    """The original report's ✓ line, the child's own output and its exit code."""
    fill(node.cache, "tiny/one")
    done = node.run(*starts("--model", "tiny/one"))
    assert (done.returncode, done.stdout) == (7, "started tiny/one\n")
    assert done.stderr.startswith("✓ Model tiny/one is cached (")


def test_quiet_says_nothing(node: Node) -> None:
    """Only the child is heard."""
    fill(node.cache, "tiny/one")
    done = node.run(*starts("--quiet", "--model", "tiny/one"))
    assert (done.returncode, done.stdout, done.stderr) == (7, "started tiny/one\n", "")


def test_missing_model_is_pulled_first(node: Node, hub: RunningHub) -> None:
    """Fetched from the Hub into the cache, then the child starts and finds it there."""
    node.serve_from(hub.url)
    child = 'cat "$HF_HUB_CACHE"/models--tiny--one/snapshots/*/config.json'
    done = node.run("--model", "tiny/one", "--", "sh", "-c", child)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model_type"] == "qwen2"
    lines = [line for line in done.stderr.splitlines() if "Model tiny/one" in line]
    assert lines[0].startswith("⚠ Model tiny/one is not cached")
    assert lines[-1].startswith("✓ Model tiny/one is cached")


def test_project_draws_once_and_pulls_only_that(node: Node, hub: RunningHub) -> None:
    """Of the pool of three one is fetched, named to the child, and kept at the next start."""
    shutil.rmtree(node.project)
    write_project(node.project)
    node.serve_from(hub.url)
    first = node.run(*starts("--pool", "small"))
    assert first.returncode == 7, first.stderr
    folders = [entry.name for entry in node.cache.iterdir() if entry.name.startswith("models--")]
    assert len(folders) == 1
    drawn = folders[0].removeprefix("models--").replace("--", "/")
    assert first.stdout == f"started {drawn}\n"
    again = [node.run(*starts("--pool", "small", "--offline")).stdout for _ in range(3)]
    assert again == [f"started {drawn}\n"] * 3


def test_all_that_the_child_loads_is_leased_and_noted(node: Node) -> None:
    """The models that its configuration names, and its datasets: `clean` removes neither."""
    fill(node.cache, "tiny/one")
    CacheMaker(node.cache).repo("org/data", {"x.csv": b"1"}, repo_type="dataset")
    names = "model_name_or_path: tiny/one\ndataset_id_or_path: org/data\n"
    (node.project / "configs").mkdir()
    (node.project / "configs" / "rg-swarm.yaml").write_text(names)
    child = 'cat "$HF_HUB_CACHE"/.locks/.swarmcache/leases/*'
    done = node.run("--offline", "--", "sh", "-c", child)
    assert done.returncode == 0, done.stderr
    held = [line for line in done.stdout.splitlines() if "--" in line]
    assert held == ["datasets--org--data", "models--tiny--one"]
    state = node.cache / ".locks" / ".swarmcache"
    assert os.listdir(state / "leases") == []
    assert sorted(os.listdir(state / "ledger" / "used")) == held


def test_the_first_start_leases_what_it_has_just_fetched(node: Node, hub: RunningHub) -> None:
    """There was no cache to hold a lease in when it began."""
    node.serve_from(hub.url)
    child = 'cat "$HF_HUB_CACHE"/.locks/.swarmcache/leases/*'
    done = node.run("--model", "tiny/one", "--", "sh", "-c", child)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "models--tiny--one"
    assert os.listdir(node.cache / ".locks" / ".swarmcache" / "leases") == []


def test_script_that_asks_for_the_model_is_answered(node: Node) -> None:
    """RL-Swarm's script, run by bash: the answer is the model that was drawn or named."""
    shutil.rmtree(node.project)
    write_project(node.project)
    fill(node.cache, "tiny/one", "tiny/two")
    script = node.project / "run_rl_swarm.sh"
    script.write_text('#!/bin/bash\nread -p "model? " MODEL_NAME\necho "$MODEL_NAME"\n')
    script.chmod(0o755)
    drawn = node.run("--pool", "small", "--offline", "--", "./run_rl_swarm.sh")
    assert drawn.stdout in {"tiny/one\n", "tiny/two\n"}, drawn.stderr
    assert f"model? [swarmcache: {drawn.stdout.strip()}]\n" in drawn.stderr
    named = node.run("--model", "tiny/one", "--", "bash", "run_rl_swarm.sh")
    assert named.stdout == "tiny/one\n"


def test_script_that_cannot_be_answered_is_given_no_model(node: Node) -> None:
    """Run by sh, it asks itself: at Enter an exported MODEL_NAME would reach the trainer empty."""
    shutil.rmtree(node.project)
    write_project(node.project)
    fill(node.cache, "tiny/one", "tiny/two", "tiny/three")
    script = node.project / "run_rl_swarm.sh"
    script.write_text('read MODEL_NAME\necho "${MODEL_NAME-unset}"\n')
    asked = node.run("--pool", "small", "--", "sh", "run_rl_swarm.sh")
    assert "CMD asks for MODEL_NAME by itself, so no model is drawn." in asked.stderr
    assert asked.stderr.count("is cached (") == 3
    named = node.run("--model", "tiny/one", "--", "sh", "run_rl_swarm.sh")
    assert "Enter would erase it: answer tiny/one." in named.stderr


def test_incomplete_and_unobtainable_does_not_start(node: Node) -> None:
    """125, what is missing, and the command to get it; the child's output is absent."""
    fill(node.cache, "tiny/one", absent=("model.safetensors",))
    done = node.run(*starts("--model", "tiny/one"))
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.splitlines()[-2:] == [
        "swarmcache: Not started: not complete, and not to be had now: tiny/one.",
        "Next: swarmcache pull tiny/one",
    ]


def test_best_effort_starts_anyway(node: Node) -> None:
    """With a warning that `--quiet` does not silence."""
    done = node.run(*starts("--quiet", "--best-effort", "--model", "tiny/one"))
    assert (done.returncode, done.stdout) == (7, "started tiny/one\n")
    assert "⚠ Starting although not complete: tiny/one." in done.stderr


def test_bytes_that_verify_found_wrong_start_nothing(node: Node) -> None:
    """Not even with --best-effort: a trainer cannot tell them from right ones."""
    fill(node.cache, "tiny/one")
    blobs = node.cache / "models--tiny--one" / "blobs"
    weights = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    settled = time.time() - 60
    os.utime(weights, (settled, settled))
    verify = [*COMMAND[:-1], "verify", "tiny/one"]
    checked = subprocess.run(verify, cwd=node.project, env=node.variables, check=False)
    assert checked.returncode == 5
    done = node.run(*starts("--best-effort", "--offline", "--model", "tiny/one"))
    assert (done.returncode, done.stdout) == (125, "")
    assert "holds bytes that verify has found to be wrong: model.safetensors." in done.stderr


def test_unknown_format_starts_after_a_bounded_attempt(node: Node) -> None:
    """A Hub that accepts and never answers holds up an `unknown` model for seconds, not minutes."""
    CacheMaker(node.cache).repo("org/odd", {"model.xyz": b"weights"}, trees=False)
    with SilentHub() as silent:
        node.serve_from(silent.url)
        began = time.monotonic()
        done = node.run(*starts("--model", "org/odd"))
    assert (done.returncode, done.stdout) == (7, "started org/odd\n"), done.stderr
    assert time.monotonic() - began < BOUND


def test_termination_ends_the_pull_and_starts_nothing(node: Node) -> None:
    """SIGTERM hits while a Hub that never answers is asked: 143, and no worker stays behind."""
    with SilentHub() as silent:
        node.serve_from(silent.url)
        process = subprocess.Popen(
            [*COMMAND, *starts("--model", "tiny/one")],
            cwd=node.project,
            env=node.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        until(lambda: silent.connections, "the Hub is asked")
        process.terminate()
        assert process.communicate(timeout=BOUND)[0] == ""
    assert process.returncode == 143
    until(lambda: str(process.pid) not in shown_by_ps("-e", "-o", "sid=").split(), "all ended")


def test_complete_models_ask_nobody(node: Node) -> None:
    """A Hub that never answers is not even connected to."""
    fill(node.cache, "tiny/one")
    with SilentHub() as silent:
        node.serve_from(silent.url)
        assert node.run(*starts("--model", "tiny/one")).returncode == 7
        assert silent.connections == 0


def test_offline_is_given_to_the_child_only_when_asked(node: Node) -> None:
    """Otherwise one line says what may still go out."""
    fill(node.cache, "tiny/one")
    child = ["--", "sh", "-c", 'echo "${HF_HUB_OFFLINE-unset}"']
    online = node.run("--model", "tiny/one", *child)
    assert online.stdout == "unset\n"
    assert online.stderr.splitlines()[-1] == (
        f"The models stay offline; CMD may ask {DEAD} for whatever its code, which is not all "
        "known, asks for."
    )
    offline = node.run("--offline", "--model", "tiny/one", *child)
    assert (offline.stdout, "may ask" in offline.stderr) == ("1\n", False)


def test_settings_can_make_every_start_offline(node: Node) -> None:
    """`offline = "always"` and the command itself may stand in swarmcache.toml."""
    (node.project / "swarmcache.toml").write_text(
        '[launch]\noffline = "always"\ncommand = "sh -c \'echo offline:$HF_HUB_OFFLINE\'"\n'
    )
    assert node.run().stdout == "offline:1\n"


def test_offline_never_pulls(node: Node, hub: RunningHub) -> None:
    """The Hub has the model and is not asked."""
    node.serve_from(hub.url)
    done = node.run(*starts("--offline", "--model", "tiny/one"))
    assert done.returncode == 125
    assert "offline, and not complete: tiny/one" in done.stderr
    assert hub.requests == []


def test_project_without_models_starts_as_it_is(node: Node) -> None:
    """And says so in a line."""
    done = node.run(*starts())
    assert (done.returncode, done.stdout) == (7, "started \n")
    assert done.stderr.startswith(f"No models found in {node.project}: starting as it is.")


def test_configs_that_disagree_are_not_pulled(node: Node, hub: RunningHub) -> None:
    """Nothing tells which of two configs is loaded: nothing is fetched, and the child starts."""
    shutil.rmtree(node.project)
    write_project(node.project, "model_name_or_path: tiny/one\n")
    (node.project / "config" / "other.yaml").write_text("model_name_or_path: tiny/two\n")
    node.serve_from(hub.url)
    done = node.run(*starts())
    assert done.returncode == 7
    assert "nothing is pulled; use --model." in done.stderr
    assert hub.requests == []


def test_broken_config_is_a_note(node: Node) -> None:
    """YAML that nobody can read stops no start."""
    shutil.rmtree(node.project)
    write_project(node.project, CONFIG + "\t: [")
    assert node.run(*starts()).returncode == 7


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--no-such-option", "--", "true"],
        ["--pool", "huge", "--", "true"],
        ["--model", "../../etc", "--", "true"],
        ["--json", "--", "true"],
    ],
)
def test_own_usage_errors_are_125(node: Node, arguments: list[str]) -> None:
    """Every other code may be the child's."""
    done = node.run(*arguments)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr


def test_broken_settings_are_125(node: Node) -> None:
    """They are ours to complain of, before the start."""
    (node.project / "swarmcache.toml").write_text("[cache]\ndri = 1\n")
    done = node.run("--", "true")
    assert done.returncode == 125
    assert "dri" in done.stderr


def test_deleted_working_directory_is_125(node: Node) -> None:
    """The settings and the cache may be relative to it, so that nothing is known."""
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    command = ["sh", "-c", script, str(node.project), *COMMAND, "--", "true"]
    done = subprocess.run(command, env=node.variables, capture_output=True, text=True, check=False)
    assert (done.returncode, "no longer exists" in done.stderr) == (125, True)


def test_missing_command_is_127_and_a_refused_one_126(node: Node) -> None:
    """As in a shell."""
    assert node.run("--", "no-such-trainer").returncode == 127
    assert node.run("--", str(node.project)).returncode == 126


@pytest.mark.parametrize("mode", [[], ["--exec"]])
def test_options_of_the_child_are_its_own(node: Node, mode: list[str]) -> None:
    """What follows the command is not read by us, with and without `--`."""
    child = ["sh", "-c", 'echo "$@"', "sh", "--offline", "-h", "--", "x y"]
    expected = "--offline -h -- x y\n"
    assert node.run(*mode, "--", *child).stdout == expected
    assert node.run(*mode, *child).stdout == expected


def test_standard_streams_may_be_closed_or_full(node: Node) -> None:
    """What we cannot say is dropped; the child starts, and its code comes out."""
    for streams in ("0<&- 1>&- 2>&-", "2>/dev/full", "</dev/null >/dev/full 2>&1"):
        script = f'exec "$@" {streams}'
        command = ["sh", "-c", script, "sh", *COMMAND, "--", "sh", "-c", "exit 7"]
        done = subprocess.run(command, env=node.variables, cwd=node.project, check=False)
        assert done.returncode == 7, streams


def test_unwritable_cache_stops_no_complete_model(node: Node) -> None:
    """A read-only cache, as another user's: the start needs to read only."""
    fill(node.cache, "tiny/one")
    with read_only(node.cache):
        assert node.run(*starts("--model", "tiny/one")).returncode == 7


@contextmanager
def read_only(folder: pathlib.Path) -> Iterator[None]:
    """Take the write permission from a tree; as root, who needs none, by a read-only mount."""
    if os.getuid():
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        try:
            yield
        finally:
            for path in folders:
                path.chmod(0o755)
        return
    with bound(str(folder), str(folder), "ro"):
        yield


@pytest.mark.parametrize("option", [["--model", "tiny/one"], ["--cache-dir", "../hub"]])
def test_a_file_in_the_place_of_the_cache_stops_a_start(node: Node, option: list[str]) -> None:
    """At once, whatever the Hub has: no model can ever be in it."""
    node.cache.write_text("")
    done = node.run(*starts(*option))
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{node.cache} is a file; the cache must be a folder." in done.stderr


@pytest.mark.parametrize("option", [[], ["--model", "tiny/one", "--best-effort", "--offline"]])
def test_where_no_model_is_needed_it_is_a_warning(node: Node, option: list[str]) -> None:
    """The command may not use the Hub at all."""
    node.cache.write_text("")
    done = node.run(*starts(*option))
    assert done.returncode == 7
    assert f"⚠ {node.cache} is a file; the cache must be a folder.\n" in done.stderr


def test_no_home_is_needed(node: Node) -> None:
    """As in a systemd service."""
    fill(node.cache, "tiny/one")
    del node.variables["HOME"]
    node.variables["XDG_STATE_HOME"] = str(node.folder / "state")  # Else root's own home gets it.
    assert node.run(*starts("--model", "tiny/one")).returncode == 7


def test_dry_run_prints_the_start_and_does_nothing(node: Node) -> None:
    """The models, the variables that would be new, the command; 1 while something is missing."""
    fill(node.cache, "tiny/one")
    done = node.run("--dry-run", "--offline", "--model", "tiny/one", "--", "train", "a b")
    assert done.returncode == 0
    lines = done.stdout.splitlines()[1:]
    place = lines.pop(0).removeprefix("HF_TOKEN_PATH=")
    assert place.startswith(f"{os.environ['HOME']}/.local/state/swarmcache/tokens/")
    assert not os.path.exists(os.path.dirname(place))
    assert lines == [
        "MODEL_NAME=tiny/one",
        "HF_HUB_OFFLINE=1",
        "train 'a b'",
    ]
    missing = node.run("--dry-run", "--json", "--model", "tiny/two", "--", "train")
    document = json.loads(missing.stdout)
    schema = resources.files("swarmcache.report").joinpath("schemas/run.json").read_text()
    jsonschema.validate(document, json.loads(schema))
    assert missing.returncode == 1
    assert (document["schema"], document["ok"]) == ("swarmcache.run/1", False)
    assert document["command"] == ["train"]
    assert document["variables"].keys() == {"HF_TOKEN_PATH", "MODEL_NAME"}
    assert document["variables"]["MODEL_NAME"] == "tiny/two"
    assert document["models"] == [
        {"id": "tiny/two", "type": "model", "revision": "main", "state": "missing"}
    ]
