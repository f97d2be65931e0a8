"""Real projects, commit by commit: doctor finds what was judged, no more and no less.

`SWARMCACHE_JUDGED` is a folder with a git clone of each, named `owner+name`. Nothing of them is
kept here but the verdicts (`judged.toml`).
"""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import tomllib

from doctor.cases import interpreter
from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import examined
from swarmcache.doctor.node import Node
from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

JUDGED: dict[str, Any] = tomllib.loads((pathlib.Path(__file__).parent / "judged.toml").read_text())
CHECKOUTS = JUDGED["checkout"]
CLONES = os.environ.get("SWARMCACHE_JUDGED")
VERDICTS = {"true", "imprecise", "unknown"}
LARGEST = 400_000
"""Bytes; larger files are data."""
PATIENCE = 60
"""Seconds for one command of git, which reads only what is on the disk."""


@pytest.mark.timeout(900)  # verl has 1042 text files, and two cores may be busy.
@pytest.mark.parametrize(
    "checkout", CHECKOUTS, ids=lambda one: f"{one['repo']}@{one.get('label') or one['commit'][:10]}"
)
def test_findings_are_the_judged_ones(checkout: dict[str, Any], tmp_path: pathlib.Path) -> None:
    """A new finding has to be judged, and a lost one explained."""
    project = tmp_path / "project"
    extract(clone_of(checkout), checkout["commit"], project)
    (tmp_path / "home").mkdir()
    environment = Environment({}, str(tmp_path / "home"), str(project))
    versions = {"transformers": "4.51.3", "huggingface_hub": "0.36.2"}
    python = interpreter(tmp_path / "env", **versions)
    found = examined(Case(Project(str(project), environment), Node(environment, python)))
    places = [(f.rule, f"{f.span.file}:{f.span.line}" if f.span else "") for f in found]
    assert sorted(places) == sorted((one["rule"], one["at"]) for one in checkout["findings"])


def test_no_finding_that_stands_is_false() -> None:
    """A false one is mended in its rule, and becomes a look-alike here."""
    verdicts = {one["verdict"] for checkout in CHECKOUTS for one in checkout["findings"]}
    assert verdicts <= VERDICTS


@pytest.mark.parametrize("alike", JUDGED["look_alike"], ids=lambda a: f"{a['repo']}-{a['rule']}")
def test_look_alikes_are_not_in_the_list(alike: dict[str, Any]) -> None:
    """So that nobody takes one for a finding when the list is written again."""
    listed = {
        (one["rule"], one["at"])
        for checkout in CHECKOUTS
        if checkout["repo"] == alike["repo"]
        for one in checkout["findings"]
    }
    if alike["at"]:
        assert (alike["rule"], alike["at"]) not in listed
    else:
        assert alike["rule"] not in {rule for rule, _ in listed}


def clone_of(checkout: dict[str, Any]) -> pathlib.Path:
    """Return the clone that has a commit; skips where there is none."""
    if not CLONES:
        pytest.skip("SWARMCACHE_JUDGED names no folder with clones")
    clone = pathlib.Path(CLONES) / checkout["repo"].replace("/", "+")
    commit = f"{checkout['commit']}^{{commit}}"
    known = subprocess.run(
        ["git", "-C", str(clone), "cat-file", "-e", commit],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    if known.returncode:
        pytest.skip(f"{clone} has no {checkout['commit']}")
    return clone


def extract(clone: pathlib.Path, commit: str, folder: pathlib.Path) -> None:
    """Write the files of a commit below a folder: no links, nothing large, nothing missing."""
    wanted = list(listed(clone, commit))
    asked = "".join(f"{blob}\n" for blob, _, _ in wanted).encode()
    command = ["git", "-C", str(clone), "cat-file", "--batch"]
    done = subprocess.run(command, input=asked, capture_output=True, check=True, timeout=PATIENCE)
    at = 0
    for _, mode, path in wanted:
        head, _, rest = done.stdout[at:].partition(b"\n")
        at += len(head) + 1
        if head.endswith(b" missing"):
            continue
        size = int(head.split()[2])
        at += size + 1
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rest[:size])
        file.chmod(int(mode[-3:], 8))


def listed(clone: pathlib.Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Yield the blob, mode and path of each file that is small enough."""
    command = ["git", "-C", str(clone), "ls-tree", "-r", "-l", "-z", commit]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=PATIENCE)
    for row in filter(None, done.stdout.split("\0")):
        about, _, path = row.partition("\t")
        mode, kind, blob, size = about.split()
        if kind == "blob" and mode != "120000" and size.isdecimal() and int(size) < LARGEST:
            yield blob, mode, path
