"""`swarmcache move` of a cache that others name too: what `init` wrote follows, the rest has links.

Killed on the way: tests/faults/test_move_survives_kills.py.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import yaml

from cachemaker import CacheMaker
from cleaning import contents, model
from other_user import NOBODY, open_folder, run_as_other_user
from processes import ran
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import Target, parse_target
from swarmcache.hubcache.use.roots import add_root, roots
from swarmcache.launch.init import plan_following
from swarmcache.project.readers.grammars import parser

FILES = model(1)
TRAIN = 'from transformers import AutoModel\nAutoModel.from_pretrained("org/a")\n'
START = "#!/bin/bash\nset -euo pipefail\n\npython train.py\n"
COMPOSE = "services:\n  trainer:\n    build: .\n"
DOCKERFILE = 'FROM python:3.11\nCOPY . /app\nWORKDIR /app\nCMD ["python", "train.py"]\n'


class Machine:
    """A user with projects that use one cache."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.old = f"{folder}/old"
        self.new = f"{folder}/new"
        (folder / "home").mkdir()
        (folder / "bin").mkdir()
        (folder / "bin/python").write_text('#!/bin/sh\necho "${HF_HUB_CACHE-}"\n')
        (folder / "bin/python").chmod(0o755)
        CacheMaker(self.old).repo("org/a", FILES)

    @property
    def variables(self) -> dict[str, str]:
        """What this user's shell has."""
        kept = {name: one for name, one in os.environ.items() if not name.startswith("HF_")}
        state = f"{self.folder}/state"
        return {**kept, "HOME": f"{self.folder}/home", "XDG_STATE_HOME": state}

    def project(self, name: str, **files: str) -> pathlib.Path:
        """Return a new project that loads the model."""
        made = self.folder / name
        made.mkdir()
        for file, text in {"train.py": TRAIN, "run_rl_swarm.sh": START, **files}.items():
            (made / file).write_text(text)
        (made / "run_rl_swarm.sh").chmod(0o755)
        return made

    def swarmcache(self, project: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        command = [sys.executable, "-m", "swarmcache", *words]
        return ran(command, cwd=project, env=self.variables, timeout=60)

    def started(self, project: pathlib.Path) -> str:
        """Return which cache the trainer gets from the start script itself."""
        path = f"{self.folder}/bin:/usr/bin:/bin"
        words = ["./run_rl_swarm.sh"]
        env = {**self.variables, "PATH": path}
        done = subprocess.run(words, cwd=project, env=env, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def root(self, project: pathlib.Path, cache: str | None = None) -> None:
        """Register what a project needs."""
        environment = Environment(self.variables, f"{self.folder}/home", str(project))
        targets = [Target("model", "org/a", "main")]
        add_root(cache or self.old, environment, str(project), targets)

    def rooted(self, cache: str) -> list[str]:
        """Return the projects that a cache knows."""
        return sorted(os.path.basename(one.project) for one in roots(cache, Environment.current()))


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


def files_of(project: pathlib.Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in project.iterdir() if one.is_file()}


def is_whole(cache: str) -> bool:
    found = check(parse_target("org/a"), cache)
    return found.state == "complete" and contents(found.snapshot or "") == FILES


def repos(cache: str) -> list[str]:
    return [name for name in os.listdir(cache) if name.startswith("models")]


def test_all_that_init_wrote_follows(machine: Machine) -> None:
    """The start script alone finds the new place; `init --undo` takes all back to the byte."""
    project = machine.project("pa", **{".env": "A=1\n"})
    before = files_of(project)
    assert machine.swarmcache(project, "init", "--dir", machine.old, "--yes").returncode == 0
    assert machine.started(project) == machine.old
    planned = machine.swarmcache(project, "move", machine.new, "--dry-run")
    assert f"{project}/run_rl_swarm.sh, {project}/swarmcache.toml will name" in planned.stdout
    assert machine.started(project) == machine.old
    done = machine.swarmcache(project, "move", machine.new, "--yes")
    assert done.returncode == 0, done.stderr
    assert machine.started(project) == machine.new
    assert f'dir = "{machine.new}"' in (project / "swarmcache.toml").read_text()
    assert is_whole(machine.new)
    assert repos(machine.old) == []
    undone = machine.swarmcache(project, "init", "--undo")
    assert undone.returncode == 0, undone.stdout
    assert files_of(project) == before


def test_the_mount_of_containers_follows(machine: Machine) -> None:
    """In a file of init's own, and where it wrote into the user's."""
    override = "services:\n  trainer:\n    environment:\n      A: b\n    volumes:\n      - x:/x\n"
    more = {"docker-compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE}
    own = machine.project("pa", **more)
    users = machine.project("pb", **more, **{"docker-compose.override.yml": override})
    for project in (own, users):
        assert machine.swarmcache(project, "init", "--dir", machine.old, "--yes").returncode == 0
        assert machine.swarmcache(project, "move", machine.new, "--yes").returncode == 0
        text = (project / "docker-compose.override.yml").read_text()
        volumes = yaml.safe_load(text)["services"]["trainer"]["volumes"]
        assert volumes[0]["source"] == machine.new
        assert machine.old not in text
        machine.old, machine.new = machine.new, machine.old


def test_what_still_looks_in_the_old_place_finds_links_there(machine: Machine) -> None:
    """A line that init did not write is not its own to change; it is named in the plan."""
    start = START.replace("python", f"export HF_HUB_CACHE={machine.old}\npython")
    project = machine.project("pa", **{"run_rl_swarm.sh": start})
    (project / "swarmcache.toml").write_text(f'[cache]\ndir = "{machine.old}"\n')
    done = machine.swarmcache(project, "move", machine.new, "--yes")
    assert done.returncode == 0, done.stderr
    assert "links stay in the old one" in done.stdout
    assert "⚠ run_rl_swarm.sh: It still looks in the old place." in done.stdout
    assert f"Links in {machine.old} lead to the new place.\n" in done.stderr
    assert machine.started(project) == machine.old
    assert is_whole(machine.old)
    assert os.path.islink(f"{machine.old}/models--org--a")


def test_a_block_that_somebody_has_changed_stays(machine: Machine) -> None:
    """So the old place keeps links."""
    project = machine.project("pa")
    assert machine.swarmcache(project, "init", "--dir", machine.old, "--yes").returncode == 0
    script = project / "run_rl_swarm.sh"
    script.write_text(script.read_text().replace("export HF_HUB", "export A=1 HF_HUB"))
    assert machine.swarmcache(project, "move", machine.new, "--yes").returncode == 0
    assert machine.started(project) == machine.old
    assert is_whole(machine.old)


def test_another_project_keeps_its_links_and_is_remembered(machine: Machine) -> None:
    """It is named in the plan; its `check` and both places know its model as before."""
    mine, other = machine.project("pa"), machine.project("pb")
    for project in (mine, other):
        assert machine.swarmcache(project, "init", "--dir", machine.old, "--yes").returncode == 0
        machine.root(project)
    done = machine.swarmcache(mine, "move", machine.new, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Other projects use the old place: {other}." in done.stdout
    assert machine.swarmcache(other, "check").returncode == 0
    assert machine.started(other) == machine.old
    assert is_whole(machine.old)
    assert os.path.islink(f"{machine.old}/models--org--a")
    assert machine.rooted(machine.old) == ["pb"]
    assert machine.rooted(machine.new) == ["pa", "pb"]
    again = machine.swarmcache(other, "move", machine.new, "--yes")
    assert again.returncode == 0, again.stderr
    assert machine.started(other) == machine.new
    assert is_whole(machine.new)


@pytest.mark.parametrize(
    ("settings", "stays"),
    [
        ('[cache]\ndir = "{old}"\n', True),
        ('[cache]\ndir = "{folder}/third"\n', False),
        ("", True),
        ("[cache]\nstrange = 1\n", True),
    ],
)
def test_who_keeps_to_the_old_place(machine: Machine, settings: str, stays: bool) -> None:
    """A project whose settings name another place does not; one of which nothing tells does."""
    mine, other = machine.project("pa"), machine.project("pb")
    (mine / "swarmcache.toml").write_text(f'[cache]\ndir = "{machine.old}"\n')
    if settings:
        text = settings.format(old=machine.old, folder=machine.folder)
        (other / "swarmcache.toml").write_text(text)
    machine.root(other)
    done = machine.swarmcache(mine, "move", machine.new, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.path.lexists(f"{machine.old}/models--org--a") is stays
    assert machine.rooted(machine.new) == ["pb"]


def test_a_group_can_use_the_new_place_as_the_old(machine: Machine) -> None:
    """The folder is opened before anything comes into it."""
    project = machine.project("pa")
    (project / "swarmcache.toml").write_text(f'[cache]\ndir = "{machine.old}"\n')
    os.chmod(machine.old, 0o2775)
    done = machine.swarmcache(project, "move", machine.new, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.stat(machine.new).st_mode & 0o7777 == 0o2775
    assert os.stat(f"{machine.new}/models--org--a/blobs").st_mode & 0o2070 == 0o2070


@pytest.mark.parametrize(("named", "code"), [(True, 0), (False, 3)])
def test_an_old_place_that_cannot_be_written(named: bool, code: int) -> None:
    """Told before anything is copied: it stays where settings lead away from it, else nothing is.

    By another user, since the tests may be root's.
    """
    with open_folder() as folder:
        machine = Machine(pathlib.Path(folder))
        project = machine.project("pa")
        if named:
            (project / "swarmcache.toml").write_text(f'[cache]\ndir = "{machine.old}"\n')
        for path in (folder, f"{folder}/home", str(project)):
            os.chmod(path, 0o777)
        variables = {} if named else {"HF_HUB_CACHE": machine.old}
        if os.geteuid() == 0 and named:
            os.chown(project / "swarmcache.toml", NOBODY, NOBODY)
        elif os.geteuid():
            os.chmod(machine.old, 0o555)
        done = run_as_other_user(
            [sys.executable, "-m", "swarmcache", "move", machine.new, "--yes"],
            cwd=project,
            env={**machine.variables, **variables},
        )
        assert done.returncode == code, done.stdout + done.stderr
        told = done.stdout if named else done.stderr
        assert f"{machine.old} cannot be written by this user" in told
        assert is_whole(machine.old)
        assert os.path.exists(machine.new) is named
        if named:
            assert is_whole(machine.new)
            assert machine.new in (project / "swarmcache.toml").read_text()
            assert "are free again" not in done.stdout


@pytest.mark.parametrize("told", [True, False])
def test_without_a_reader_of_scripts_their_words_count(
    machine: Machine, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra `doctor` is not installed everywhere."""
    line = f"export HF_HUB_CACHE={machine.old}\n" if told else ""
    project = machine.project("pa", **{"run_rl_swarm.sh": START, "other.sh": line})
    settings = project / "swarmcache.toml"
    settings.write_text(f'[cache]\ndir = "{machine.old}"\n')
    environment = Environment({}, f"{machine.folder}/home", str(project))
    parser.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    found = plan_following(str(project), environment, [machine.old], machine.new, str(settings))
    assert [one.file for one in found.looking] == (["other.sh"] if told else [])
