"""What a container begins with, by its image, its compose files and their `.env`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.containers.values import Container


def project(folder: Path, files: dict[str, str], **variables: str) -> Project:
    """Write a project's files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Project(str(folder), Environment(variables, "/home/me", str(folder)))


def container(folder: Path, files: dict[str, str], name: str = "a", **variables: str) -> Container:
    """Return one container of a project."""
    (found,) = [one for one in project(folder, files, **variables).containers if one.name == name]
    return found


def value(one: Container, name: str) -> str | None:
    """Return what a variable is in a container."""
    (setting,) = one.variables.get(name, (None,))
    return None if setting is None else setting.value


def test_later_words_win(tmp_path: Path) -> None:
    """The image's ENV, then env_file, then environment, then the override's."""
    files = {
        "Dockerfile": "FROM ubuntu\nENV A=1 B=1 C=1 D=1\n",
        "x.env": "B=2\nC=2\nD=2\n",
        "compose.yaml": ("services: {a: {build: ., env_file: x.env, environment: {C: 3, D: 3}}}\n"),
        "compose.override.yaml": "services: {a: {environment: [D=4]}}\n",
    }
    one = container(tmp_path, files)
    assert [value(one, name) for name in "ABCD"] == ["1", "2", "3", "4"]


def test_what_is_filled_in(tmp_path: Path) -> None:
    """By the environment, then by `.env`, then by the default; a name alone is passed on."""
    files = {
        ".env": "X=file\nY=file\n",
        "compose.yaml": (
            "services: {a: {image: ubuntu, environment: ["
            "'A=${X}', 'B=${Y}', 'C=${Z:-none}', 'D=$$X', Y]}}\n"
        ),
    }
    one = container(tmp_path, files, X="shell")
    found = [value(one, name) for name in ("A", "B", "C", "D", "Y")]
    assert found == ["shell", "file", "none", "$X", "file"]


def test_home_and_user(tmp_path: Path) -> None:
    """That of a user whom the Dockerfile makes, also by number; of others it is not known."""
    base = "FROM ubuntu\nRUN apt x && \\\n # why\n useradd -m -u 1001 -d /srv/u joe\nUSER joe\n"
    compose = "services: {a: {build: .}, b: {build: ., user: '1001:1'}, c: {build: ., user: '7'}}\n"
    found = project(tmp_path, {"Dockerfile": base, "compose.yaml": compose}).containers
    assert [one.home for one in found] == ["/srv/u", "/srv/u", None]


def test_an_unknown_base_may_set_anything(tmp_path: Path) -> None:
    """So its cache is not known, but where the project sets it."""
    files = {
        "Dockerfile": "FROM corp/base\nENV HF_HOME=/x\n",
        "compose.yaml": "services: {a: {build: .}}\n",
    }
    one = container(tmp_path, files)
    assert one.home is None
    assert value(one, "HF_HOME") == "/x"
    assert len(one.variables["HF_HUB_CACHE"]) == 2


def test_the_script_in_the_image_is_gone_through(tmp_path: Path) -> None:
    """By the way of COPY, with what the container sets, and `"$@"` is the command."""
    files = {
        "docker/Dockerfile": (
            "FROM python:3.11\nWORKDIR /app\nCOPY . .\nENV A=1\n"
            'ENTRYPOINT ["./start.sh"]\nCMD ["python", "train.py"]\n'
        ),
        "start.sh": '#!/bin/sh\nexport B="$(dirname "$0")"\nexec "$@"\n',
        "compose.yaml": "services: {a: {build: {context: ., dockerfile: docker/Dockerfile}}}\n",
    }
    found = [e for e in project(tmp_path, files).executions if e.root.kind == "service"]
    (last,) = [e for e in found if e.program.name == "python"]
    assert last.program.words == ("python", "train.py")
    assert [s and s.value for s in (*last.variable("A"), *last.variable("B"))] == ["1", "/app"]
    assert last.cwd == "/app"


def test_mounts(tmp_path: Path) -> None:
    """What lies in which; a volume in memory does not last, and an image's own neither."""
    files = {
        "Dockerfile": "FROM ubuntu\nVOLUME /own\n",
        "compose.yaml": (
            "services: {a: {build: ., volumes: ['./x:/x', 'v:/v', 'm:/m', '~/h:/x/h']}}\n"
            "volumes: {v: , m: {driver_opts: {type: tmpfs}}}\n"
        ),
    }
    one = container(tmp_path, files)
    found = {path: one.mount_at(path) for path in ("/x/a", "/x/h/b", "/v", "/m", "/own/a", "/z")}
    lasting = {path: mount.lasts if mount else None for path, mount in found.items()}
    assert lasting == {
        "/x/a": True, "/x/h/b": True, "/v": True, "/m": False, "/own/a": False, "/z": None,
    }  # fmt: skip
    mount = found["/x/h/b"]
    assert mount is not None
    assert mount.source == "/home/me/h"


def test_extends_and_files_of_a_script(tmp_path: Path) -> None:
    """A service of another file, and two files that a script names together."""
    files = {
        "base.compose.yaml": "",
        "docker-compose.base.yaml": "services: {b: {image: ubuntu, environment: {A: 1, B: 1}}}\n",
        "docker-compose.a.yaml": (
            "services: {a: {extends: {file: docker-compose.base.yaml, service: b},"
            " environment: {B: 2}}}\n"
        ),
        "docker-compose.more.yaml": "services: {a: {environment: {C: 3}}}\n",
        "up.sh": "docker compose -f docker-compose.a.yaml -f docker-compose.more.yaml up -d\n",
    }
    one = container(tmp_path, files)
    assert [value(one, name) for name in "ABC"] == ["1", "2", "3"]


def test_args_choose_the_base(tmp_path: Path) -> None:
    """Those that compose gives beat the default."""
    files = {
        "Dockerfile": "ARG B=corp/base\nFROM $B\n",
        "compose.yaml": "services: {a: {build: {context: ., args: [B=ubuntu]}}, b: {build: .}}\n",
    }
    found = project(tmp_path, files).containers
    assert [one.image.known for one in found] == [True, False]


def test_what_nobody_sets_may_be_set_by_who_starts_it(tmp_path: Path) -> None:
    """So it is empty or not known, and a mount there is one of unknown place."""
    text = "services: {a: {image: ubuntu, environment: ['A=${X}'], volumes: ['./x:${X}']}}\n"
    one = container(tmp_path, {"compose.yaml": text})
    assert [setting and setting.value for setting in one.variables["A"]] == ["", None]
    assert not one.mounts_known
