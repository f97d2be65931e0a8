"""`export` and `import`: one model with everything it needs, through a folder, a file or a pipe.

Killed: tests/faults/test_export_survives_kills.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import contents, model, tree
from swarmcache import report
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from pathlib import Path

FILES = model(1, **{"sub/big.dat": b"w" * 300_000})
COMMIT = "1" * 40


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """A cache with a shared store, as huggingface_hub >= 1.32 keeps it, and another model."""
    made = CacheMaker(tmp_path / "hub")
    made.repo("org/a", FILES, commit=COMMIT, refs=("main", "v1"), shared=True)
    made.repo("org/b", model(2))
    monkeypatch.setenv("HF_HUB_CACHE", made.path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    return made


def run(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command with nothing to read, unless the options say something else."""
    settings = {"stdin": subprocess.DEVNULL, **options}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "swarmcache", *words],
        capture_output=True,
        check=False,
        timeout=60,
        **settings,
    )


def loaded(cache: object, name: str = "org/a") -> dict[str, bytes]:
    """Return what a reader gets of a complete model."""
    found = check(parse_target(name), str(cache))
    assert found.state == "complete", found
    return contents(found.snapshot or "")


def imported(source: str, cache: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Import into a cache."""
    return run("import", source, "--cache-dir", str(cache), **options)


def test_through_a_pipe(maker: CacheMaker, tmp_path: Path) -> None:
    """What `ssh` would carry: no link of it dangles, each ref and list of files comes along."""
    command = [sys.executable, "-m", "swarmcache", "export", "org/a", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sender:
        done = imported("-", tmp_path / "new", stdin=sender.stdout)
    assert (sender.returncode, done.returncode) == (0, 0), done.stderr
    assert loaded(tmp_path / "new") == loaded(tmp_path / "new", "org/a@v1") == FILES
    tree_name = f"models--org--a/trees/{COMMIT}.json"
    ours, theirs = (tmp_path / name / tree_name for name in ("new", "hub"))
    assert ours.read_bytes() == theirs.read_bytes()
    blobs = tmp_path / "new/models--org--a/blobs"
    assert not any(blob.is_symlink() for blob in blobs.iterdir())
    assert os.listdir(tmp_path / "new/.locks/.swarmcache/partial") == []


def test_an_archive_unpacked_by_tar_is_a_cache(maker: CacheMaker, tmp_path: Path) -> None:
    """For machines that have no swarmcache; the file appears when it is whole."""
    done = run("export", "org/a", "org/b", "model.tar", "--json")
    assert done.returncode == 0, done.stderr
    schema = json.loads((files(report) / "schemas" / "export.json").read_text("utf-8"))
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema)
    assert document["bytes"] > 300_000
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "xf", "model.tar", "-C", "unpacked"], check=True)
    assert loaded(tmp_path / "unpacked") == FILES
    assert loaded(tmp_path / "unpacked", "org/b") == model(2)
    assert imported("model.tar", tmp_path / "new").returncode == 0
    assert loaded(tmp_path / "new", "org/b") == model(2)
    again = run("export", "org/a", "model.tar")
    assert (again.returncode, b"exists already" in again.stderr) == (3, True)


def test_a_folder_is_a_cache(maker: CacheMaker, tmp_path: Path) -> None:
    """Only of what was named; it is imported as any cache is adopted."""
    assert run("export", f"org/a@{COMMIT}", "stick").returncode == 0
    assert sorted(name for name in os.listdir("stick") if name[0] != ".") == ["models--org--a"]
    assert loaded(tmp_path / "stick") == FILES
    assert imported("stick", tmp_path / "new").returncode == 0
    assert loaded(tmp_path / "new") == FILES


def test_a_plain_folder_for_tools_without_a_cache(maker: CacheMaker, tmp_path: Path) -> None:
    """Files of its own, that one may edit; their hashes beside it."""
    assert run("export", "org/a", "plain", "--plain").returncode == 0
    assert tree("plain") == dict(FILES)
    hashes = json.loads((tmp_path / "plain.hashes.json").read_text())
    big = hashes["files"]["sub/big.dat"]
    git = hashlib.sha1(b"blob 300000\0" + b"w" * 300_000).hexdigest()
    assert (hashes["commit"], big["digest"], big["algorithm"]) == (COMMIT, git, "git-sha1")
    with open("plain/sub/big.dat", "r+b") as file:
        file.write(b"edited in place")
    assert loaded(maker.path) == FILES
    assert run("export", "org/a", "plain", "--plain").returncode == 3


def test_the_next_step_is_a_command_that_a_shell_takes(maker: CacheMaker, tmp_path: Path) -> None:
    """For a dataset, and for a place with a space in its name."""
    absent = run("export", "datasets/org/c@v1", "-")
    assert b"swarmcache pull datasets/org/c@v1" in absent.stderr
    place = tmp_path / "a place.tar"
    place.touch()
    there = run("export", "org/a", "a place.tar")
    assert f"ls -ld '{place}'".encode() in there.stderr
    assert place.read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export", "org/none", "x.tar"), 1),
        (("export", "org/a@v9", "x"), 1),
        (("export", "org/a"), 2),
        (("export", "org/a", "org/b", "x", "--plain"), 2),
        (("import", "nowhere.tar"), 3),
        (("import", "hub/models--org--b"), 3),
    ],
)
def test_what_cannot_be(maker: CacheMaker, words: tuple[str, ...], code: int) -> None:
    """A sentence, and nothing left behind."""
    before = sorted(os.listdir())
    done = run(*words, "--cache-dir", maker.path)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert sorted(os.listdir()) == before


def archive(path: Path, *members: tuple[str, bytes | str]) -> None:
    """Write a tar with files, and links where the content is a text."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


ETAG = hashlib.sha256(b"x").hexdigest()
HOME = "models--org--a"


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", b"x")],
        [("/etc/evil", b"x")],
        [(f"{HOME}/blobs/../../evil", b"x")],
        [(f"{HOME}/blobs/{ETAG}", b"y")],
        [(f"{HOME}/blobs/not-a-hash", b"x")],
        [(f"{HOME}/blobs/{ETAG}", "../../../../etc/passwd")],
        [(f"{HOME}/snapshots/{COMMIT}/a", "/etc/passwd")],
        [(f"{HOME}/snapshots/{COMMIT}/a", "../../../evil")],
        [(f"{HOME}/snapshots/{COMMIT}/a", b"x")],
        [(f"{HOME}/snapshots/main/a", f"../../blobs/{ETAG}")],
        [(f"{HOME}/swarm.pem", b"x")],
        [("swarm.pem", b"x")],
        [(f"{HOME}/blobs/{ETAG}", b"x"), (f"{HOME}/blobs/{ETAG}", b"x")],
    ],
)
def test_a_hostile_archive_leaves_nothing(
    maker: CacheMaker, tmp_path: Path, members: list[tuple[str, bytes | str]]
) -> None:
    """Exit 5 or 3, no file outside, none in the cache."""
    archive(tmp_path / "evil.tar", *members)
    before = tree(str(tmp_path))
    done = imported("evil.tar", tmp_path / "new")
    assert done.returncode in {3, 5}, done.stderr
    assert b"Traceback" not in done.stderr
    assert tree(str(tmp_path)) == before
    assert os.listdir(tmp_path / "new/.locks/.swarmcache/partial") == []


@pytest.mark.parametrize("cut", [100, 5_000, 200_000])
def test_an_archive_that_ends_too_early_brings_nothing(
    maker: CacheMaker, tmp_path: Path, cut: int
) -> None:
    """A broken line: exit 4 or 5, and the cache shows no half a model."""
    whole = run("export", "org/a", "-").stdout
    done = imported("-", tmp_path / "new", stdin=None, input=whole[:cut])
    assert done.returncode in {3, 4, 5}, done.stderr
    assert b"Traceback" not in done.stderr
    assert check(parse_target("org/a"), str(tmp_path / "new")).state == "missing"
