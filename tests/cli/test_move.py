"""`swarmcache move` as a user types it; killed: tests/faults/test_move_survives_kills.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, sha256, write
from cleaning import contents, model
from flatmaker import FlatMaker
from small_disks import small_disk
from swarmcache import report
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import Target, parse_target
from swarmcache.hubcache.use.roots import add_root, roots
from swarmcache.settings.editing import with_cache_dir

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "adopt.json").read_text("utf-8"))
FILES = model(1, **{"big.dat": b"w" * 200_000})
SETTINGS = """\
# our own words
[hub]
endpoints = ["http://127.0.0.1:9"]  # dir = "not this one"

[cache]   # where
dir = "{old}"   # the big disk
budget = "200GB"
"""


def build(folder: Path) -> None:
    """Make a project with its settings and its cache."""
    maker = CacheMaker(folder / "old")
    maker.repo("org/a", FILES, refs=("main", "v1"))
    maker.repo("org/b", model(2))
    (folder / "project").mkdir()
    (folder / "project/swarmcache.toml").write_text(SETTINGS.format(old=maker.path))
    targets = [Target("model", "org/a", "main")]
    add_root(maker.path, Environment.current(), str(folder / "project"), targets)


def move(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Move the project's cache."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", "move", *(words or (f"{folder}/new", "--yes"))],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=folder / "project",
        env={**os.environ, "XDG_STATE_HOME": f"{folder}/state", **variables},
        timeout=60,
    )


def named_by_settings(folder: Path) -> str:
    """Return the cache that the project's settings name."""
    text = (folder / "project/swarmcache.toml").read_text()
    return text.partition('\ndir = "')[2].partition('"')[0]


def is_whole(cache: str) -> bool:
    """Tell whether a cache has both models, with their bytes."""
    for name, wanted in (("org/a", FILES), ("org/a@v1", FILES), ("org/b", model(2))):
        found = check(parse_target(name), cache)
        if found.state != "complete" or contents(found.snapshot or "") != wanted:
            return False
    return True


def test_everything_moves_and_the_settings_follow(tmp_path: Path) -> None:
    """Comments and all else in the file stay; what the project needs is registered anew."""
    build(tmp_path)
    done = move(tmp_path)
    assert done.returncode == 0, done.stderr
    new = f"{tmp_path}/new"
    assert is_whole(new)
    assert (tmp_path / "project/swarmcache.toml").read_text() == SETTINGS.format(old=new)
    assert [name for name in os.listdir(tmp_path / "old") if name.startswith("models")] == []
    (root,) = roots(new, Environment.current())
    assert root.project == str(tmp_path / "project")
    assert "Then " in done.stdout


def test_plain_files_move_too(tmp_path: Path) -> None:
    """Of which nothing names a hash: no model stays behind."""
    build(tmp_path)
    CacheMaker(tmp_path / "old").repo("org/plain", FILES, links=False, trees=False)
    done = move(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "5 plain files come as they are" in done.stdout
    assert contents(check(parse_target("org/plain"), f"{tmp_path}/new").snapshot or "") == FILES
    assert [name for name in os.listdir(tmp_path / "old") if name.startswith("models")] == []
    assert named_by_settings(tmp_path) == f"{tmp_path}/new"


def test_flat_files_stay_and_are_told(tmp_path: Path) -> None:
    """No junk of old transformers holds a move up."""
    build(tmp_path)
    place = FlatMaker(tmp_path / "old").file("org/old", "config.json", b"{}")
    done = move(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"3 files of old transformers stay; swarmcache adopt {tmp_path}/old" in done.stdout
    assert os.path.exists(place)
    assert named_by_settings(tmp_path) == f"{tmp_path}/new"


def test_a_dry_run_and_no_answer_change_nothing(tmp_path: Path) -> None:
    """Without a terminal and `--yes` it exits 2."""
    build(tmp_path)
    assert move(tmp_path, f"{tmp_path}/new", "--dry-run").returncode == 0
    assert move(tmp_path, f"{tmp_path}/new").returncode == 2
    assert not (tmp_path / "new").exists()
    assert named_by_settings(tmp_path) == f"{tmp_path}/old"


def test_a_move_that_is_done_says_so_again(tmp_path: Path) -> None:
    """A rerun of one that was killed in its last instant is no error; programs get a document."""
    build(tmp_path)
    assert move(tmp_path).returncode == 0
    again = move(tmp_path)
    assert (again.returncode, "is this cache itself" in again.stdout) == (0, True)
    document = json.loads(move(tmp_path, f"{tmp_path}/new", "--yes", "--json").stdout)
    jsonschema.validate(document, SCHEMA)
    assert (document["ok"], document["models"]) == (True, [])


def test_to_another_disk(tmp_path: Path) -> None:
    """Copied and proven; foreign files stay where they are, and are named."""
    build(tmp_path)
    (tmp_path / "old/swarm.pem").write_text("mine")
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        done = move(tmp_path, f"{disk}/hub", "--yes")
        assert done.returncode == 0, done.stderr
        assert is_whole(f"{disk}/hub")
        assert "swarm.pem is not of the Hub's layout" in done.stdout
        assert (tmp_path / "old/swarm.pem").read_text() == "mine"


def test_a_disk_that_is_too_small_is_refused_first(tmp_path: Path) -> None:
    """Exit 3; the old place is in use as before."""
    build(tmp_path)
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=128k") as disk:
        for words in (("--dry-run",), ("--dry-run", "--json"), ("--yes",)):
            done = move(tmp_path, f"{disk}/hub", *words)
            assert done.returncode == 3, (words, done)
            assert done.stderr.endswith("Next: df -h\n") or "--json" in words
            assert ("more of the disk, which has 131 kB free" in done.stdout) == (len(words) == 1)
            assert os.listdir(disk) == []
    assert is_whole(f"{tmp_path}/old")
    assert named_by_settings(tmp_path) == f"{tmp_path}/old"


def test_where_a_variable_names_the_cache_links_stay(tmp_path: Path) -> None:
    """Else the next start would download again; what to export is told."""
    build(tmp_path)
    (tmp_path / "project/swarmcache.toml").unlink()
    done = move(tmp_path, HF_HUB_CACHE=f"{tmp_path}/old")
    assert done.returncode == 0, done.stderr
    assert f"export HF_HUB_CACHE={tmp_path}/new" in done.stderr
    assert is_whole(f"{tmp_path}/new")
    assert is_whole(f"{tmp_path}/old")
    assert os.path.islink(tmp_path / "old/models--org--a")


def test_wrong_bytes_keep_the_old_place(tmp_path: Path) -> None:
    """Nothing is switched, nothing removed: exit 5."""
    build(tmp_path)
    blobs = tmp_path / "old/models--org--a/blobs"
    big = next(blob for blob in blobs.iterdir() if blob.stat().st_size == 200_000)
    with open(big, "r+b") as file:
        file.write(b"X")
    done = move(tmp_path)
    assert done.returncode == 5, done.stdout
    assert named_by_settings(tmp_path) == f"{tmp_path}/old"
    assert (tmp_path / "old/models--org--a").exists()


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ('[cache]\ndir = "/old"\n', '[cache]\ndir = "/new"\n'),
        ("[cache]\r\ndir='/old' # c\r\n", '[cache]\r\ndir="/new" # c\r\n'),
        ('[hub]\ndir = 1\n[ cache ]\ndir = "/old"\n', '[hub]\ndir = 1\n[ cache ]\ndir = "/new"\n'),
        ('cache = { dir = "/old" }\n', None),
        ('cache.dir = "/old"\n', None),
        ('[cache]\nbudget = "1GB"\n', None),
        ('[cache]\ntext = """\ndir = "/a"\n"""\ndir = "/old"\n', None),
    ],
)
def test_one_setting_is_changed_or_nothing(tmp_path: Path, text: str, changed: str | None) -> None:
    """What it cannot change alone is left to its user."""
    path = tmp_path / "swarmcache.toml"
    path.write_bytes(text.encode())
    assert with_cache_dir(str(path), "/new") == changed


@pytest.mark.parametrize("dest", ["old/sub", "."])
def test_a_cache_in_a_cache_is_refused(tmp_path: Path, dest: str) -> None:
    """Either way round; nothing is made."""
    build(tmp_path)
    done = move(tmp_path, os.path.normpath(f"{tmp_path}/{dest}"), "--yes")
    assert done.returncode == 3, done.stdout
    assert "; choose a place beside it." in done.stderr
    assert not (tmp_path / "old/sub").exists()
    assert is_whole(f"{tmp_path}/old")


@pytest.mark.parametrize("dest", ["hub/new", "hub/deep/er", "hub/models--x--y/new", "link/new"])
def test_a_place_in_another_cache_is_refused(tmp_path: Path, dest: str) -> None:
    """The cache is named, and nothing is copied."""
    build(tmp_path)
    CacheMaker(tmp_path / "hub").repo("x/y", model(3))
    (tmp_path / "link").symlink_to("hub/models--x--y/snapshots")
    done = move(tmp_path, f"{tmp_path}/{dest}", "--yes")
    assert done.returncode == 3, done.stdout
    assert f" lies inside of the cache {tmp_path}/hub; choose" in done.stderr
    assert not (tmp_path / dest).exists()
    assert named_by_settings(tmp_path) == f"{tmp_path}/old"


@pytest.mark.parametrize("dest", ["home/hub/new", "volume/new", "taken/.cache/huggingface/hub"])
def test_a_place_beside_other_caches_is_none_in_a_cache(tmp_path: Path, dest: str) -> None:
    """A home holds a cache and is none, nor does a name make one; a home may be taken for one."""
    build(tmp_path)
    CacheMaker(tmp_path / "home/other").repo("x/y", model(3))
    (tmp_path / "volume/models--x--y").mkdir(parents=True)
    CacheMaker(tmp_path / "taken").repo("x/y", model(3))
    done = move(tmp_path, f"{tmp_path}/{dest}", "--yes")
    assert done.returncode == 0, done.stderr
    assert is_whole(f"{tmp_path}/{dest}")


def test_a_cache_that_is_there_is_moved_to_wherever_it_lies(tmp_path: Path) -> None:
    """It holds repos already, in another one."""
    build(tmp_path)
    CacheMaker(tmp_path / "hub").repo("x/y", model(3))
    CacheMaker(tmp_path / "hub/inner").repo("x/y", model(3))
    done = move(tmp_path, f"{tmp_path}/hub/inner", "--yes")
    assert done.returncode == 0, done.stderr
    assert is_whole(f"{tmp_path}/hub/inner")


def test_what_shares_its_bytes_frees_nothing_that_is_told(tmp_path: Path) -> None:
    """On one file system the old place's bytes are the new one's."""
    build(tmp_path)
    done = move(tmp_path)
    assert done.stdout.endswith("✓ Removed 2 things in the old place.\n")


def freed(folder: Path, dest: str) -> int | None:
    """Return what the document of a move says."""
    document = json.loads(move(folder, dest, "--yes", "--json").stdout)
    jsonschema.validate(document, SCHEMA)
    assert len(document["old"]["removed"]) == 2
    return document["old"]["freed_bytes"]  # type: ignore[no-any-return]


def test_the_document_tells_no_number_that_nobody_knows(tmp_path: Path) -> None:
    """Null where bytes may be shared with the new place; another disk shares none."""
    build(tmp_path)
    assert freed(tmp_path, f"{tmp_path}/new") is None
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        assert (freed(tmp_path, f"{disk}/hub") or 0) > 200_000


def test_an_old_place_with_nothing_left_is_known_no_more(tmp_path: Path) -> None:
    """`caches` lists what holds something."""
    build(tmp_path)
    known = tmp_path / "state/swarmcache/caches.toml"
    known.parent.mkdir(parents=True)
    known.write_text(f'[[caches]]\npath = "{tmp_path}/old"\n')
    assert move(tmp_path).returncode == 0
    text = known.read_text()
    assert (f"{tmp_path}/old" in text, f"{tmp_path}/new" in text) == (False, True)


def test_without_a_terminal_it_says_what_yes_does(tmp_path: Path) -> None:
    """It moves."""
    build(tmp_path)
    assert "add --yes to move everything" in move(tmp_path, f"{tmp_path}/new").stderr


def test_a_place_to_export_is_quoted(tmp_path: Path) -> None:
    """As a shell takes it."""
    build(tmp_path)
    (tmp_path / "project/swarmcache.toml").unlink()
    done = move(tmp_path, f"{tmp_path}/n 5", "--yes", HF_HUB_CACHE=f"{tmp_path}/old")
    assert done.returncode == 0, done.stderr
    assert f"export HF_HUB_CACHE='{tmp_path}/n 5'" in done.stderr


def test_what_no_revision_uses_moves_too(tmp_path: Path) -> None:
    """As adopted flat files and killed pulls leave it: the next pull need not download it."""
    build(tmp_path)
    content = b"u" * 1000
    name = sha256(content)
    for repo in ("org/a", "org/unused"):
        write(f"{tmp_path}/old/models--{repo.replace('/', '--')}/blobs/{name}", content)
    write(f"{tmp_path}/old/models--org--asked/refs/main", b"a" * 40)
    done = move(tmp_path)
    assert done.returncode == 0, done.stderr
    for repo in ("org/a", "org/unused"):
        blob = tmp_path / "new" / f"models--{repo.replace('/', '--')}" / "blobs" / name
        assert blob.read_bytes() == content
    assert is_whole(f"{tmp_path}/new")
    assert os.listdir(tmp_path / "old") == [".locks"]


def test_a_branch_that_is_elsewhere_in_the_new_place_holds_no_move_up(tmp_path: Path) -> None:
    """The commit comes without that name, the old place keeps that model, and it is told."""
    build(tmp_path)
    commit = CacheMaker(tmp_path / "new").repo("org/a", model(7), refs=("main",))
    theirs = (tmp_path / "old/models--org--a/refs/main").read_text()
    done = move(tmp_path)
    assert done.returncode == 1, done.stdout
    step = f"Next: swarmcache clean org/a --cache-dir {tmp_path}/old"
    assert "here, too, under no branch" in done.stderr
    assert step in done.stderr
    new = f"{tmp_path}/new"
    assert named_by_settings(tmp_path) == new
    assert check(parse_target("org/a"), new).commit == commit
    assert check(parse_target(f"org/a@{theirs}"), new).state == "complete"
    assert sorted(os.listdir(tmp_path / "old")) == [".locks", "models--org--a"]
    assert move(tmp_path, new).returncode == 0  # It has ended.


def test_a_foreign_file_leaves_the_whole_model_and_no_link(tmp_path: Path) -> None:
    """Half a model with no link to the other half would be what others load there."""
    build(tmp_path)
    write(f"{tmp_path}/old/models--org--a/.DS_Store", b"x")
    os.unlink(tmp_path / "project/swarmcache.toml")
    old, new = f"{tmp_path}/old", f"{tmp_path}/new"
    done = move(tmp_path, new, "--yes", HF_HUB_CACHE=old)
    assert done.returncode == 3, done.stdout
    assert "org/a/.DS_Store" in done.stdout.replace("models--org--a", "org/a")
    assert is_whole(old)
    assert is_whole(new)
    assert [os.path.islink(f"{old}/models--org--{one}") for one in "ab"] == [False, True]
