"""What `docker run` in a script comes to, and the image that the script builds before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.containers.values import Container


def container(folder: Path, script: str) -> Container:
    """Return the one container that a script starts."""
    (folder / "run.sh").write_text(script)
    (folder / "Dockerfile").write_text('FROM ubuntu\nENV A=1\nENTRYPOINT ["/x"]\n')
    (folder / "my.env").write_text('B="q"\n')
    environment = Environment({}, "/home/me", str(folder))
    (found,) = [one for one in Project(str(folder), environment).containers if one.run]
    return found


@pytest.mark.parametrize(
    "script",
    [
        "docker run --rm -it --gpus all -v /h:/c/ -e A=2 --env-file my.env -w /w img:1 a b\n",
        (
            "X=/h\ndocker run -dit --rm --name=n --gpus=all -v$X:/c -eA=2 --env-file=my.env"
            " --workdir /w img:1 a b\n"
        ),
        (
            "podman run --rm --mount type=bind,source=/h,target=/c -e A=2 --env-file my.env -w /w"
            " img:1 a b\n"
        ),
    ],
)
def test_options(script: str, tmp_path: Path) -> None:
    """In their spellings; an env file of docker keeps its quotes."""
    one = container(tmp_path, script)
    assert one.run is not None
    assert (one.run.removed, one.run.image, one.run.rest) == (True, "img:1", ("a", "b"))
    assert [(m.kind, m.source, m.target) for m in one.mounts] == [("bind", "/h", "/c")]
    values = [s and s.value for name in "AB" for s in one.variables[name]]
    assert values == ["2", '"q"']
    assert one.cwd == "/w"


def test_an_image_that_the_script_builds(tmp_path: Path) -> None:
    """It is that of the Dockerfile, which then is none by itself."""
    one = container(tmp_path, "docker build -t mine .\ndocker run mine:latest\n")
    assert one.image.name == "Dockerfile"
    assert one.entrypoint is not None
    assert one.image.known


def test_a_mount_that_is_not_known(tmp_path: Path) -> None:
    """It may be anywhere."""
    assert not container(tmp_path, 'docker run -v "$(mount)" ubuntu\n').mounts_known


def test_options_that_are_not_known(tmp_path: Path) -> None:
    """Then nobody knows which word is the image."""
    (tmp_path / "run.sh").write_text("docker run $(options) ubuntu\n")
    environment = Environment({}, "/home/me", str(tmp_path))
    assert Project(str(tmp_path), environment).containers == ()
