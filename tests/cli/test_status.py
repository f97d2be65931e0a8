"""`swarmcache status` for people, programs, many repos and several caches."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, tiny_safetensors, write
from processes import killed_holder
from swarmcache import report
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "status.json").read_text())
MODEL = {
    "config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"a": 1}',
}
SIZE = sum(map(len, MODEL.values()))


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return CacheMaker(tmp_path / "hub")


def status(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]
    """Return the JSON document, valid by its schema."""
    assert main(["status", "--json", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    return told  # type: ignore[no-any-return]


def test_the_page_tells_where_why_and_what(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Place, decision, free space, a row per repo, totals."""
    maker.repo("org/name", MODEL)
    maker.repo("org/half", MODEL, absent=["model.safetensors"])
    maker.repo("org/data", {"x.csv": b"1"}, repo_type="dataset")

    assert main(["status", "--sort", "name"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Cache: {maker.path} (decided by HF_HUB_CACHE)"
    assert lines[1].startswith("Free on its disk: ")
    rows = [line.split() for line in lines if "org/" in line]
    assert [row[0] for row in rows] == ["datasets/org/data", "org/half", "org/name"]
    assert "✓ complete" in lines[6]
    assert "⚠ incomplete" in lines[5]
    assert lines[-1].startswith("Current cache size: ")
    assert "in 3 repos" in lines[-1]


def test_a_weaker_setting_is_told_as_it_stands(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where its folder is nobody asks any more."""
    with open("swarmcache.toml", "w") as file:
        file.write('[cache]\ndir = "../elsewhere"\n')
    assert main(["status", "--cache-dir", maker.path]) == 0
    assert "swarmcache.toml = ../elsewhere\n" in capsys.readouterr().out


def test_json_counts_content_and_disk(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Content once per repo, allocated blocks once per inode."""
    old = maker.repo("org/name", MODEL, refs=())
    new = maker.repo("org/name", {**MODEL, "config.json": b'{"b": 22}'})
    told = status(capsys)

    (repo,) = told["repos"]
    assert (repo["id"], repo["state"], repo["size_bytes"]) == ("org/name", "complete", SIZE + 9)
    blocks = os.stat(maker.path).st_blksize
    assert repo["physical_bytes"] == told["totals"]["physical_bytes"] == 5 * blocks
    assert {r["commit"]: r["refs"] for r in repo["revisions"]} == {old: [], new: ["main"]}
    assert [r["size_bytes"] for r in repo["revisions"] if r["commit"] == old] == [SIZE]


def test_shared_payloads_and_hard_links_count_once(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two repos in the shared store, a third hard-linked to them."""
    maker.repo("org/a", MODEL, shared=True)
    maker.repo("org/b", MODEL, shared=True)
    maker.repo("org/c", MODEL)
    blobs = [os.path.join(maker.folder(f"org/{name}"), "blobs") for name in ("a", "c")]
    (weights,) = (name for name in os.listdir(blobs[0]) if len(name) == 64)
    os.unlink(os.path.join(blobs[1], weights))
    os.link(os.path.realpath(os.path.join(blobs[0], weights)), os.path.join(blobs[1], weights))

    told = status(capsys)

    blocks = os.stat(maker.path).st_blksize
    assert told["totals"]["physical_bytes"] == (1 + 3 * 3) * blocks
    assert told["totals"]["size_bytes"] == 3 * SIZE


def test_leftovers_and_problems_are_told(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A download in its middle, a blob nobody links, a key beside the repos."""
    maker.repo("org/name", MODEL)
    blobs = os.path.join(maker.folder("org/name"), "blobs")
    write(os.path.join(blobs, "ab" * 32 + ".0123abcd.incomplete"), b"x" * 5000)
    write(os.path.join(blobs, "ab" * 32), b"x" * 5000)
    write(os.path.join(maker.path, "swarm.pem"), b"key")

    told = status(capsys)

    assert told["leftovers"]["partial_bytes"] == 8192
    assert told["leftovers"]["orphan_bytes"] == 8192
    assert [p["kind"] for p in told["problems"]] == ["foreign-file"]
    assert told["repos"][0]["state"] == "complete"
    main(["status"])
    printed = capsys.readouterr().out
    assert "swarm.pem is not of the Hub's layout" in printed
    assert "Leftovers: partial downloads 8.2 kB, blobs that no revision uses 8.2 kB" in printed


def test_only_locks_of_dead_processes_are_stale(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of kernel locks stay for ever, and stop nobody; also those of a repo that is gone."""
    maker.repo("org/name", MODEL)
    names = ("models--org--name/a", "models--org--name/b", "models--org--gone/c", ".swarmcache/d")
    locks = [os.path.join(maker.path, ".locks", f"{name}.lock") for name in names]
    for lock in locks:
        write(lock, b"")
    assert status(capsys)["leftovers"]["stale_locks"] == 0

    for lock in locks[1:]:
        os.unlink(lock)
        killed_holder(lock)
    assert status(capsys)["leftovers"]["stale_locks"] == 2
    assert status(capsys, "--filter", "org/name")["leftovers"]["stale_locks"] == 1


def test_a_repo_with_only_a_download_under_way_is_shown(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """No snapshot, no ref: `hf cache ls` hides such a repo."""
    write(os.path.join(maker.folder("org/new"), "blobs", "ab" * 32 + ".incomplete"), b"x")

    told = status(capsys)

    assert [(r["id"], r["state"]) for r in told["repos"]] == [("org/new", "missing")]


def test_filter_and_limit_keep_many_repos_readable(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, and the rest as a count."""
    for index in range(12):
        maker.repo(f"{'Qwen' if index % 3 else 'other'}/m{index}", {"config.json": b"{}"})

    assert len(status(capsys, "--filter", "qwen/*")["repos"]) == 8
    main(["status", "--limit", "2"])
    assert "… and 10 more; --limit 0 shows all" in capsys.readouterr().out


def test_several_caches_at_once(
    maker: CacheMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each on its own, and together with what they share counted once."""
    maker.repo("org/name", MODEL)
    other = CacheMaker(tmp_path / "other")
    other.repo("org/name", {})
    repo = "models--org--name"
    os.rmdir(next(iter((tmp_path / "other" / repo / "snapshots").iterdir())))
    (tmp_path / "other" / repo / "blobs").mkdir()
    for name in os.listdir(tmp_path / "hub" / repo / "blobs"):
        os.link(
            tmp_path / "hub" / repo / "blobs" / name, tmp_path / "other" / repo / "blobs" / name
        )

    told = status(capsys, str(tmp_path / "hub"), str(tmp_path / "other"))

    each = [cache["totals"]["physical_bytes"] for cache in told["caches"]]
    assert each[0] == each[1] == told["totals"]["physical_bytes"]
    main(["status", str(tmp_path / "hub"), "other"])
    assert "All caches together: 2 repos" in capsys.readouterr().out


def test_an_empty_default_is_no_error_but_a_named_folder_must_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh machine has no cache yet."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))

    assert status(capsys)["cache"]["exists"] is False
    assert main(["status", str(tmp_path / "none")]) == 3
    assert "does not exist" in capsys.readouterr().err


def test_hostile_names_cannot_write_to_the_terminal(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that spoofs a line or a colour is shown escaped."""
    write(os.path.join(maker.path, "\x1b[2Jevil\n✓ all good"), b"")

    main(["status"])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\n✓ all good" not in printed
