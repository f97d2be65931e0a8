"""`cache.budget` at pull time: what goes for a new model, when, and what never does."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import inodes
from cleaning import model as small_model
from faults.pulling import BOUND, DYING, MIB, Site, model, site
from processes import Screen, ran
from small_disks import small_disk
from swarmcache import report
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.use.leases import lease
from transfer.faulty_hub import faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults
SIZE = 2 * MIB
BUDGET = {"SWARMCACHE_CACHE_BUDGET": "5MiB"}
"""Room for two of the models, and their small files."""
SCHEMA = json.loads((files(report) / "schemas" / "pull.json").read_text("utf-8"))


@contextmanager
def filled(tmp_path: Path, *more: object, **traits: Any) -> Iterator[Site]:
    """Yield a site whose cache holds two models that swarmcache pulled, `old` first."""
    repos = [model(SIZE, seed, f"org/{name}") for seed, name in enumerate(("old", "older", "new"))]
    here = site(tmp_path, *repos, *more, **traits)
    with here.hub:
        for name, days in (("old", 10), ("older", 20)):
            here.finished(f"org/{name}", "--json")
            unused_for(here, name, days * 86400)
        here.hub.requests.clear()
        yield here


def unused_for(here: Site, name: str, seconds: float) -> None:
    """Let a model have come, and been used, so long ago; of several the last used one first."""
    moment = time.time() - seconds
    os.utime(f"{here.cache}/.locks/.swarmcache/ledger/used/models--org--{name}", (moment, moment))
    for blob in glob.glob(f"{here.cache}/models--org--{name}/blobs/*"):
        os.utime(blob, (moment, moment))  # Small ones are hard links, the same in several.


def pulled(here: Site, *words: str, **variables: str) -> tuple[int, str, str]:
    """Run a pull with a budget; return its code and its words."""
    process = here.start(*words, **{**BUDGET, **variables})
    out, said = process.communicate(timeout=BOUND)
    return process.returncode, out, said


def held(here: Site) -> set[str]:
    """Return the complete models."""
    return {name for name in ("old", "older", "new") if here.state(f"org/{name}") == "complete"}


def test_the_least_recently_used_model_goes_once_the_new_one_is_there(tmp_path: Path) -> None:
    """The plan is in the document; the cache keeps its budget, by the file system's own count."""
    with filled(tmp_path) as here:
        code, out, said = pulled(here, "org/new", "--json", "--yes")
        assert code == 0, said
        document = json.loads(out)
        jsonschema.validate(document, SCHEMA)
        (action,) = document["eviction"]["actions"]
        assert (action["kind"], action["repo"]) == ("repo", "org/older")
        freed = document["eviction"]["freed_bytes"]
        assert freed == document["eviction"]["freed_bytes_expected"] == action["bytes"] > SIZE
        assert held(here) == {"old", "new"}
        assert sum(inodes(here.cache).values()) <= 5 * MIB
        lines = [line.strip() for line in said.splitlines()]
        at = lines.index("To keep the cache within 5.2 MB, once all is fetched:")
        assert lines[at + 1] == "To remove: org/older (all of it), 2.1 MB"


def test_a_dry_run_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    """Neither is anything agreed to."""
    with filled(tmp_path) as here:
        before = inodes(here.cache)
        code, out, _ = pulled(here, "org/new", "--json", "--dry-run")
        document = json.loads(out)
        jsonschema.validate(document, SCHEMA)
        assert code == 0
        assert [one["repo"] for one in document["eviction"]["actions"]] == ["org/older"]
        assert document["eviction"]["freed_bytes"] == 0
        code, out, _ = pulled(here, "org/new", "--dry-run")
        assert "To remove: org/older (all of it), 2.1 MB" in out
        assert inodes(here.cache) == before
        assert not os.path.exists(f"{here.cache}/.locks/.swarmcache/ledger/evicting")


def test_nothing_goes_that_nobody_agreed_to(tmp_path: Path) -> None:
    """Without a terminal and `--yes`: exit 2, nothing fetched. One yes holds for the next pulls."""
    with filled(tmp_path) as here:
        code, _, said = pulled(here, "org/new")
        assert (code, held(here)) == (2, {"old", "older"}), said
        assert here.hub.served("model.safetensors") == 0
        assert pulled(here, "org/new", "--yes")[0] == 0
        unused_for(here, "new", 3600)
        unused_for(here, "old", 86400)
        code, _, said = pulled(here, "org/older")
        assert (code, held(here)) == (0, {"older", "new"}), said
        unused_for(here, "older", 86400)
        code, _, said = pulled(here, "org/old", SWARMCACHE_CACHE_BUDGET="4.9MiB")
        assert (code, held(here)) == (2, {"older", "new"}), said


@pytest.mark.parametrize("answer", ["y", "n", ""], ids=["yes", "no", "enter"])
def test_on_a_terminal_it_asks_the_first_time(tmp_path: Path, answer: str) -> None:
    """In Chinese here; Enter means no, and then nothing is fetched."""
    with filled(tmp_path) as here:
        variables = here.environment(**BUDGET, SWARMCACHE_LANG="zh_CN", TERM="dumb")
        screen = Screen(here.command("org/new"), variables)
        screen.wait_for("为使缓存不超过 5.2 MB，")
        screen.wait_for("[y/N] ")
        screen.type(f"{answer}\n")
        _, status = os.waitpid(screen.pid, 0)
        if answer == "y":
            assert (os.waitstatus_to_exitcode(status), held(here)) == (0, {"old", "new"})
        else:
            assert (os.waitstatus_to_exitcode(status), held(here)) == (1, {"old", "older"})
            assert here.hub.served("model.safetensors") == 0


def test_what_others_brought_stays_and_is_named(tmp_path: Path) -> None:
    """Exit 3 with the command that can; nothing is fetched, nothing removed."""
    repos = [model(SIZE, 7, "org/new")]
    here = site(tmp_path, *repos)
    maker = CacheMaker(here.cache)
    for name in ("org/theirs", "org/theirs2"):
        maker.repo(name, small_model(1, **{"more.bin": os.urandom(2 * SIZE)}))
    with here.hub:
        code, _, said = pulled(here, "org/new", "--yes")
        assert code == 3, said
        assert "org/theirs@" in said
        assert "swarmcache did not bring it" in said
        assert "swarmcache clean --budget 3MB --dry-run" in said
        assert here.hub.served("model.safetensors") == 0
    assert here.state("org/theirs") == here.state("org/theirs2") == "complete"


def test_what_is_leased_pinned_or_just_used_stays(tmp_path: Path) -> None:
    """The other one goes; when both are needed nothing does, exit 3."""
    with filled(tmp_path) as here:
        project = tmp_path / "project"
        project.mkdir()
        (project / "swarmcache.toml").write_text('[[models]]\nid = "org/older"\npin = true\n')
        process = subprocess.Popen(
            here.command("org/new", "--yes", "--json"),
            env=here.environment(**BUDGET),
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, said = process.communicate(timeout=BOUND)
        assert (process.returncode, held(here)) == (0, {"older", "new"}), said
        kept = {one["what"].partition("@")[0] for one in json.loads(out)["eviction"]["kept"]}
        assert kept == {"org/older"}
        with lease(here.cache, Environment.current(), [RepoName("model", "org/older")]):
            code, _, said = pulled(here, "org/old", "--yes")  # And org/new was used just now.
        assert (code, held(here)) == (3, {"older", "new"}), said
        assert f"process {os.getpid()} uses it" in said
        assert "it was used in the last 10 minutes" in said


def test_a_model_larger_than_the_budget_is_refused_first(tmp_path: Path) -> None:
    """Nothing goes for it, and the other model of the pull comes."""
    with filled(tmp_path, model(6 * MIB, 9, "org/huge")) as here:
        code, out, said = pulled(here, "org/huge", "--yes", "--json")
        assert (code, held(here)) == (3, {"old", "older"}), said
        (refused,) = json.loads(out)["models"]
        assert refused["error"]["kind"] == "BudgetExceeded"
        assert json.loads(out)["eviction"] is None
        code, out, _ = pulled(here, "org/huge", "org/new", "--yes", "--json")
        assert (code, held(here)) == (3, {"old", "new"})
        assert here.state("org/huge") == "missing"


def test_an_endpoint_that_does_not_answer_costs_nothing(tmp_path: Path) -> None:
    """Evictions begin only when the plan is known, and here when the new model is there."""
    with filled(tmp_path) as here:
        pass
    code, _, said = pulled(here, "org/new", "--yes")
    assert (code, held(here)) == (4, {"old", "older"}), said


def test_a_download_that_fails_costs_nothing(tmp_path: Path) -> None:
    """The disk has room for both, so nothing has gone yet when the bytes prove wrong."""
    with filled(tmp_path) as here:
        here.hub.add(faults.wrong_bytes(), path="model.safetensors")
        code, _, said = pulled(here, "org/new", "--yes")
        assert (code, held(here)) == (5, {"old", "older"}), said


def test_where_the_disk_has_no_room_for_both_the_old_goes_first(tmp_path: Path) -> None:
    """On a disk of 6 MiB: the plan says so, and the pull succeeds."""
    with small_disk(str(tmp_path / "hub"), "tmpfs", "size=6m"), filled(tmp_path) as here:
        code, _, said = pulled(here, "org/new", "--yes")
        assert (code, held(here)) == (0, {"old", "new"}), said
        assert "To keep the cache within 5.2 MB, before anything is fetched:" in said


def test_run_makes_room_only_once_agreed(tmp_path: Path) -> None:
    """It never asks: exit 125 and the command that does; after a yes it starts."""
    with filled(tmp_path) as here:
        command = [sys.executable, "-m", "swarmcache", "run", "--model", "org/new", "--", "true"]

        def run() -> subprocess.CompletedProcess[str]:
            return ran(command, env=here.environment(**BUDGET), cwd=here.folder, timeout=BOUND)

        done = run()
        assert (done.returncode, held(here)) == (125, {"old", "older"}), done.stderr
        assert "`swarmcache pull` asks once" in done.stderr
        (tmp_path / "hub/.locks/.swarmcache/ledger/evicting").write_text(f"{5 * MIB}\n")
        done = run()
        assert (done.returncode, held(here)) == (0, {"old", "new"}), done.stderr


def test_what_another_client_brought_anew_is_not_ours(tmp_path: Path) -> None:
    """A removed commit is forgotten, so that the next who brings it owns it."""
    with filled(tmp_path) as here:
        clean = [sys.executable, "-m", "swarmcache", "clean", "org/older", "--yes"]
        subprocess.run(clean, env=here.environment(), cwd=here.folder, check=True, timeout=BOUND)
        quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
        subprocess.run(
            [f"{os.path.dirname(sys.executable)}/hf", "download", "org/older"],
            env={**here.environment(), **quiet},
            check=True,
            capture_output=True,
            timeout=BOUND,
        )
        code, _, said = pulled(here, "org/new", "--yes")
        assert (code, held(here)) == (0, {"older", "new"}), said


@pytest.mark.parametrize("instant", range(5, 125, 17))
def test_killed_while_it_makes_room(tmp_path: Path, instant: int) -> None:
    """Nothing is half there, and the same command goes on."""
    with filled(tmp_path) as here:
        process = here.start(
            "org/new", "--yes", hook=DYING, **BUDGET, DIE_AT=str(instant), DIE_IN=here.cache
        )
        process.communicate(timeout=BOUND)
        assert process.returncode in {-9, 0}
        assert held(here) >= {"old"}
        if process.returncode:
            assert {"older", "new"} & held(here)
        code, _, said = pulled(here, "org/new", "--yes")
        assert (code, "new" in held(here), "old" in held(here)) == (0, True, True), said


def test_what_the_cache_holds_already_needs_no_room(tmp_path: Path) -> None:
    """The weights of another model here get a second name: nothing goes, nobody is asked."""
    with filled(tmp_path, model(SIZE, 1, "org/twin")) as here:
        code, _, said = pulled(here, "org/twin")
        assert (code, held(here)) == (0, {"old", "older"}), said
        assert here.hub.served("model.safetensors") == 0


def test_what_a_pull_links_to_does_not_go_for_it(tmp_path: Path) -> None:
    """That would give no room, though it was used least recently: the next one goes."""
    with filled(tmp_path, model(SIZE, 1, "org/twin")) as here:
        code, _, said = pulled(here, "org/twin", "--yes", SWARMCACHE_CACHE_BUDGET="3MiB")
        assert (code, held(here)) == (0, {"older"}), said
        assert here.state("org/twin") == "complete"


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_what_reflinks_share_counts_once(tmp_path: Path, kind: str) -> None:
    """Three models of the same bytes leave room for another one: nothing goes for it."""
    twins = [model(SIZE, 7, f"org/twin{number}") for number in range(3)]
    here = site(tmp_path, *twins, model(SIZE, 8, "org/new"))
    with small_disk(here.cache, kind), here.hub:
        for twin in twins:
            here.finished(twin.id, "--json")
        code, _, said = pulled(here, "org/new", "--json")
        assert code == 0, said
        assert [here.state(one) for one in ("org/new", *(t.id for t in twins))] == ["complete"] * 4
