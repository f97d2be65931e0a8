"""Compose services that load models get the folder: in an override, or where the last file is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch.init.projects import compose_services, place

if TYPE_CHECKING:
    from pathlib import Path

    from launch.init.projects import Place

DOCKERFILE = """\
FROM python:3.11
{users}COPY . /app
WORKDIR /app
{user}CMD ["python", "train.py"]
"""
COMPOSE = """\
services:
  trainer:
    build: .
  web:
    image: nginx
"""
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to any group")


def node(folder: Path, files: dict[str, str] | None = None, user: str = "") -> Place:
    """Return a project with a service that loads a model, and one that does not."""
    users = f"RUN useradd -m {user}\n" if user else ""
    dockerfile = DOCKERFILE.format(users=users, user=f"USER {user}\n" if user else "")
    return place(
        folder, {"Dockerfile": dockerfile, "docker-compose.yaml": COMPOSE, **(files or {})}
    )


def service(one: Place, file: str, name: str = "trainer") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(one.text(file))["services"][name]
    return found


def test_a_file_of_its_own(tmp_path: Path) -> None:
    """Read beside the project's by itself; mounted at a place of its own, and told."""
    one = node(tmp_path)
    assert one.findings() == [("SC201", "docker-compose.yaml:2")]
    plan = one.init(str(tmp_path / "hub"))
    assert yaml.safe_load(one.text("docker-compose.override.yml")) == {
        "services": {
            "trainer": {
                "environment": {"HF_HUB_CACHE": "/models/hub"},
                "volumes": [{"type": "bind", "source": f"{tmp_path}/hub", "target": "/models/hub"}],
            }
        }
    }
    assert one.text("docker-compose.yaml") == COMPOSE
    assert (tmp_path / "hub").is_dir()  # An engine would make it root's.
    assert one.findings() == []
    assert plan.left == ()
    assert one.init(str(tmp_path / "hub")).writes == ()
    one.undo()
    assert not (tmp_path / "hub").exists()
    assert "docker-compose.override.yml" not in one.files()


def test_another_folder_renews_it(tmp_path: Path) -> None:
    """The file is ours, so it follows."""
    one = node(tmp_path)
    one.init(str(tmp_path / "hub"))
    one.init(str(tmp_path / "new"))
    (mount,) = service(one, "docker-compose.override.yml")["volumes"]
    assert mount["source"] == f"{tmp_path}/new"


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yml"])
def test_the_name_that_compose_reads(tmp_path: Path, name: str) -> None:
    """Each default file has one of its own."""
    one = place(tmp_path, {"Dockerfile": DOCKERFILE.format(users="", user=""), name: COMPOSE})
    one.init(str(tmp_path / "hub"))
    stem = "compose.override.yaml" if name.startswith("compose") else "docker-compose.override.yml"
    assert stem in one.files()
    assert one.findings() == []


@ROOT
def test_a_user_of_its_own_may_write(tmp_path: Path) -> None:
    """By the group of the folder, which is opened; not by anybody's number, nor for everybody."""
    one = node(tmp_path, user="ann")
    plan = one.init(str(tmp_path / "hub"))
    assert service(one, "docker-compose.override.yml")["group_add"] == ["0"]
    assert (tmp_path / "hub").stat().st_mode & 0o7777 & ~0o005 == 0o2770
    assert plan.sharing is not None
    assert not plan.group_asked
    assert one.init(str(tmp_path / "hub")).writes == ()


@ROOT
def test_the_group_that_is_asked_for(tmp_path: Path) -> None:
    """A folder that is open to a group stays so; its number is what the container gets."""
    one = node(tmp_path, user="ann")
    one.init(str(tmp_path / "hub"), group="4000")
    assert service(one, "docker-compose.override.yml")["group_add"] == ["4000"]
    again = one.init(str(tmp_path / "hub"))
    assert (again.writes, again.sharing) == ((), None)


def test_a_group_of_many_is_not_opened_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no mount is written either: the container could not fill it."""
    import grp  # noqa: PLC0415 - absent on Windows

    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("users", "x", gid, [])))
    one = node(tmp_path, user="ann")
    plan = one.init(str(tmp_path / "hub"))
    assert "docker-compose.override.yml" not in one.files()
    assert plan.left[0].file == "docker-compose.yaml"
    assert plan.left[0].fix == "swarmcache init --group GROUP"


OVERRIDES = {
    "without the service": "services:\n  web:\n    ports: ['80:80']\n",
    "with the service": "services:\n  trainer:\n    restart: always  # mine\n",
    "with a list": """\
services:
    trainer:
        volumes:
        - ./a:/a
        environment:
        - A=1
""",
    "with a mapping": """\
services:
  trainer:
    environment:
      A: 1
    volumes:
      - ./a:/a
""",
}


@pytest.mark.parametrize("text", OVERRIDES.values(), ids=list(OVERRIDES))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_override_that_is_there_gets_the_lines(tmp_path: Path, text: str, end: str) -> None:
    """Everything of it stays, line by line, and means what it meant."""
    one = node(tmp_path)
    path = one.folder / "docker-compose.override.yml"
    path.write_bytes(text.replace("\n", end).encode())
    before = yaml.safe_load(text)
    one.init(str(tmp_path / "hub"))
    now, then = path.read_bytes(), text.replace("\n", end).encode()
    lines = now.splitlines(keepends=True)
    assert all(line.endswith(end.encode()) for line in lines)
    assert [one for one in lines if one in then] == then.splitlines(keepends=True)
    after = yaml.safe_load(now)
    trainer = after["services"].pop("trainer")
    old = before["services"].pop("trainer", {})
    assert after == before
    mount = {"type": "bind", "source": f"{tmp_path}/hub", "target": "/models/hub"}
    assert trainer.pop("volumes") == [mount, *old.pop("volumes", [])]
    given = trainer.pop("environment")
    mine = old.pop("environment", {})
    if isinstance(mine, list):
        assert given == ["HF_HUB_CACHE=/models/hub", *mine]
    else:
        assert given == {"HF_HUB_CACHE": "/models/hub", **mine}
    assert trainer == old
    assert one.findings() == []
    assert one.init(str(tmp_path / "hub")).writes == ()
    one.undo()
    assert path.read_bytes() == then


@pytest.mark.parametrize(
    "text", ["services: {trainer: {restart: always}}\n", "# nothing\n", "a: [\n"]
)
def test_an_override_in_another_shape_is_told(tmp_path: Path, text: str) -> None:
    """With what to paste, where that is known."""
    one = node(tmp_path, {"docker-compose.override.yml": text})
    plan = one.init(str(tmp_path / "hub"))
    assert one.text("docker-compose.override.yml") == text
    assert "docker-compose.override.yml" in {left.file for left in plan.left}


def test_files_that_a_script_names(tmp_path: Path) -> None:
    """Then no override is read, and the last file gets the lines."""
    up = "#!/bin/bash\ndocker compose -f docker-compose.yaml -f gpu-compose.yml up\n"
    gpu = "services:\n  trainer:\n    shm_size: 1g\n"
    one = node(tmp_path, {"up.sh": up, "docker-compose.gpu.yml": gpu})
    (one.folder / "up.sh").write_text(up.replace("gpu-compose", "docker-compose.gpu"))
    one.init(str(tmp_path / "hub"))
    assert service(one, "docker-compose.gpu.yml")["environment"] == {"HF_HUB_CACHE": "/models/hub"}
    assert one.findings() == []


def test_a_default_file_that_a_script_names(tmp_path: Path) -> None:
    """With `-f`, compose reads no override, so the lines go into the file itself."""
    one = node(tmp_path, {"up.sh": "#!/bin/bash\ndocker compose -f docker-compose.yaml up\n"})
    one.init(str(tmp_path / "hub"))
    assert "docker-compose.override.yml" not in one.files()
    assert service(one, "docker-compose.yaml")["environment"] == {"HF_HUB_CACHE": "/models/hub"}
    assert one.findings() == []
    assert one.init(str(tmp_path / "hub")).writes == ()


def test_compose_itself_has_one_of_each(tmp_path: Path) -> None:
    """The real program: by itself, from an override that was there, and with `-f`."""
    for name, (more, files) in {
        "own": ({}, []),
        "there": ({"docker-compose.override.yml": OVERRIDES["with a list"]}, []),
        "named": (
            {
                "up.sh": "docker compose -f docker-compose.yaml -f docker-compose.gpu.yml up\n",
                "docker-compose.gpu.yml": OVERRIDES["with a mapping"],
            },
            ["docker-compose.yaml", "docker-compose.gpu.yml"],
        ),
    }.items():
        one = node(tmp_path / name, more)
        one.init(str(tmp_path / "a $x/hub"))
        trainer = compose_services(one.folder, *files)["trainer"]
        assert trainer["environment"]["HF_HUB_CACHE"] == "/models/hub"
        (mount,) = [m for m in trainer["volumes"] if isinstance(m, dict)]
        assert mount["source"].replace("$$", "$") == f"{tmp_path}/a $x/hub"
        assert one.findings() == []


def test_old_variables_in_the_image(tmp_path: Path) -> None:
    """transformers before 5 reads them first, so they name the same folder in the container."""
    dockerfile = DOCKERFILE.format(users="ENV TRANSFORMERS_CACHE=/cache\n", user="")
    one = place(tmp_path, {"Dockerfile": dockerfile, "docker-compose.yaml": COMPOSE})
    one.init(str(tmp_path / "hub"))
    assert service(one, "docker-compose.override.yml")["environment"] == {
        "HF_HUB_CACHE": "/models/hub",
        "TRANSFORMERS_CACHE": "/models/hub",
    }


@pytest.mark.parametrize("name", ["a $x", 'it\'s "y"', "模型 # {}"])
def test_any_name_survives_the_file(tmp_path: Path, name: str) -> None:
    """In YAML, and in compose, which fills `$` in."""
    one = node(tmp_path)
    one.init(str(tmp_path / name))
    (mount,) = service(one, "docker-compose.override.yml")["volumes"]
    assert mount["source"].replace("$$", "$") == str(tmp_path / name)


def test_an_image_that_is_run_by_hand_is_told(tmp_path: Path) -> None:
    """With the options to add."""
    run = "#!/bin/bash\ndocker build -t mine .\ndocker run --rm mine\n"
    one = place(tmp_path, {"Dockerfile": DOCKERFILE.format(users="", user=""), "run.sh": run})
    plan = one.init(str(tmp_path / "hub"))
    assert f"-v {tmp_path}/hub:/models/hub -e HF_HUB_CACHE=/models/hub" in {
        left.fix for left in plan.left
    }
