"""`swarmcache clean` as a user types it: real processes, a real terminal, real exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import inodes, model, tree
from processes import Screen, end, killed_holder, soft_holder
from swarmcache import report
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.use.last_use import note_use
from swarmcache.hubcache.use.leases import lease
from swarmcache.hubcache.use.roots import roots
from swarmcache.plans.clean import LEFTOVER_KINDS

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "clean.json").read_text("utf-8"))


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    (tmp_path / "project").mkdir()
    made = CacheMaker(tmp_path / "hub")
    made.repo("org/a", model(1))
    made.repo("org/b", model(2))
    return made


def clean(maker: CacheMaker, *words: str, verb: str = "clean") -> subprocess.CompletedProcess[str]:
    """Run the command in an empty project, with nothing to read."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", verb, *words, "--cache-dir", maker.path],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.path.join(os.path.dirname(maker.path), "project"),
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the document that was printed, which fits its schema."""
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


@pytest.mark.parametrize("verb", ["clean", "rm"])
def test_a_named_model_goes(maker: CacheMaker, verb: str) -> None:
    """The selection is a sentence, the plan comes before the result."""
    done = clean(maker, "org/a", "--yes", verb=verb)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Selected: org/a."
    assert lines[1].startswith("To remove: org/a (all of it), ")
    assert lines[-1].startswith("✓ Removed 1 thing; ")
    assert not os.path.exists(maker.folder("org/a"))
    assert os.path.exists(maker.folder("org/b"))


def test_the_document_tells_what_was_done(maker: CacheMaker) -> None:
    """Its bytes are those that the disk got back."""
    before = sum(inodes(maker.path).values())
    document = told(clean(maker, "org/a", "--yes", "--json"))
    freed = before - sum(inodes(maker.path).values())
    assert document["freed_bytes"] == document["freed_bytes_expected"] == freed > 0
    (action,) = document["actions"]
    assert (action["kind"], action["repo"], action["commit"]) == ("repo", "org/a", None)
    assert action["path"] == os.path.realpath(maker.folder("org/a"))
    assert (document["dry_run"], document["kept"], document["absent"]) == (False, [], [])


def test_a_dry_run_prints_what_would_be_done(maker: CacheMaker) -> None:
    """The same actions, and nothing changes."""
    before = tree(maker.path)
    planned = told(clean(maker, "org/a", "--dry-run", "--json"))
    assert tree(maker.path) == before
    assert not os.path.exists(f"{maker.path}/.locks")
    assert planned["freed_bytes"] == 0
    done = told(clean(maker, "org/a", "--yes", "--json"))
    assert planned["actions"] == done["actions"]


@pytest.mark.parametrize("asked", [("--yes",), ("--dry-run",), ()])
def test_a_model_that_a_stranger_has_open_is_noted_as_used(
    maker: CacheMaker, asked: tuple[str, ...]
) -> None:
    """Its record was old; a nightly clean makes it true. A dry run and a refusal note nothing."""
    environment = Environment.current()
    names = [RepoName("model", "org/a"), RepoName("model", "org/b")]
    note_use(maker.path, environment, names)
    used = f"{maker.path}/.locks/.swarmcache/ledger/used"
    for repo in ("org/a", "org/b"):
        for entry in os.scandir(f"{maker.folder(repo)}/blobs"):
            os.utime(entry.path, (1000, 1000))
    for entry in os.scandir(used):
        os.utime(entry.path, (2000, 2000))
    (snapshot,) = os.scandir(f"{maker.folder('org/a')}/snapshots")
    with open(f"{snapshot.path}/model.safetensors", "rb"):
        done = clean(maker, "--all", "--older-than", "30d", *asked)
    if asked:
        assert "has it open" in done.stdout, done.stderr
        assert os.path.exists(maker.folder("org/b")) is (asked == ("--dry-run",))
    moment = os.stat(f"{used}/models--org--a").st_mtime
    assert (time.time() - moment < 60) is (asked == ("--yes",))


def test_without_a_terminal_and_without_yes_nothing_happens(maker: CacheMaker) -> None:
    """Exit 2."""
    before = tree(maker.path)
    done = clean(maker, "--all")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert tree(maker.path) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Name what is to go"),
        (("--detached",), "What is to be narrowed?"),
        (("org/a", "--all"), "name none beside it"),
        (("--leftovers=nonsense",), "nonsense is no kind of leftover"),
        (("--all", "--except", " "), "An empty GLOB spares nothing"),
        (("--budget", "much"), "much is not a size"),
        (("--all", "--older-than", "long"), "long is not a duration"),
        (("--", "--all"), "not a repo id"),
    ],
)
def test_usage_errors(maker: CacheMaker, words: tuple[str, ...], says: str) -> None:
    """Exit 2 with a sentence, nothing removed."""
    done = clean(maker, "--yes", *words)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr.replace("\n", " ")
    assert os.path.exists(maker.folder("org/a"))


ANSWERS = {"y": (0, False), "n": (1, True), "": (1, True)}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("answer", ANSWERS, ids=["yes", "no", "enter"])
def test_on_a_terminal_it_asks_once(maker: CacheMaker, answer: str, language: str) -> None:
    """In the original report's words; Enter means no."""
    asked = {
        "en": "Remove all this from the model cache? [y/N] ",
        "zh_CN": "是否清理模型缓存? [y/N] ",
    }
    command = [sys.executable, "-m", "swarmcache", "clean", "org/a", "--cache-dir", maker.path]
    screen = Screen(command, {**os.environ, "SWARMCACHE_LANG": language, "TERM": "dumb"})
    screen.wait_for(asked[language])
    screen.type(f"{answer}\n")
    _, status = os.waitpid(screen.pid, 0)
    code, stays = ANSWERS[answer]
    assert os.waitstatus_to_exitcode(status) == code
    assert os.path.exists(maker.folder("org/a")) is stays


def test_help_names_every_kind_of_leftover(maker: CacheMaker) -> None:
    """Those that there are."""
    shown = " ".join(clean(maker, "--help").stdout.split())
    assert f"these kinds: {', '.join(LEFTOVER_KINDS)}." in shown


def test_what_is_not_cached_is_told(maker: CacheMaker) -> None:
    """Exit 1; what is cached goes all the same."""
    done = clean(maker, "org/a", "org/none", "org/b@v9", "--yes", "--json")
    assert done.returncode == 1
    absent = [(one["id"], one["revision"]) for one in told(done)["absent"]]
    assert absent == [("org/none", None), ("org/b", "v9")]
    assert os.listdir(maker.path).count("models--org--a") == 0


def test_a_named_model_in_use_is_busy(maker: CacheMaker) -> None:
    """Exit 6, and who uses it."""
    with lease(maker.path, Environment.current(), [RepoName("model", "org/a")]):
        done = clean(maker, "org/a", "--yes", "--json")
    assert done.returncode == 6
    reason = f"process {os.getpid()} uses it"
    assert told(done)["kept"] == [{"what": "org/a", "reason": reason, "busy": True}]


def test_pinned_models_of_the_settings_stay(maker: CacheMaker, tmp_path: Path) -> None:
    """And the others go; exit 0 since none was named."""
    text = '[[models]]\nid = "org/a"\npin = true\n'
    (tmp_path / "project" / "swarmcache.toml").write_text(text)
    done = clean(maker, "--all", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["reason"] for one in told(done)["kept"]] == ["the settings pin it"]
    assert sorted(n for n in os.listdir(maker.path) if n[0] == "m") == ["models--org--a"]
    assert clean(maker, "org/a", "--yes").returncode == 1
    assert clean(maker, "org/a", "--yes", "--ignore-pins").returncode == 0


def test_a_model_of_the_project_here_stays(maker: CacheMaker, tmp_path: Path) -> None:
    """Named in its own configuration."""
    config = tmp_path / "project" / "config.yaml"
    config.write_text("model:\n  model_name_or_path: org/a\n")
    listed = clean(maker, "--all", "--dry-run", "--json")
    kept = [(one["what"].partition("@")[0], one["reason"]) for one in told(listed)["kept"]]
    assert kept == [("org/a", "this project needs it")]


def test_run_registers_its_project_and_leases_its_models(maker: CacheMaker, tmp_path: Path) -> None:
    """While the command runs nobody removes them; afterwards the root holds them."""
    project = tmp_path / "project"
    (project / "swarmcache.toml").write_text('[[models]]\nid = "org/a"\n')
    inner = (
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-m', 'swarmcache',"
        f" 'clean', 'org/a', '--yes', '--ignore-pins', '--cache-dir', {maker.path!r}]).returncode)"
    )
    command = [sys.executable, "-m", "swarmcache", "run", "--cache-dir", maker.path, "--offline"]
    done = subprocess.run(
        [*command, "--", sys.executable, "-c", inner],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 6, (done.stdout, done.stderr)
    (root,) = roots(maker.path, Environment.current())
    assert root.project == str(project)
    assert list(root.models) == [("model", "org/a", "main")]
    os.unlink(project / "swarmcache.toml")
    done = clean(maker, "org/a", "--yes")
    assert done.returncode == 1, done.stderr
    assert f"the project {project} needs it" in done.stdout


def test_an_unreadable_project_stops_it(maker: CacheMaker, tmp_path: Path) -> None:
    """Nobody knows then what it needs."""
    (tmp_path / "project" / "swarmcache.lock").write_text("{")
    done = clean(maker, "--all", "--yes")
    assert done.returncode == 2
    assert os.path.exists(maker.folder("org/a"))


def test_locks_of_dead_processes_go_and_no_others(maker: CacheMaker) -> None:
    """A kernel lock's file stays; the lock of a living process, or of who knows whom, stays."""
    folder = f"{maker.path}/.locks/models--org--a"
    os.makedirs(folder)
    names = {what: f"{folder}/{what}.lock" for what in ("dead", "kernel", "elsewhere", "living")}
    with open(names["kernel"], "w"), open(names["elsewhere"], "w", encoding="ascii") as file:
        file.write("7\nelsewhere\n")
    killed_holder(names["dead"])
    owner = soft_holder(names["living"])
    try:
        planned = told(clean(maker, "--leftovers=locks", "--dry-run", "--json"))
        document = told(clean(maker, "--leftovers=locks", "--yes", "--json"))
    finally:
        end(owner)

    assert planned["actions"] == document["actions"]
    assert [(one["kind"], one["path"]) for one in document["actions"]] == [("locks", names["dead"])]
    assert document["freed_bytes"] == document["freed_bytes_expected"] == 4096
    assert {one["what"]: one["busy"] for one in document["kept"]} == {
        names["living"]: True,
        names["elsewhere"]: False,
    }
    left = {"elsewhere.lock", "kernel.lock", "living.lock"}
    assert left == {name for name in os.listdir(folder) if name.endswith(".lock")}
