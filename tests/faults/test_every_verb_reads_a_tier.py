"""A model whose blobs are links into a tier is a model to every verb."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import shutil
import sys
import tarfile
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

import pytest

from cachemaker import CacheMaker, sha256, write
from cleaning import contents
from faults.bringing import refuse_remains, run
from faults.damage import Victim, flip_last
from faults.verifying import FILES, MODEL, ONE, age
from other_user import NOBODY, open_folder, run_as_other_user
from processes import begun
from small_disks import read_only
from swarmcache.cli import main
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import folder_name, parse_target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults
CONFIG = """\
model:
  _target_: transformers.AutoModelForCausalLM.from_pretrained
  pretrained_model_name_or_path: {id}
"""
HOME = folder_name(parse_target(MODEL).name)
SIZE = sum(map(len, dict.fromkeys(FILES.values())))


class Here:
    """A project whose cache links into a tier."""

    def __init__(self, folder: Path) -> None:
        self.tier = CacheMaker(folder / "tier").path
        self.cache = f"{folder}/hub"
        self.project = f"{folder}/project"
        self.settings = f"{self.project}/swarmcache.toml"

    def tell(self, cache: str) -> None:
        """Write the settings."""
        tier = f'tiers = [{{ path = "{self.tier}", link = "symlink" }}]'
        with open(self.settings, "w", encoding="utf-8") as file:
            file.write(f'[cache]\ndir = "{cache}"\n{tier}\n')


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    place = Here(tmp_path)
    CacheMaker(place.tier).repo(MODEL, FILES)
    age(place.tier)
    os.mkdir(place.project)
    place.tell(place.cache)
    monkeypatch.chdir(place.project)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with read_only(place.tier):
        assert main(["pull", MODEL, "--quiet"]) == 0
    assert is_linked(place.cache, place.tier)
    return place


def is_linked(cache: str, tier: str) -> bool:
    """Tell whether a cache has the model whole, and none of its bytes itself."""
    blobs = f"{cache}/{HOME}/blobs"
    leads = {os.path.realpath(f"{blobs}/{name}") for name in os.listdir(blobs)}
    found = check(parse_target(MODEL), cache, tiers=[tier])
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)
    return all(one.startswith(f"{tier}/") for one in leads)


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """Return the document of a command that ends with this code."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


def test_what_looks_finds_it_whole(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """Status, check, verify, and a second pull, which has nothing to do."""
    (repo,) = told(capsys, "status")["repos"]
    assert (repo["state"], repo["problems"]) == ("complete", [])
    assert main(["check", MODEL]) == 0
    assert told(capsys, "verify", "--all")["problems"] == []
    (pulled,) = told(capsys, "pull", MODEL)["models"]
    assert (pulled["state"], pulled["downloaded_bytes"]) == ("complete", 0)
    assert is_linked(here.cache, here.tier)


@pytest.mark.parametrize("dest", ["there", "model.tar", "plain"])
def test_an_export_holds_every_byte(here: Here, tmp_path: Path, dest: str) -> None:
    """As itself, in whichever form: the tier is not where it goes."""
    path = f"{tmp_path}/{dest}"
    assert main(["export", MODEL, path, *(["--plain"] if dest == "plain" else [])]) == 0
    os.rename(here.tier, f"{here.tier}-away")
    if dest.endswith(".tar"):
        with tarfile.open(path) as archive:
            archive.extractall(f"{tmp_path}/out", filter="data")
        path = f"{tmp_path}/out"
    elif dest == "plain":
        assert {name: contents(path)[name] for name in FILES} == FILES
        return
    found = check(parse_target(MODEL), path)
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


def test_an_export_comes_in_again(here: Here, tmp_path: Path) -> None:
    """As a folder that links into the tier, too: another project's cache may be one."""
    with read_only(here.tier):
        assert main(["import", here.cache, "--cache-dir", f"{tmp_path}/third"]) == 0
    assert is_linked(f"{tmp_path}/third", here.tier)


@pytest.mark.parametrize("old", ["keep", "link", "remove"])
def test_adopting_brings_the_links(here: Here, tmp_path: Path, old: str) -> None:
    """And the old place goes where that was asked for; the tier stays as it is."""
    new, before = f"{tmp_path}/new", sorted(os.walk(here.tier))
    words = ["adopt", here.cache, "--cache-dir", new, "--old", old, "--yes"]
    with read_only(here.tier):
        assert main(words) == 0
    assert is_linked(new, here.tier)
    assert os.path.lexists(f"{here.cache}/{HOME}") == (old != "remove")
    assert os.path.islink(f"{here.cache}/{HOME}") == (old == "link")
    assert sorted(os.walk(here.tier)) == before


def test_a_cache_moves_with_its_links(here: Here, tmp_path: Path) -> None:
    """The settings name the new place, and nothing of the old one is left."""
    new = f"{tmp_path}/new"
    with read_only(here.tier):
        assert main(["move", new, "--yes"]) == 0
    assert is_linked(new, here.tier)
    assert not os.path.lexists(f"{here.cache}/{HOME}")
    assert main(["check", MODEL]) == 0


@pytest.mark.parametrize("words", [["move"], ["adopt", "{old}", "--old", "remove", "--cache-dir"]])
def test_killed_on_the_way_it_is_whole_in_one_place(
    here: Here, tmp_path: Path, words: list[str]
) -> None:
    """Before each 7th change to the disk; a rerun leaves links in the new place alone."""
    count = instant = 7
    while instant <= count:
        folder = f"{tmp_path}/killed/{instant}"
        old, new = f"{folder}/old", f"{folder}/new"
        shutil.copytree(here.cache, old, symlinks=True)
        here.tell(old)
        command = [*(word.format(old=old) for word in words), new, "--yes"]
        with read_only(here.tier):
            died = run(command, folder, die_at=instant, cwd=here.project)
        count = instant + 7 if died.code == -SIGKILL else instant
        found = [check(parse_target(MODEL), one, tiers=[here.tier]).state for one in (old, new)]
        assert "complete" in found
        with read_only(here.tier):
            again = run(command, folder, cwd=here.project)
        assert again.code == 0 or "holds no repos" in again.said, again
        assert is_linked(new, here.tier)
        assert not os.path.lexists(f"{old}/{HOME}")
        refuse_remains(folder)
        instant += 7
    assert count > 70


def test_a_tier_that_is_adopted_comes_itself(here: Here, tmp_path: Path) -> None:
    """A link into what is given up next would lead nowhere."""
    new = f"{tmp_path}/new"
    assert main(["adopt", here.tier, "--cache-dir", new, "--old", "remove", "--yes"]) == 0
    found = check(parse_target(MODEL), new)
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


@pytest.mark.parametrize(
    "words",
    [
        ["adopt", "{cache}", "--cache-dir", "{new}"],
        ["adopt", "{cache}", "--cache-dir", "{new}", "--old", "remove", "--yes"],
        ["import", "{cache}", "--cache-dir", "{new}"],
        ["move", "{new}", "--yes"],
    ],
)
def test_what_lies_in_an_absent_tier_does_not_come(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Which is no success; it is told why, and nothing is lost: mounted again, it comes."""
    new = f"{tmp_path}/new"
    spelled = [word.format(cache=here.cache, new=new) for word in words]
    os.rename(here.tier, f"{here.tier}-away")
    document = told(capsys, *spelled, code=1)
    assert (document["ok"], len(document["kept"])) == (False, 1)
    assert (
        "it lies in a tier that is not there, or closed to this user"
        in document["kept"][0]["reason"]
    )
    os.rename(f"{here.tier}-away", here.tier)
    assert is_linked(here.cache, here.tier)
    with read_only(here.tier):
        assert main(spelled) == 0
    assert is_linked(new, here.tier)


def test_what_leads_elsewhere_does_not_come(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no settings name the tier, as in a project of somebody else."""
    os.unlink(here.settings)
    words = ["adopt", here.cache, "--cache-dir", f"{tmp_path}/new"]
    (kept,) = told(capsys, *words, code=1)["kept"]
    assert "its link leads out of the cache, and into no tier of the settings" in kept["reason"]


@pytest.mark.parametrize("words", [["status"], ["pull", MODEL]])
@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_an_absent_tier_is_told_with_its_repair(
    here: Here, capsys: pytest.CaptureFixture[str], words: list[str], left: str
) -> None:
    """Once, whatever else is said; an unmounted share leaves an empty folder."""
    capsys.readouterr()
    main([*words, "--json"])
    told = f"The tier {here.tier} is not there, or empty: mount it, or take it out of "
    assert told not in capsys.readouterr().err
    os.rename(here.tier, f"{here.tier}-away")
    if left == "an empty folder":
        os.mkdir(here.tier)
    main([*words, "--json", "--quiet"])
    assert capsys.readouterr().err.count(f"⚠ {told}{here.settings}.") == 1
    assert main(["check", MODEL]) == 1
    assert main(["verify", MODEL]) == 1
    assert capsys.readouterr().out.count(f"leads into the tier {here.tier}, which is not") > 1


def test_links_lead_to_the_same_repo(here: Here, tmp_path: Path) -> None:
    """What else in the tier has the bytes may go there before this model does."""
    CacheMaker(here.tier).repo("org/a-name-before", FILES)
    age(here.tier)
    with read_only(here.tier):
        assert main(["pull", MODEL, "--cache-dir", f"{tmp_path}/third", "--quiet"]) == 0
    shutil.rmtree(f"{here.tier}/models--org--a-name-before")
    assert is_linked(f"{tmp_path}/third", here.tier)


def test_links_lead_where_the_tier_is_now(here: Here, tmp_path: Path) -> None:
    """A tier that is a link itself may lead to a newer folder tomorrow."""
    newer, current, cache = f"{tmp_path}/newer", f"{tmp_path}/current", f"{tmp_path}/third"
    shutil.copytree(here.tier, newer, symlinks=True)
    os.symlink("tier", current)
    older, here.tier = here.tier, current
    here.tell(here.cache)
    with read_only(older):
        assert main(["pull", MODEL, "--cache-dir", cache, "--quiet"]) == 0
    assert is_linked(cache, older)
    os.unlink(current)
    os.symlink("newer", current)
    shutil.rmtree(older)
    assert is_linked(cache, newer)
    assert main(["check", MODEL, "--cache-dir", cache]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
@pytest.mark.parametrize(
    "words", [["status"], ["pull", MODEL], ["check", MODEL], ["verify", MODEL]]
)
def test_a_tier_that_this_user_may_not_read_is_named(words: list[str]) -> None:
    """Whatever is fetched in the place of its content then, or called damaged."""
    with open_folder() as folder:
        here = Here(pathlib.Path(folder))
        CacheMaker(here.tier).repo(MODEL, FILES)
        os.mkdir(here.project)
        here.tell(here.cache)
        env = {**os.environ, "HOME": folder, "HF_ENDPOINT": "http://127.0.0.1:9"}
        os.chown(folder, NOBODY, NOBODY)

        def ours(*words: str) -> str:
            command = [sys.executable, "-m", "swarmcache", *words]
            done = run_as_other_user(command, cwd=here.project, env=env)
            return done.stdout + done.stderr

        ours("pull", MODEL)
        assert is_linked(here.cache, here.tier)
        os.chmod(here.tier, 0o700)
        told = f"The tier {here.tier} cannot be read by this user: ls -ld {here.tier}"
        found = f"leads into the tier {here.tier}, which this user cannot read"
        assert (found if words[0] in {"check", "verify"} else told) in ours(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["adopt", "{cache}", "--cache-dir", "{new}"],
        ["move", "{new}", "--yes"],
        ["run", "--model", MODEL, "--cache-dir", "{new}", "--", "true"],
    ],
)
def test_no_verb_links_into_a_tier_that_this_user_can_write(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Each says so, and shares or copies what it brings."""
    new = f"{tmp_path}/new"
    assert main([word.format(cache=here.cache, new=new) for word in words]) == 0
    told = "".join(capsys.readouterr())
    assert told.count(f"No link leads into the tier {here.tier}: this user can write there") == 1
    shutil.rmtree(here.tier)
    found = check(parse_target(MODEL), new)
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


@pytest.mark.parametrize("words", [["status"], ["pull", MODEL]])
def test_a_tier_one_level_too_high_is_told(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """HF_HOME in the place of the cache that is in it."""
    CacheMaker(tmp_path / "home" / "hub").repo(MODEL, FILES)
    here.tier = f"{tmp_path}/home"
    here.tell(here.cache)
    capsys.readouterr()
    main([*words, "--quiet"])
    told = f"The tier {here.tier} holds no repos; its folder hub may be meant, in {here.settings}."
    assert capsys.readouterr().err.count(told) == 1


@pytest.mark.parametrize("tier", ["data/hub", "data"], ids=["itself", "above it"])
def test_no_link_leads_from_a_cache_into_itself(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tier: str,
) -> None:
    """Which a tier may be, or hold: what one repo has, another would lose with it."""
    place, cache = Here(tmp_path), CacheMaker(tmp_path / "data" / "hub")
    place.tier = f"{tmp_path}/{tier}"
    cache.repo(MODEL, FILES)
    cache.repo("org/other", {**FILES, "README.md": b""}, absent=[ONE])
    os.mkdir(place.project)
    place.tell(cache.path)
    monkeypatch.chdir(place.project)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with read_only(f"{cache.path}/{HOME}/blobs"):
        assert main(["pull", "org/other", "--quiet"]) == 0
    told = f"The tier {place.tier} is the cache itself, or holds it"
    assert capsys.readouterr().err.count(told) == 1
    blob = f"{cache.path}/models--org--other/blobs/{sha256(FILES[ONE])}"
    assert os.path.exists(blob)
    assert not os.path.islink(blob)


def test_dedupe_counts_it_and_leaves_it(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """Its bytes are content of the cache, and take no room there that could be won."""
    counted = told(capsys, "dedupe")
    assert (counted["logical_bytes"], counted["freed_bytes"]) == (SIZE, 0)
    assert is_linked(here.cache, here.tier)


def test_clean_takes_it_for_the_model(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing of it for a stranger."""
    planned = told(capsys, "clean", MODEL, "--ignore-pins", "--dry-run")
    assert (planned["kept"], len(planned["actions"]) > 0) == ([], True)


def test_doctor_finds_nothing_wrong_with_it(
    here: Here, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the settings of the project that it looks at."""
    monkeypatch.setenv("HF_HUB_CACHE", here.cache)
    code = "from transformers import AutoModel\nAutoModel.from_pretrained(cfg.model)\n"
    write(f"{here.project}/train.py", code.encode())
    write(f"{here.project}/conf/c.yaml", CONFIG.format(id=MODEL).encode())
    script = b"python train.py --config-path $PWD/conf --config-name c.yaml\n"
    write(f"{here.project}/run.sh", script)
    words = ["doctor", "--rule", "SC703", "--python", sys.executable]
    assert told(capsys, *words)["findings"] == []
    os.unlink(f"{here.tier}/{HOME}/blobs/{sha256(FILES[ONE])}")
    (finding,) = told(capsys, *words, code=1)["findings"]
    assert MODEL in finding["message"]


def test_what_was_proven_wrong_there_is_never_started_with(here: Here) -> None:
    """Whatever the options are."""
    flip_last(Victim(f"{here.cache}/{HOME}/snapshots/{commit_of(here)}", ONE))
    age(here.tier)
    start = ["run", "--model", MODEL, "--offline", "--best-effort", "--", "true"]
    assert main(["verify", MODEL]) == 5
    assert main(start) == 125


def test_a_repair_takes_a_model_from_what_links_there(here: Here, tmp_path: Path) -> None:
    """Of a ref that leads to nothing here, the other cache tells the files."""
    os.unlink(f"{here.cache}/{HOME}/trees/{commit_of(here)}.json")
    write(f"{tmp_path}/own/{HOME}/refs/main", commit_of(here).encode())
    age(f"{tmp_path}/own")
    words = ["verify", MODEL, "--cache-dir", f"{tmp_path}/own", "--repair"]
    main([*words, "--from", here.cache])
    found = check(parse_target(MODEL), f"{tmp_path}/own", tiers=[here.tier])
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


def test_serve_sends_it(here: Here) -> None:
    """The bytes of the tier, and of nothing else outside the cache."""
    words = ["serve", "--port", "0", "--json"]
    process = begun([sys.executable, "-m", "swarmcache", *words])
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        link.request("GET", f"/{MODEL}/resolve/main/{ONE}")
        answer = link.getresponse()
        assert (answer.status, answer.read()) == (200, FILES[ONE])
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_lock_is_told_by_it_and_proves_it(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a Hub; and the command starts with it."""
    os.unlink(f"{here.cache}/{HOME}/trees/{commit_of(here)}.json")
    assert main(["lock", MODEL]) == 0
    assert main(["check", MODEL]) == 0
    assert main(["pull", MODEL]) == 0
    assert main(["run", "--model", MODEL, "--offline", "--", "true"]) == 0
    assert is_linked(here.cache, here.tier)


def test_what_is_locked_is_proven_in_the_tier(here: Here) -> None:
    """Before a ref that moved away leads to the locked commit again."""
    assert main(["lock", MODEL]) == 0
    ref, commit = f"{here.cache}/{HOME}/refs/main", commit_of(here)
    write(ref, b"2" * 40)
    flip_last(Victim(f"{here.cache}/{HOME}/snapshots/{commit}", ONE))
    start = ["run", "--model", MODEL, "--offline", "--", "true"]
    assert main(start) == 125
    flip_last(Victim(f"{here.cache}/{HOME}/snapshots/{commit}", ONE))
    assert main(start) == 0
    assert commit_of(here) == commit


def commit_of(here: Here) -> str:
    """Return the commit that is cached."""
    with open(f"{here.cache}/{HOME}/refs/main", encoding="ascii") as file:
        return file.read()
