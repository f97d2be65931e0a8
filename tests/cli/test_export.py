"""`export` and `import`: one model with everything it needs, through a folder, a file or a pipe.

Killed: tests/faults/test_export_survives_kills.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import contents, model, tree
from processes import BOUND, until
from small_disks import small_disk
from swarmcache import report
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = model(1, **{"sub/big.dat": b"w" * 300_000})
COMMIT = "1" * 40
PARTIAL = ".locks/.swarmcache/partial"


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
    assert os.listdir(tmp_path / "new" / PARTIAL) == []


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


def test_a_folder_packed_by_tar(maker: CacheMaker, tmp_path: Path) -> None:
    """`tar -C stick -cz .`: names that begin with `./`, and locks, which are nobody's there."""
    assert run("export", "org/a", "stick").returncode == 0
    assert (tmp_path / "stick/.locks").exists()
    subprocess.run(["tar", "-C", "stick", "-czf", "stick.tgz", "."], check=True)
    done = imported("stick.tgz", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert loaded(tmp_path / "new") == FILES


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a model.tar.gz", "swarmcache export org/a - | gzip > 'a model.tar.gz'"),
        ("model.TGZ", "swarmcache export org/a - | gzip > model.TGZ"),
        ("model.tar.bz2", "swarmcache export org/a - | bzip2 > model.tar.bz2"),
        ("model.tar.xz", "swarmcache export org/a - | xz > model.tar.xz"),
        ("model.txz", "swarmcache export org/a - | xz > model.txz"),
    ],
)
def test_a_packed_tar_is_made_by_a_pipe(maker: CacheMaker, name: str, command: str) -> None:
    """No folder of that name; what to write instead is told."""
    done = run("export", "org/a", name)
    assert done.returncode == 2
    assert done.stderr.decode().endswith(f": {command}\n")
    assert not os.path.exists(name)


def test_a_tar_in_large_letters(maker: CacheMaker) -> None:
    """It is one, too."""
    assert run("export", "org/a", "model.TAR").returncode == 0
    assert tarfile.is_tarfile("model.TAR")


@pytest.mark.parametrize("words", ["export org/a new", "import x.tar --cache-dir new"])
def test_a_link_to_nowhere_is_told(maker: CacheMaker, words: str) -> None:
    """Whoever reads of what a user may not write looks for rights."""
    assert run("export", "org/a", "x.tar").returncode == 0
    os.symlink("nowhere", "new")
    done = run(*words.split())
    assert done.returncode == 3
    assert b"new is a link to nowhere, which is not there." in done.stdout + done.stderr


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
        (("export", "org/a", "x.tar", "--plain"), 2),
        (("export", "org/a", ""), 2),
        (("import", ""), 2),
        (("move", ""), 2),
        (("adopt", ""), 2),
        (("status", ""), 2),
        (("dedupe", ""), 2),
        (("serve", ""), 2),
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


def test_a_missing_destination_is_told(maker: CacheMaker) -> None:
    """Not the model, which was named."""
    assert b"DEST is missing" in run("export", "org/a").stderr
    assert b"MODEL is missing" in run("export", "x.tar").stderr


def test_a_revision_that_is_not_cached_beside_one_that_is(maker: CacheMaker) -> None:
    """Both are named."""
    done = run("export", "org/b@v9", "x")
    assert b"org/b@v9: No revision v9 is cached; cached: main." in done.stderr
    assert b"Next: swarmcache pull org/b@v9" in done.stderr


FORMS = (("x.tar",), ("x",), ("x", "--plain"), ("-",))


@pytest.mark.parametrize("form", FORMS)
def test_half_a_model_is_not_exported(maker: CacheMaker, form: tuple[str, ...]) -> None:
    """Its state, what it lacks and the next step are told; nothing is left behind."""
    maker.repo("org/half", model(3), absent=["model.safetensors"])
    before = sorted(os.listdir())
    done = run("export", "org/half", *form)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"org/half is incomplete" in done.stderr
    assert b"model.safetensors" in done.stderr
    assert b"Next: swarmcache pull org/half\n" in done.stderr
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("form", FORMS)
def test_a_file_whose_content_is_gone(maker: CacheMaker, form: tuple[str, ...]) -> None:
    """Also one that loading can do without: all forms answer alike."""
    maker.repo("org/gone", model(3, **{"README.md": b"gone"}))
    git = hashlib.sha1(b"blob 4\0gone").hexdigest()
    os.unlink(f"{maker.path}/models--org--gone/blobs/{git}")
    before = sorted(os.listdir())
    done = run("export", "org/gone", *form)
    assert (done.returncode, done.stdout) == (5, b"")
    assert b"README.md" in done.stderr
    assert b"Next: swarmcache verify org/gone --repair\n" in done.stderr
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("form", FORMS)
def test_one_format_of_two_is_enough(maker: CacheMaker, form: tuple[str, ...]) -> None:
    """What `check` calls complete is exported, whatever else the commit has."""
    files = model(3, **{"pytorch_model.bin": b"p" * 99, "README.md": b"more"})
    maker.repo("org/part", files, absent=["pytorch_model.bin", "README.md"])
    assert run("export", "org/part", *form).returncode == 0


@pytest.mark.parametrize("form", FORMS)
def test_what_may_be_incomplete_is_told(maker: CacheMaker, form: tuple[str, ...]) -> None:
    """Nothing tells what this dataset has; it is exported, with a word."""
    maker.repo("org/d", {"a.csv": b"1,2"}, repo_type="dataset", trees=False)
    done = run("export", "datasets/org/d", *form)
    assert done.returncode == 0, done.stderr
    assert b"Dataset datasets/org/d is cached, perhaps not completely" in done.stderr


def test_plain_files_that_nothing_names(maker: CacheMaker, tmp_path: Path) -> None:
    """They come as they are, through each form; their hashes tell what left."""
    files = model(4, **{"sub/big.dat": b"w" * 2_000_000})
    commit = maker.repo("org/as", files, links=False, trees=False)
    for form in FORMS[:3]:
        assert run("export", "org/as", *form).returncode == 0
        if form != ("x.tar",):
            assert (tree("x") if "--plain" in form else loaded(tmp_path / "x", "org/as")) == files
            subprocess.run(["rm", "-r", "x"], check=True)
    fact = json.loads((tmp_path / "x.hashes.json").read_text())["files"]["config.json"]
    assert fact["digest"] == hashlib.sha256(files["config.json"]).hexdigest()
    assert (fact["algorithm"], fact["size"]) == ("sha256", len(files["config.json"]))
    (tmp_path / "unpacked").mkdir()
    done = subprocess.run(["tar", "xf", "x.tar", "-C", "unpacked"], check=True, capture_output=True)
    assert done.stderr == b""
    assert loaded(tmp_path / "unpacked", "org/as") == files
    assert imported("x.tar", tmp_path / "new").returncode == 0
    assert loaded(tmp_path / "new", "org/as") == files
    assert not (tmp_path / f"new/models--org--as/snapshots/{commit}/config.json").is_symlink()
    assert imported("x.tar", tmp_path / "new").returncode == 0


def test_a_blob_whose_name_is_no_hash(maker: CacheMaker, tmp_path: Path) -> None:
    """A mirror's etag: a cache cannot have it without a guess, and says what can."""
    maker.repo("org/odd", model(4), trees=False)
    home = tmp_path / "hub/models--org--odd"
    name = f"{home}/snapshots/{os.listdir(home / 'snapshots')[0]}/config.json"
    blob = os.path.realpath(name)
    os.rename(blob, f"{home}/blobs/etag-of-a-mirror")
    os.unlink(name)
    os.symlink("../../blobs/etag-of-a-mirror", name)
    refused = run("export", "org/odd", "x")
    assert refused.returncode == 5
    reason = "config.json: nothing tells what its bytes must be"
    assert f"org/odd would not be whole in {tmp_path}/x: {reason}".encode() in refused.stderr
    assert f"Next: swarmcache export org/odd {tmp_path}/x.tar\n".encode() in refused.stderr
    assert not (tmp_path / "x").exists()
    assert run("export", "org/odd", "x.tar").returncode == 0
    assert imported("x.tar", tmp_path / "new").returncode == 0
    assert loaded(tmp_path / "new", "org/odd") == model(4)


def test_a_reader_that_goes_away_is_no_success(maker: CacheMaker) -> None:
    """`| head -c 1000`: exit 4, and a sentence."""
    command = [sys.executable, "-m", "swarmcache", "export", "org/a", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        sender.stdout.read(1000)
        sender.stdout.close()
        assert sender.stderr is not None
        told = sender.stderr.read()
    assert (sender.returncode, b"went away before the end" in told) == (4, True), told


@pytest.mark.parametrize("words", ["export org/a - >&-", "import - <&-"])
def test_a_closed_stream(maker: CacheMaker, words: str) -> None:
    """A usage error, not a success."""
    command = f"{sys.executable} -m swarmcache {words}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr


def test_the_folders_above_are_made_and_go_again(maker: CacheMaker, tmp_path: Path) -> None:
    """As a folder DEST has them made; errors name what was asked for."""
    for place in ("a/b/x.tar", "c/d/x"):
        words = ("--plain",) if place == "c/d/x" else ()
        assert run("export", "org/a", place, *words).returncode == 0
        assert (tmp_path / place).exists()
    (tmp_path / "file").touch()
    for place, words in (("file/x/y.tar", ()), ("file/x/y", ("--plain",))):
        done = run("export", "org/a", place, *words)
        assert (done.returncode, b".tmp" in done.stderr) == (3, False), done.stderr
        assert f"{tmp_path}/file".encode() in done.stderr


@pytest.mark.parametrize("form", [("x.tar",), ("x", "--plain")])
def test_the_disk_that_is_full_is_named(
    maker: CacheMaker, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """The one that is written to, by the name that was asked for."""
    with small_disk(f"{tmp_path}/small", "tmpfs", "size=64k"):
        done = run("export", "org/a", f"small/{form[0]}", *form[1:])
        assert done.returncode == 3, done.stderr
        assert f"The disk of {tmp_path}/small/{form[0]} is full.".encode() in done.stderr
        assert os.listdir("small") == []


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
LINKED = (f"{HOME}/snapshots/{COMMIT}/a", f"../../blobs/{ETAG}")
SMALL = [(f"{HOME}/blobs/{ETAG}", b"x"), LINKED, (f"{HOME}/refs/main", COMMIT.encode())]
"""A whole archive."""


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
        [(f"{HOME}/refs/main", COMMIT.encode())],
        [(f"{HOME}/blobs/{ETAG}", b"x")],
        [(f"{HOME}/snapshots/{COMMIT}/a", f"../../blobs/{ETAG}")],
        [LINKED, LINKED],
        [LINKED, (f"{LINKED[0]}/b", f"../../../blobs/{ETAG}")],
        [(f"{HOME}/blobs/{ETAG}", b"x"), LINKED, (f"{LINKED[0]}/b", f"../../../blobs/{ETAG}")],
        [(f"{HOME}/refs/a", COMMIT.encode()), (f"{HOME}/refs/a/b", COMMIT.encode())],
        [(name.replace("org", ".."), content) for name, content in SMALL],
        [(name.replace("org--a", "org--a.git"), content) for name, content in SMALL],
        [("./../evil", b"x")],
        [],
    ],
)
def test_a_hostile_archive_leaves_nothing(
    maker: CacheMaker, tmp_path: Path, members: list[tuple[str, bytes | str]]
) -> None:
    """Exit 5, a sentence about the archive, no file outside, none in the cache."""
    archive(tmp_path / "evil.tar", *members)
    before = tree(str(tmp_path))
    done = imported("evil.tar", tmp_path / "new")
    assert done.returncode == 5, done.stderr
    assert b"Traceback" not in done.stderr
    assert str(tmp_path / "new").encode() not in done.stderr
    assert tree(str(tmp_path)) == before
    assert os.listdir(tmp_path / "new" / PARTIAL) == []


def test_a_hostile_list_of_files_in_an_archive(maker: CacheMaker, tmp_path: Path) -> None:
    """One that is nested too deeply tells nothing."""
    blob, place = f"{HOME}/blobs/{ETAG}", f"{HOME}/snapshots/{COMMIT}/config.json"
    deep = (f"{HOME}/trees/{COMMIT}.json", b"[" * 200_000)
    archive(tmp_path / "x.tar", (blob, b"x"), (place, f"../../blobs/{ETAG}"), deep)
    done = imported("x.tar", tmp_path / "new")
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert not (tmp_path / f"new/{HOME}/trees").exists()


def test_a_plain_file_that_is_not_what_its_comment_says(maker: CacheMaker, tmp_path: Path) -> None:
    """Exit 5, and nothing comes."""
    with tarfile.open("evil.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(f"{HOME}/snapshots/{COMMIT}/config.json")
        member.size, member.pax_headers = 1, {"comment": f"sha256:{ETAG}"}
        tar.addfile(member, io.BytesIO(b"y"))
    assert imported("evil.tar", tmp_path / "new").returncode == 5
    assert os.listdir(tmp_path / "new") == [".locks"]


def test_an_archive_that_ends_too_early_brings_nothing(maker: CacheMaker, tmp_path: Path) -> None:
    """A broken line: exit 4 and a sentence wherever it broke, between two members too."""
    whole = run("export", "org/a", "-").stdout
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        borders = [member.offset for member in tar]
    for cut in (0, 100, 5_000, 200_000, *borders, borders[-1] + 100, borders[-1] + 1024):
        done = imported("-", tmp_path / "new", stdin=None, input=whole[:cut])
        assert (done.returncode, done.stderr.splitlines()[-1]) == (
            4,
            b"swarmcache: The archive ends too early.",
        ), cut
        assert check(parse_target("org/a"), str(tmp_path / "new")).state == "missing"
    done = imported("-", tmp_path / "new", stdin=None, input=whole[: borders[-1]] + b"?" * 1024)
    assert (done.returncode, b"is no archive" in done.stderr) == (5, True), done.stderr


def test_an_import_names_the_archive(maker: CacheMaker, tmp_path: Path) -> None:
    """Not the folder that it was unpacked to."""
    maker.repo("org/c", model(3, **{"big.bin": b"w" * 2**20}))
    sent = run("export", "org/c", "-")
    done = imported("-", tmp_path / "new", stdin=None, input=sent.stdout)
    assert b"big.bin from the pipe" in done.stderr
    assert b"new-owner" not in done.stderr + done.stdout


BIG = model(3, **{"big.bin": b"w" * 2**22})


@contextlib.contextmanager
def half_imported(maker: CacheMaker, cache: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield an import that waits for the rest of a model while some of it is unpacked."""
    maker.repo("org/c", BIG)
    sent = run("export", "org/c", "-").stdout
    words = [sys.executable, "-m", "swarmcache", "import", "-", "--cache-dir", str(cache)]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, **pipes) as receiver:  # type: ignore[call-overload]
        receiver.stdin.write(sent[: 3 * 2**20])
        receiver.stdin.flush()
        partial = cache / PARTIAL
        until(lambda: any(one.stat().st_size for one in partial.rglob("blobs/*")), "unpacked bytes")
        yield receiver


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_import_that_is_ended_leaves_nothing(
    maker: CacheMaker, tmp_path: Path, number: signal.Signals
) -> None:
    """A broken `ssh` is a SIGHUP; what was unpacked goes at once."""
    with half_imported(maker, tmp_path / "new") as receiver:
        receiver.send_signal(number)
        assert receiver.wait(timeout=BOUND) == 128 + number
    assert os.listdir(tmp_path / "new" / PARTIAL) == []


def test_a_killed_import_is_told_and_removed(maker: CacheMaker, tmp_path: Path) -> None:
    """By `status` and `clean`."""
    with half_imported(maker, tmp_path / "new") as receiver:
        receiver.kill()
    place = ("--cache-dir", str(tmp_path / "new"))
    assert b"Leftovers: partial downloads" in run("status", *place).stdout
    assert run("clean", "--leftovers=partial", "--yes", *place).returncode == 0
    assert os.listdir(tmp_path / "new" / PARTIAL) == []


def test_an_import_under_way_is_not_cleaned(maker: CacheMaker, tmp_path: Path) -> None:
    """Its folder is nobody's leftover."""
    with half_imported(maker, tmp_path / "new"):
        done = run("clean", "--leftovers", "--yes", "--cache-dir", str(tmp_path / "new"))
        assert b"There is nothing to remove" in done.stdout
        assert len(os.listdir(tmp_path / "new" / PARTIAL)) == 1


def test_a_long_import_tells_that_it_goes_on(maker: CacheMaker, tmp_path: Path) -> None:
    """Another machine that cleans the same cache goes by the time of its folder."""
    with half_imported(maker, tmp_path / "new") as receiver:
        (folder,) = (tmp_path / "new" / PARTIAL).iterdir()
        os.utime(folder, (1, 1))
        assert receiver.stdin is not None
        receiver.stdin.write(b"w" * 2**20)
        receiver.stdin.flush()
        until(lambda: folder.stat().st_mtime > 1, "a new time")


def test_the_next_import_has_the_room_of_a_killed_one(maker: CacheMaker, tmp_path: Path) -> None:
    """On a disk that has room for one; what is full is named, with a next step."""
    with small_disk(f"{tmp_path}/small", "tmpfs", "size=6m"):
        cache = tmp_path / "small/hub"
        with half_imported(maker, cache) as receiver:
            receiver.kill()
        sent = run("export", "org/c", "-").stdout
        done = imported("-", cache, stdin=None, input=sent)
        assert done.returncode == 0, done.stderr
        full = imported("-", cache, stdin=None, input=sent)
        assert full.returncode == 3
        assert f"The disk of {cache} is full.".encode() in full.stderr
        assert b"Next: swarmcache status" in full.stderr
        assert os.listdir(cache / PARTIAL) == []
