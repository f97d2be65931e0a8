"""The one folder, with what speaks for it and against it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from doctor.nodes import MODEL
from launch.init.projects import place
from swarmcache.hubcache import file_systems
from swarmcache.hubcache.file_systems import file_system
from swarmcache.hubcache.folder import within
from swarmcache.launch.init import better
from swarmcache.launch.init import folder as folders

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.launch.init import SetupPlan

RUN = '#!/bin/bash\npython train.py --config-path "$PWD/conf" --config-name c.yaml\n'
CONFIG = (
    "m:\n  _target_: transformers.AutoModel.from_pretrained\n"
    "  pretrained_model_name_or_path: org/big-7B\n"
)


def reasons(plan: SetupPlan) -> dict[str, bool]:
    """Return each reason's kind, and whether it speaks for the folder."""
    return {one.kind: one.good for one in plan.folder.reasons}


def told(plan: SetupPlan, kind: str) -> str:
    return next(one.message for one in plan.folder.reasons if one.kind == kind)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests lie where a person's projects do, not below /tmp, and on a disk that stays."""
    monkeypatch.setattr(file_systems, "_EMPTIED", ("/nowhere",))
    monkeypatch.setattr(
        folders, "file_system", lambda _path: file_systems.FileSystem("disk", "ext4")
    )


def test_the_users_own(tmp_path: Path) -> None:
    """Shared by all projects, and there after a fresh clone."""
    plan = place(tmp_path, {}).plan()
    assert reasons(plan) == {"keeps": True, "room": True, "shared": True, "clones": True}


def test_one_inside_of_the_project(tmp_path: Path) -> None:
    """What it costs is told first; git and images are kept clean of it."""
    node = place(tmp_path, {".gitignore": "logs/"})
    plan = node.init("project")
    assert [one.kind for one in plan.folder.reasons][:2] == ["shared", "clones"]
    assert reasons(plan) == {"shared": False, "clones": False, "keeps": True, "room": True}
    assert node.text(".gitignore") == "logs/\n/.cache/\n"
    assert node.init("project").writes == ()


@pytest.mark.parametrize("line", [".cache", "/.cache/", ".cache/huggingface/", "**/hub"])
def test_what_git_ignores_already_stays(tmp_path: Path, line: str) -> None:
    """In whatever words."""
    node = place(tmp_path, {".gitignore": f"{line}\n"})
    assert [one.change.file for one in node.plan("project").writes] == ["swarmcache.toml"]


def test_a_project_that_git_does_not_keep(tmp_path: Path) -> None:
    """Nothing to hide from."""
    assert "…" not in place(tmp_path, {}).plan("project").folder.path
    assert [w.change.file for w in place(tmp_path, {}).plan("project").writes] == [
        "swarmcache.toml"
    ]


def test_an_image_that_copies_the_project(tmp_path: Path) -> None:
    """The models would be in each of its layers."""
    dockerfile = "FROM python\nCOPY . /app\nWORKDIR /app\nCMD python train.py\n"
    node = place(tmp_path, {"Dockerfile": dockerfile, ".dockerignore": "logs\n"})
    node.init("project")
    assert node.text(".dockerignore") == "logs\n.cache\n"
    only = place(tmp_path / "2", {"Dockerfile": dockerfile.replace("COPY .", "COPY train.py")})
    only.init("project")
    assert ".dockerignore" not in only.files()


def test_not_enough_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told from the models' names, as nothing of them is here."""
    monkeypatch.setattr(folders, "free_bytes", lambda _path: 1_000_000_000)
    plan = place(tmp_path, {"run.sh": RUN, "conf/c.yaml": CONFIG}).plan()
    assert reasons(plan)["room"] is False
    assert told(plan, "room") == "1.0 GB are free, and about 14.0 GB lack."


def test_what_is_there_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is counted."""
    monkeypatch.setattr(folders, "free_bytes", lambda _path: 1_000_000_000)
    node = place(tmp_path, {"run.sh": RUN, "conf/c.yaml": CONFIG})
    CacheMaker(tmp_path / "home/.cache/huggingface/hub").repo("org/big-7B", MODEL)
    plan = node.plan()
    assert told(plan, "room") == "1.0 GB are free."
    assert told(plan, "holds") == "1 model or dataset is in it."


def test_a_script_that_empties_it(tmp_path: Path) -> None:
    """As managers of nodes do with a whole checkout."""
    reset = '#!/bin/bash\nrm -rf "$HOME/.cache/huggingface"\n'
    plan = place(tmp_path, {"reset.sh": reset}).plan()
    assert told(plan, "deleted") == "reset.sh:2 deletes it."


@pytest.mark.parametrize("kind", ["memory", "layer", "windows", "network"])
def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Only a network share keeps what is put there."""
    found = file_systems.FileSystem(kind, "name")  # type: ignore[arg-type]
    monkeypatch.setattr(folders, "file_system", lambda _path: found)
    assert reasons(place(tmp_path, {}).plan())["keeps"] is (kind == "network")


def test_a_volume_of_a_rented_machine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the home goes with the container; the emptiest disk with room first, nothing else."""
    disk, layer = (file_systems.FileSystem(k, k) for k in ("disk", "layer"))  # type: ignore[arg-type]
    for name in ("small", "large", "full"):
        (tmp_path / name).mkdir()
    rows = [file_systems.Mounted(f"{tmp_path}/{n}", disk, 1) for n in ("small", "large", "full")]
    rows += [file_systems.Mounted("/etc/hosts", disk, 1), file_systems.Mounted("/", layer, 2)]
    free = {"small": 20, "large": 50, "full": 1}
    monkeypatch.setattr(folders, "file_system", lambda _path: layer)
    monkeypatch.setattr(better, "mounted", lambda: iter(rows))
    monkeypatch.setattr(better, "file_system", lambda _path: disk)
    monkeypatch.setattr(better, "_disk", hash)
    monkeypatch.setattr(
        better, "within", lambda path, place: place != "/tmp" and within(path, place)
    )
    monkeypatch.setattr(
        better,
        "free_bytes",
        lambda path: next((f for n, f in free.items() if f"/{n}" in path), 0) * 10**9,
    )
    plan = place(tmp_path, {"run.sh": RUN, "conf/c.yaml": CONFIG}).plan()
    assert plan.folder.better == (
        f"{tmp_path}/large/huggingface/hub",
        f"{tmp_path}/small/huggingface/hub",
    )


def test_a_good_folder_has_no_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is talked out of what serves."""
    monkeypatch.setattr(folders, "better_places", None)
    assert place(tmp_path, {}).plan().folder.better == ()


TABLE = b"""\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:20 / /tmp rw - tmpfs tmpfs rw
24 22 0:21 / /mnt/c rw - 9p C:\\134 rw
25 22 0:22 / /srv/a\\040b rw - nfs4 host:/x rw
26 22 0:23 / /box rw - overlay overlay rw
27 26 8:2 / /box/models rw - xfs /dev/sdb1 rw
28 22 0:24 / /other rw - 9p host rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/home/ann/.cache", "disk", "ext4"),
        ("/tmp/x", "memory", "tmpfs"),
        ("/tmpx", "disk", "ext4"),
        ("/mnt/c/Users", "windows", "9p"),
        ("/srv/a b/hub", "network", "nfs4"),
        ("/box/home", "layer", "overlay"),
        ("/box/models/hub", "disk", "xfs"),
        ("/other/x", "other", "9p"),
    ],
)
def test_the_kernels_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, kind: str, name: str
) -> None:
    """The longest mount point counts; 9p is Windows only below /mnt, as WSL has it."""
    table = tmp_path / "mountinfo"
    table.write_bytes(TABLE)
    monkeypatch.setattr(file_systems, "_TABLE", str(table))
    monkeypatch.setattr(file_systems.os.path, "realpath", os.path.normpath)
    assert file_system(path) == file_systems.FileSystem(kind, name)  # type: ignore[arg-type]


def test_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.setattr(file_systems, "_TABLE", "/nowhere/mountinfo")
    assert file_system("/") == file_systems.FileSystem("unknown", "")
