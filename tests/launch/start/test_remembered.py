"""What an instance drew is kept, for that instance of that project and user."""

from __future__ import annotations

import os
import pathlib

import pytest

from swarmcache.environment import Environment
from swarmcache.launch.start.remembered import (
    draws_file,
    forget_draws,
    remember_draws,
    remembered_draws,
)

DRAWS = {"MODEL_NAME": "tiny/two"}


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> Environment:
    return Environment({"XDG_STATE_HOME": str(tmp_path / "state")}, str(tmp_path), str(tmp_path))


def of_instance(environment: Environment, name: str) -> Environment:
    return environment._replace(variables={**environment.variables, "SWARMCACHE_INSTANCE": name})


def test_what_was_drawn_is_remembered_and_forgotten(environment: Environment) -> None:
    """In the user's own state, by the project's real path."""
    assert remembered_draws(environment, "/srv/swarm") == {}
    remember_draws(environment, "/srv/swarm", DRAWS)
    assert remembered_draws(environment, "/srv/swarm") == DRAWS
    state = environment.variables["XDG_STATE_HOME"]
    assert draws_file(environment, "/srv/swarm") == (
        f"{state}/swarmcache/draws/srv/swarm/instance."
    )
    forget_draws(environment, "/srv/swarm", {"MODEL_NAME": "tiny/one"})
    assert remembered_draws(environment, "/srv/swarm") == DRAWS
    forget_draws(environment, "/srv/swarm", DRAWS)
    assert remembered_draws(environment, "/srv/swarm") == {}


def test_instances_and_projects_have_their_own(environment: Environment) -> None:
    """Also a project whose name is an instance's file, and one inside another."""
    first, second = of_instance(environment, "1"), of_instance(environment, "2")
    remember_draws(first, "/srv", DRAWS)
    remember_draws(second, "/srv", {"MODEL_NAME": "tiny/one"})
    remember_draws(environment, "/srv/inside", {"MODEL_NAME": "tiny/three"})
    assert remembered_draws(first, "/srv") == DRAWS
    assert remembered_draws(second, "/srv") == {"MODEL_NAME": "tiny/one"}
    assert remembered_draws(environment, "/srv") == {}


def test_the_same_again_writes_nothing(environment: Environment) -> None:
    """A warm start leaves the disk alone."""
    remember_draws(environment, "/srv", DRAWS)
    file = draws_file(environment, "/srv")
    os.utime(file, (1, 1))
    remember_draws(environment, "/srv", DRAWS)
    assert os.stat(file).st_mtime == 1
    remember_draws(environment, "/srv", {})
    assert remembered_draws(environment, "/srv") == DRAWS


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"MODEL_NAME", b"a b c\n\n x\n"])
def test_a_damaged_file_remembers_nothing(environment: Environment, content: bytes) -> None:
    """It is drawn anew, and the file written anew."""
    remember_draws(environment, "/srv", DRAWS)
    file = pathlib.Path(draws_file(environment, "/srv"))
    file.write_bytes(content)
    assert remembered_draws(environment, "/srv") == {}
    remember_draws(environment, "/srv", DRAWS)
    assert file.read_bytes() == b"MODEL_NAME tiny/two\n"
