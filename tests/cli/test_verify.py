"""`swarmcache verify` as people, cron jobs and programs use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors
from other_user import open_folder, run_as_other_user
from processes import BOUND, until
from swarmcache import report
from swarmcache.cli import main
from swarmcache.hubcache.intact import pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "verify.json").read_text())
MODEL = {
    "config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"a": 1}',
}
SIZE = sum(map(len, MODEL.values()))


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names, and an empty working directory."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return CacheMaker(tmp_path / "hub")


def blob(maker: CacheMaker, content: bytes, repo_id: str = "org/name") -> str:
    """Where the blob of some content lies."""
    name = sha256(content) if len(content) > 100 else git_sha1(content)
    return f"{maker.folder(repo_id)}/blobs/{name}"


def age(maker: CacheMaker) -> None:
    """Make every file old enough to be remembered."""
    for folder, _, names in os.walk(maker.path):
        for name in names:
            os.utime(os.path.join(folder, name), (1e9, 1e9))


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    """Run `verify --json` and return its exit code and its document, which fits its schema."""
    code = main(["verify", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    return code, found


def test_a_good_model_exits_with_0(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says how much is good, one that says what it cost."""
    maker.repo("org/name", MODEL)

    assert main(["verify", "org/name"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "✓ 4 files are intact."
    assert second.startswith(f"Hashed {SIZE / 1000:.1f} kB in ")


def test_a_second_run_says_what_it_remembers(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing of hashing."""
    maker.repo("org/name", MODEL)
    age(maker)
    main(["verify", "org/name"])
    capsys.readouterr()

    assert main(["verify", "org/name"]) == 0
    assert capsys.readouterr().out == "✓ 4 files are intact (4 remembered).\n"


def test_wrong_bytes_exit_with_5_and_are_named_with_proof(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file, the blob, the hash that must be and the hash that is."""
    commit = maker.repo("org/name", MODEL)
    path = blob(maker, MODEL["model.safetensors"])
    changed = MODEL["model.safetensors"][:-1] + b"\0"
    with open(path, "wb") as file:
        file.write(changed)

    assert main(["verify", "org/name"]) == 5
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"✗ org/name@{commit[:12]} model.safetensors: ")
    assert out[0].endswith("(wrong-hash)")
    assert out[1] == f"    {path}"
    assert out[2] == (
        f"    sha256: expected {sha256(MODEL['model.safetensors'])}, found {sha256(changed)}"
    )
    assert out[3] == "✗ 3 files are intact, 1 is corrupt."


def test_missing_alone_exits_with_1_and_corrupt_wins(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost blob; then, beside it, a file that is cut off."""
    maker.repo("org/name", MODEL)
    os.unlink(blob(maker, MODEL["tokenizer.json"]))
    code, found = document(capsys, "org/name")
    assert (code, found["ok"]) == (1, False)
    counts = {"verified": 3, "remembered": 0, "unverifiable": 0, "corrupt": 0, "missing": 1}
    assert found["files"] == counts

    os.truncate(blob(maker, MODEL["model.safetensors"]), 5)

    code, found = document(capsys, "org/name")
    assert code == 5
    assert [(p["path"], p["kind"]) for p in found["problems"]] == [  # type: ignore[attr-defined]
        ("model.safetensors", "truncated"),
        ("tokenizer.json", "missing-blob"),
    ]


def test_the_next_step_is_a_command(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is repaired; what never was here is pulled; what is good needs nothing."""
    maker.repo("org/name", MODEL)
    main(["verify", "org/name"])
    assert "Next:" not in capsys.readouterr().err
    main(["verify", "org/absent"])
    assert "Next: swarmcache pull org/absent\n" in capsys.readouterr().err

    os.truncate(blob(maker, MODEL["model.safetensors"]), 5)
    main(["verify", "org/name", "org/absent"])

    assert "Next: swarmcache verify --repair org/name\n" in capsys.readouterr().err


def test_what_cannot_be_verified_is_counted_and_exits_with_0(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name and no manifest: `--verbose` says why, and nobody calls it corrupt."""
    maker.repo("org/name", MODEL, links=False, trees=False)

    assert main(["verify", "org/name", "--verbose"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "✓ 0 files are intact, 4 cannot be verified.\n"
    assert "tokenizer.json: No manifest of the commit is cached" in printed.err
    code, found = document(capsys, "org/name")
    assert (code, found["ok"], len(found["unverifiable"])) == (0, True, 4)  # type: ignore[arg-type]


def test_json_names_the_problem_as_designed(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every field that DESIGN.md promises, with its value."""
    commit = maker.repo("org/name", MODEL)
    path = blob(maker, MODEL["config.json"])
    with open(path, "wb") as file:
        file.write(b"[]")

    code, found = document(capsys, "org/name")

    (problem,) = found["problems"]  # type: ignore[misc]
    assert code == 5
    assert problem == {
        "repo": "org/name",
        "type": "model",
        "commit": commit,
        "path": "config.json",
        "blob": path,
        "size_bytes": 2,
        "kind": "wrong-hash",
        "algorithm": "git-sha1",
        "expected": git_sha1(b"{}"),
        "actual": git_sha1(b"[]"),
        "remembered": False,
        "reason": "",
    }
    assert found["bytes_hashed"] == SIZE


def test_all_means_every_repo_and_revision(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old revisions and datasets too; a model beside `--all` is a mistake."""
    maker.repo("org/name", {"config.json": b"old"}, commit="1" * 40, refs=())
    maker.repo("org/name", MODEL)
    maker.repo("org/data", {"a.txt": b"a", "b.txt": b"b"}, repo_type="dataset")

    code, found = document(capsys, "--all")
    assert (code, found["files"]["verified"]) == (0, 7)  # type: ignore[index]
    assert main(["verify", "--all", "org/name"]) == 2


def test_without_a_model_the_projects_models_are_verified(
    maker: CacheMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `check` does it; where the project names none that is a usage error."""
    maker.repo("org/name", MODEL)
    assert main(["verify"]) == 2
    (tmp_path / "project/swarmcache.toml").write_text('[[models]]\nid = "org/name"\n')
    capsys.readouterr()

    assert main(["verify"]) == 0
    assert capsys.readouterr().out.startswith("✓ 4 files are intact.")


def test_fail_fast_stops_at_the_first_problem(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files are cut off, one is named."""
    maker.repo("org/name", MODEL)
    for path in ("model.safetensors", "tokenizer.json"):
        os.truncate(blob(maker, MODEL[path]), 1)

    code, found = document(capsys, "org/name", "--fail-fast")

    assert (code, len(found["problems"])) == (5, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--older-than", "soon"), ("--max-rate", "fast"), ("--max-rate", "0"), ("--jobs", "0")],
)
def test_options_that_mean_nothing_are_usage_errors(
    maker: CacheMaker, option: str, value: str
) -> None:
    """Rather than a run that means something else."""
    maker.repo("org/name", MODEL)

    assert main(["verify", "org/name", option, value]) == 2


def test_older_than_counts_in_days(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """What was hashed just now is younger than 30 days and not younger than 0 seconds."""
    maker.repo("org/name", MODEL)
    age(maker)
    main(["verify", "org/name"])
    capsys.readouterr()

    _, month = document(capsys, "org/name", "--older-than", "30d")
    _, now = document(capsys, "org/name", "--older-than", "0s")

    assert month["files"]["remembered"] == 4  # type: ignore[index]
    assert now["files"]["verified"] == 4  # type: ignore[index]


def test_background_gives_way_in_the_threads_that_hash(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The niceness of the process that called stays what it was."""
    maker.repo("org/name", MODEL)
    stepped: list[int] = []
    real: Callable[[], None] = pace.step_back

    def seen() -> None:
        real()
        stepped.append(os.getpriority(os.PRIO_PROCESS, 0))

    monkeypatch.setattr("swarmcache.hubcache.intact.crew.step_back", seen)
    before = os.getpriority(os.PRIO_PROCESS, 0)

    assert main(["verify", "org/name", "--background", "--jobs", "1"]) == 0
    assert stepped == [19]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_cache_that_is_not_there_is_no_answer(maker: CacheMaker) -> None:
    """The environment prevents it: 3, not a clean bill of health."""
    assert main(["verify", "--all", "--cache-dir", f"{maker.path}/absent"]) == 3


def test_a_ledger_that_cannot_be_written_is_a_warning(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where its folder should be."""
    maker.repo("org/name", MODEL)
    age(maker)
    with open(f"{maker.path}/.locks", "w"):
        pass
    monkeypatch.setenv("XDG_STATE_HOME", f"{maker.path}/.locks")

    assert main(["verify", "org/name"]) == 0
    assert "⚠ What was verified cannot be remembered" in capsys.readouterr().err


@pytest.mark.faults
def test_a_cache_that_others_own_is_verified_and_remembered_by_each_user() -> None:
    """Nothing is written to it; memory lies in the user's own folder, and `check` reads it."""
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/name", MODEL)
        path = blob(maker, MODEL["model.safetensors"])
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x7f")
        age(maker)
        os.mkdir(f"{folder}/home", 0o777)
        os.chmod(f"{folder}/home", 0o777)
        environment = {"HOME": f"{folder}/home", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "swarmcache"]
        where = ["org/name", "--cache-dir", maker.path, "--json"]

        options = {"env": environment, "cwd": folder}
        first = run_as_other_user([*command, "verify", *where], **options)
        second = run_as_other_user([*command, "verify", *where], **options)
        check = run_as_other_user([*command, "check", *where], **options)

        assert first.returncode == second.returncode == 5, first.stderr
        assert json.loads(first.stdout)["files"]["verified"] == 3
        assert json.loads(second.stdout)["files"]["remembered"] == 3
        assert json.loads(second.stdout)["bytes_hashed"] == 0
        assert json.loads(check.stdout)["models"][0]["damaged"] == ["model.safetensors"]
        assert not os.path.exists(f"{maker.path}/.locks")


@pytest.mark.faults
def test_a_file_that_this_user_may_not_read_is_named() -> None:
    """It is not called corrupt, and the run does not call the model good."""
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/name", MODEL)
        os.chmod(blob(maker, MODEL["model.safetensors"]), 0o600)
        command = [sys.executable, "-m", "swarmcache", "verify", "--all", "--json"]
        done = run_as_other_user(
            [*command, "--cache-dir", maker.path],
            env={"HOME": folder, "PATH": os.environ["PATH"]},
            cwd=folder,
        )

    assert done.returncode == 1, done.stderr
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["path"], problem["kind"]) == ("model.safetensors", "unreadable")


@pytest.mark.faults
def test_an_interrupted_run_exits_with_130_and_has_lost_nothing(maker: CacheMaker) -> None:
    """SIGINT after the first file: the next run remembers it."""
    maker.repo("org/name", {f"{n}.bin": bytes([n]) * 2**21 for n in range(8)})
    age(maker)
    command = [sys.executable, "-m", "swarmcache", "verify", "--all", "--json", "--jobs", "1"]
    run = subprocess.Popen([*command, "--max-rate", "8MB"], stdout=subprocess.PIPE, text=True)
    hashes = f"{maker.path}/.locks/.swarmcache/ledger/hashes"
    until(lambda: os.path.exists(hashes) and os.path.getsize(hashes), "the first result")

    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=BOUND)

    assert run.returncode == 130
    found = json.loads(out)
    assert (found["interrupted"], found["ok"]) == (True, False)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(again.stdout)["files"]["remembered"] >= max(found["files"]["verified"], 1)
