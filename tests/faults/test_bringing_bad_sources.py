"""Sources with wrong bytes or closed files, places nobody may write to: told, and nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, sha256, write
from cleaning import contents, model, tree
from faults.bringing import FILES, build, refuse_harm, refuse_illegal, run
from other_user import NOBODY, open_folder, run_as_other_user
from small_disks import small_disk
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.faults
OTHERS = tuple(name for name in FILES if not name.startswith("org/links"))


def damaged(source: str) -> str:
    """Flip a bit of the weights that main and v1 of org/links have, and return their blob."""
    blob = f"{source}/models--org--links/blobs/{sha256(FILES['org/links']['model.safetensors'])}"
    flip(blob)
    return blob


@pytest.mark.parametrize("verb", ["adopt", "move"])
def test_wrong_bytes_stay_where_they_are_and_the_next_step_mends_them(
    ground: str, verb: str
) -> None:
    """Nobody but their user removes them; once they are right, a rerun finishes."""
    source, cache = build(f"{ground}/old").path, f"{ground}/new"
    blob = damaged(source)
    with open(blob, "rb") as file:
        wrong = file.read()
    write(f"{ground}/swarmcache.toml", f'[cache]\ndir = "{source}"\n'.encode())
    words = {
        "adopt": ["adopt", source, "--old", "remove", "--yes", "--cache-dir", cache],
        "move": ["move", cache, "--yes"],
    }[verb]
    done = run(words, f"{ground}", cwd=ground)
    assert done.code == 5, done
    step = f"\nNext: swarmcache verify org/links --repair --cache-dir {source}"
    assert step in done.out, done
    with open(blob, "rb") as file:
        assert file.read() == wrong
    assert not os.path.exists(f"{cache}/models--org--links/refs/main")
    refuse_illegal(cache)
    refuse_harm(cache, names=OTHERS)
    with open(f"{ground}/swarmcache.toml") as file:
        assert source in file.read()
    if verb == "move":
        refuse_harm_but_links(source)
    with open(blob, "wb") as file:
        file.write(FILES["org/links"]["model.safetensors"])
    again = run(words, ground, cwd=ground)
    assert again.code == 0, again
    refuse_harm(cache)


def flip(path: str) -> None:
    """Change the last bit of a file."""
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))


def cut(path: str) -> None:
    """Take the last byte of a file away."""
    os.truncate(path, os.path.getsize(path) - 1)


def empty(path: str) -> None:
    """Leave nothing of a file."""
    os.truncate(path, 0)


@pytest.mark.parametrize("harm", [flip, cut, empty])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("org/links", "model.safetensors"),
        ("org/links", "big.dat"),
        ("org/bare", "tokenizer.json"),
        ("org/plain", "config.json"),
        ("org/shared", "more.bin"),
    ],
)
@pytest.mark.parametrize("form", [("x.tar",), ("x",), ("x", "--plain"), ("-",)])
def test_wrong_bytes_are_not_exported(
    ground: str, form: tuple[str, ...], name: str, path: str, harm: Callable[[str], None]
) -> None:
    """Exit 5, the file and the next step are told, and no model stands where it was to come."""
    maker = build(f"{ground}/hub")
    found = check(parse_target(name), maker.path)
    harm(f"{found.snapshot}/{path}")
    before = set(tree(ground))
    done = run(["export", name, *form, "--cache-dir", maker.path], ground, cwd=ground)
    assert done.code == 5, done
    assert path in done.out + done.said
    (step,) = {line for line in (done.out + done.said).splitlines() if line.startswith("Next: ")}
    proposed = ["Next:", "swarmcache", "verify", name, "--repair", "--cache-dir", maker.path]
    assert sorted(step.split()) == sorted(proposed)
    if form == ("x",):
        refuse_illegal(f"{ground}/x")
        assert check(parse_target(name), f"{ground}/x").state == "missing"
    else:
        left = set(tree(ground)) - before - {"changes"}
        assert not [path for path in left if not path.startswith("state/")], left


def test_who_reads_wrong_bytes_from_a_pipe_refuses_them(ground: str) -> None:
    """What was sent before they were known to be wrong brings nothing."""
    maker = build(f"{ground}/hub")
    damaged(maker.path)
    command = f"{sys.executable} -m swarmcache"
    words = f"{command} export org/shared org/links - | {command} import - --cache-dir new"
    environment = {**os.environ, "HF_HUB_CACHE": maker.path}
    done = subprocess.run(
        ["bash", "-c", f"{words}; echo ${{PIPESTATUS[@]}}"],
        cwd=ground,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.stdout == "5 5\n", done
    assert os.listdir(f"{ground}/new") == [".locks"]
    assert os.listdir(f"{ground}/new/.locks/.swarmcache/partial") == []


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_reflinks_of_wrong_bytes_are_no_plain_folder(ground: str, kind: str) -> None:
    """No byte is copied there; they are read, or remembered right, all the same."""
    with small_disk(f"{ground}/disk", kind) as disk:
        maker = build(f"{disk}/hub")
        words = ["export", "org/links", "--plain", "--cache-dir", maker.path]
        assert run([*words, f"{disk}/right"], ground).code == 0
        assert contents(f"{disk}/right") == FILES["org/links"]
        blob = damaged(maker.path)
        done = run([*words, f"{disk}/wrong"], ground)
        assert (done.code, blob in done.said) == (5, True), done
        assert sorted(name for name in os.listdir(disk) if name != "lost+found") == [
            "hub",
            "right",
            "right.hashes.json",
        ]


def refuse_harm_but_links(source: str) -> None:
    """Fail unless the old place still has all that was right in it."""
    for name in OTHERS:
        kind = "dataset" if name.startswith("datasets/") else "model"
        target = parse_target(name.removeprefix("datasets/"), default_type=kind)  # type: ignore[arg-type]
        assert check(target, source).state == "complete"


@contextlib.contextmanager
def two_users() -> Iterator[tuple[str, str]]:
    """Yield a cache of root's, and a folder that belongs to the user without rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/old")
        maker.repo("org/a", model(1))
        maker.repo("org/b", model(2))
        os.mkdir(f"{folder}/mine")
        os.chown(f"{folder}/mine", NOBODY, NOBODY)
        yield maker.path, f"{folder}/mine"


def as_other_user(mine: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the user without rights."""
    command = [sys.executable, "-m", "swarmcache", *words]
    done = run_as_other_user(command, cwd=mine, env={**os.environ, "HOME": mine})
    assert "Traceback" not in done.stderr
    return done


def test_files_that_this_user_cannot_read_are_named_and_the_rest_comes() -> None:
    """A blob, and a whole repo: neither is a reason to leave the other models behind."""
    with two_users() as (source, mine):
        weights = f"{source}/models--org--a/blobs/{sha256(model(1)['model.safetensors'])}"
        os.chmod(weights, 0o600)
        done = as_other_user(mine, "adopt", source, "--cache-dir", f"{mine}/hub", "--json")
        document = json.loads(done.stdout)
        assert check(parse_target("org/b"), f"{mine}/hub").state == "complete"
        told = json.dumps(document)
        assert "this user cannot read it" in told, (done.returncode, told)
        assert check(parse_target("org/a"), f"{mine}/hub").state != "complete"


def test_a_repo_that_is_closed_to_this_user() -> None:
    """It is named, and the others come."""
    with two_users() as (source, mine):
        os.chmod(f"{source}/models--org--a", 0o700)
        done = as_other_user(mine, "adopt", source, "--cache-dir", f"{mine}/hub")
        assert check(parse_target("org/b"), f"{mine}/hub").state == "complete", done
        assert f"{source}/models--org--a cannot be read: Permission denied" in done.stdout, done
        for path, _, names in os.walk(source):
            for name in ("", *names):
                os.chown(os.path.join(path, name), NOBODY, NOBODY, follow_symlinks=False)
        os.chmod(f"{source}/models--org--a", 0o300)  # It could go, were it not unread.
        moved = as_other_user(mine, "move", f"{mine}/other", "--yes", "--cache-dir", source)
        assert (moved.returncode, "not everything came over" in moved.stderr) == (1, True), moved


@pytest.mark.parametrize(
    "words",
    [
        ("adopt", "{mine}/hub", "--cache-dir", "{closed}/new"),
        ("move", "{closed}/new", "--yes", "--cache-dir", "{mine}/hub"),
        ("export", "org/a", "{closed}/x.tar", "--cache-dir", "{mine}/hub"),
        ("export", "org/a", "{closed}/x", "--cache-dir", "{mine}/hub"),
        ("export", "org/a", "{closed}/x", "--plain", "--cache-dir", "{mine}/hub"),
        ("import", "{mine}/hub", "--cache-dir", "{closed}/new"),
    ],
)
def test_a_place_that_this_user_cannot_write(words: tuple[str, ...]) -> None:
    """Exit 3, one sentence, and neither place is changed."""
    with two_users() as (source, mine):
        CacheMaker(f"{mine}/hub").repo("org/a", model(1))
        for path, _, names in os.walk(mine):
            for name in ("", *names):
                os.chown(os.path.join(path, name), NOBODY, NOBODY, follow_symlinks=False)
        closed = os.path.dirname(source)
        before = tree(closed)
        done = as_other_user(mine, *(word.format(mine=mine, closed=closed) for word in words))
        assert done.returncode == 3, done
        assert closed in done.stderr + done.stdout
        assert tree(closed) == before


def test_an_old_place_that_this_user_cannot_change() -> None:
    """That it cannot go is told before anything is copied, with exit code 3; to keep it works."""
    with two_users() as (source, mine):
        words = ["adopt", source, "--old", "remove", "--yes", "--cache-dir", f"{mine}/hub"]
        before = tree(source)
        done = as_other_user(mine, *words)
        assert (done.returncode, source in done.stderr + done.stdout) == (3, True), done
        assert tree(source) == before
        assert not os.path.exists(f"{mine}/hub/models--org--a")
        done = as_other_user(mine, "adopt", source, "--cache-dir", f"{mine}/hub")
        assert done.returncode == 0, done
        assert tree(source) == before
        for name in ("org/a", "org/b"):
            assert check(parse_target(name), f"{mine}/hub").state == "complete"
