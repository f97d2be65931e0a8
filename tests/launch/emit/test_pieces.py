"""Units, compose files, manifests, crontabs: the tools that read them take them, values intact."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import compose_spec
import kubernetes_validate
import pytest
import yaml

import swarmcache
import tinyswarm
from launch.emitting import HOSTILE, MODEL, emit, project_in
from other_user import open_folder, run_as_other_user
from swarmcache.environment import Environment
from swarmcache.errors import LaunchError
from swarmcache.launch.emit import Basis, compose, crontab, kubernetes, quoting, systemd
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from pathlib import Path

ODD = ("tiny/one", "tiny/two@refs/pr/1")
MANAGER = "/lib/systemd/systemd"


def basis(project: str, **others: Any) -> Basis:
    """Return what a project in this folder comes to."""
    known = {
        "project": project,
        "cache": f"{project}/hub",
        "models": ODD,
        "command": ("./train.sh", "--name", HOSTILE),
        "program": ("/usr/bin/env", "swarmcache"),
        "user": "node",
        "ids": (1000, 1000),
        "path": f"/usr/bin:{project}/bin",
        "endpoints": (),
    }
    return Basis(**{**known, **others})


def hostile(tmp_path: Path) -> str:
    """Make a folder of the worst name, and return it."""
    folder = tmp_path / HOSTILE
    (folder / "hub").mkdir(parents=True)
    return str(folder)


# systemd


@pytest.mark.parametrize("name", ["a %h 100% & more; 节点", HOSTILE], ids=["odd", "hostile"])
@pytest.mark.parametrize("for_user", [False, True], ids=["system", "user"])
def test_systemd_takes_the_unit(for_user: bool, name: str, tmp_path: Path) -> None:
    """As `systemd-analyze verify` reads it, which looks for the programs as well."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    folder = str(tmp_path / name)
    os.makedirs(f"{folder}/hub")
    program = shutil.copy("/bin/true", f"{folder}/swarmcache")
    made = basis(folder, program=(program,), user="root")
    unit = tmp_path / "trainer.service"
    unit.write_text(systemd.piece(made, for_user=for_user).content)
    command = ["systemd-analyze", "verify", *(["--user"] if for_user else []), str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
    unit.write_text(unit.read_text().replace("ExecStart=", "ExecStart=/nonexistent"))
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def test_a_systemd_manager_reads_what_was_meant() -> None:
    """A real manager, not root's, loads the unit and tells what it would do, and does nothing."""
    if not os.access(MANAGER, os.X_OK):
        pytest.skip(f"no {MANAGER} here")
    with open_folder() as opened:
        folder, runtime = f"{opened}/{HOSTILE}", f"{opened}/runtime"
        for one in (folder, runtime):
            os.makedirs(one)
        os.chmod(runtime, 0o777)
        with open(f"{opened}/trainer.service", "w", encoding="utf-8") as file:
            file.write(systemd.piece(basis(folder), for_user=True).content)
        variables = {
            "HOME": opened,
            "XDG_RUNTIME_DIR": runtime,
            "SYSTEMD_UNIT_PATH": f"{opened}:",
            "LANG": "C.UTF-8",
        }
        command = [MANAGER, "--user", "--test", "--unit=trainer.service", "--no-pager"]
        done = run_as_other_user(command, env={**os.environ, **variables}, cwd=opened)
    dump = {line.strip() for line in done.stdout.splitlines()}
    assert f"WorkingDirectory: {folder}" in dump, done.stderr
    variables = (f"PATH=/usr/bin:{folder}/bin", f"SWARMCACHE_CACHE_DIR={folder}/hub")
    assert {f"Environment: {one}" for one in variables} <= dump
    assert f"Command Line: /usr/bin/env swarmcache pull {' '.join(ODD)}" in dump


def test_a_units_words_are_what_they_were(tmp_path: Path) -> None:
    """Read as systemd.service(5) says: quotes first, then `%%` and `$$`."""
    folder = hostile(tmp_path)
    text = systemd.piece(basis(folder), for_user=False).content
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    (start, pull), where = (lines["ExecStart"], lines["ExecStartPre"]), lines["WorkingDirectory"]

    def words(line: str) -> list[str]:
        return [one.replace("%%", "%").replace("$$", "$") for one in shlex.split(line)]

    again = ["run", "--restart", "always"]
    trainer = [*again, "--model", ODD[0], "--model", ODD[1], "--", "./train.sh", "--name", HOSTILE]
    assert words(start) == ["/usr/bin/env", "swarmcache", *trainer]
    assert words(pull.removeprefix("-")) == ["/usr/bin/env", "swarmcache", "pull", *ODD]
    assert where.replace("%%", "%") == folder
    given = [one for line in text.splitlines() if line.startswith("Environment=")
             for one in shlex.split(line.partition("=")[2].replace("%%", "%"))]  # fmt: skip
    assert given == [f"PATH=/usr/bin:{folder}/bin", f"SWARMCACHE_CACHE_DIR={folder}/hub"]
    assert (lines["User"], lines["Restart"], lines["WantedBy"]) == (
        "node",
        "always",
        "multi-user.target",
    )


def test_a_program_of_a_name_that_systemd_refuses_is_started_through_env() -> None:
    """It takes no quotes in a program's own path, and leaves `$$` there."""
    text = systemd.piece(basis("/srv", program=("/opt/$5/swarmcache",)), for_user=True).content
    assert 'ExecStart=/usr/bin/env "/opt/$$5/swarmcache" "run" "--restart" "always"' in text
    assert "User=" not in text


# compose


def composed(tmp_path: Path, **others: Any) -> tuple[Basis, dict[str, Any]]:
    """Return an override, as compose reads it: `$$` is a `$`."""
    made = basis(hostile(tmp_path), **others)
    piece = compose.piece(made, base="docker-compose.yaml", services=["swarm-cpu", "swarm-gpu"])
    return made, yaml.safe_load(piece.content)


def unescaped(value: str) -> str:
    return value.replace("$$", "$")


def test_the_compose_specification_takes_the_override(tmp_path: Path) -> None:
    """Every key of it is one of the specification."""
    _, document = composed(tmp_path, endpoints=("https://hub.example.org",))
    found = compose_spec.ComposeSpecification.model_validate(document)
    kept = found.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, service in document["services"].items():
        assert set(service) <= set(kept["services"][name])
    document["services"]["swarm-cpu"]["volumes"] = 5
    with pytest.raises(ValueError, match="volumes"):
        compose_spec.ComposeSpecification.model_validate(document)


def test_the_services_wait_for_a_complete_cache(tmp_path: Path) -> None:
    """One folder, at one place, and values intact."""
    made, document = composed(tmp_path)
    services = document["services"]
    assert set(services) == {"swarmcache", "swarm-cpu", "swarm-gpu"}
    for service in services.values():
        (volume,) = service["volumes"]
        assert unescaped(volume["source"]) == made.cache
        assert volume["target"] == service["environment"]["HF_HUB_CACHE"] == "/models/hub"
    cpu = services["swarm-cpu"]
    assert cpu["depends_on"] == {"swarmcache": {"condition": "service_healthy"}}
    assert services["swarmcache"]["healthcheck"]["test"] == ["CMD", "swarmcache", "check", *ODD]
    assert services["swarmcache"]["user"] == "1000:1000"
    version = swarmcache.__version__
    assert f"swarmcache=={version}" in services["swarmcache"]["build"]["dockerfile_inline"]


def test_the_filling_service_does_what_it_says(tmp_path: Path) -> None:
    """Its command, with a `swarmcache` and a `sleep` that write down how they are called."""
    _, document = composed(tmp_path)
    calls = tmp_path / "calls"
    program = '#!/bin/sh\nprintf "%s\\n" "${0##*/} $*" >> "$CALLS"\n'
    for name, rest in (
        ("swarmcache", '[ "$(grep -c swarmcache "$CALLS")" -gt 1 ]\n'),
        ("sleep", ""),
    ):
        (tmp_path / name).write_text(program + rest)
        (tmp_path / name).chmod(0o755)
    command = [unescaped(word) for word in document["services"]["swarmcache"]["command"]]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(calls)}
    subprocess.run(command, env=path, check=True, timeout=30)
    pull = f"swarmcache pull {ODD[0]} {ODD[1]}"
    assert calls.read_text().splitlines() == [pull, "sleep 30", pull, "sleep infinity"]


# Kubernetes


@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_kubernetes_takes_the_manifests(version: str, tmp_path: Path) -> None:
    """Each of its schema, strictly; and the schema would refuse."""
    made = basis(hostile(tmp_path), endpoints=("https://hub.example.org",))
    documents = list(yaml.safe_load_all(kubernetes.piece(made).content))
    assert [one["kind"] for one in documents] == ["PersistentVolumeClaim", "Pod", "DaemonSet"]
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
    documents[1]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(documents[1], version, strict=True)


def test_the_init_container_installs_and_pulls(tmp_path: Path) -> None:
    """Its command as a kubelet starts it: `$$` is a `$` in both lists."""
    made = basis(hostile(tmp_path))
    _, pod, daemons = yaml.safe_load_all(kubernetes.piece(made).content)
    containers = [
        *pod["spec"]["initContainers"],
        *daemons["spec"]["template"]["spec"]["initContainers"],
    ]
    (host,) = daemons["spec"]["template"]["spec"]["volumes"]
    assert host["hostPath"]["path"] == made.cache
    for name in ("pip", "swarmcache"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/} $*"\n')
        (tmp_path / name).chmod(0o755)
    for container in containers:
        words = [unescaped(one) for one in (*container["command"], *container["args"])]
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(words, env=path, check=True, capture_output=True, text=True)
        assert done.stdout.splitlines() == [
            f"pip install --quiet --no-cache-dir swarmcache=={swarmcache.__version__}",
            f"swarmcache pull {ODD[0]} {ODD[1]}",
        ]


# cron


def cron_commands(text: str) -> list[str]:
    """Return the commands of a crontab as cron gives them to `sh -c`, without its backslashes."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    commands = [line.split(None, 5)[5] for line in lines]
    assert all("%" not in one.replace("\\%", "") for one in commands)
    return [one.replace("\\%", "%") for one in commands]


def test_the_lines_of_a_crontab_pull_and_verify(tmp_path: Path) -> None:
    """From a folder of any name; nothing is said, so no mail is sent."""
    project = project_in(tmp_path / HOSTILE)
    with running([tinyswarm.fill(tmp_path / "served", MODEL).path]) as hub:
        text = emit(project, "cron", MODEL)
        bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_ENDPOINT": hub.url}
        for command in cron_commands(text):
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd="/", env=bare, capture_output=True, text=True,
                check=False, timeout=60,
            )  # fmt: skip
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert swarmcache.check(MODEL, cache_dir=project.parent / "hub").state == "complete"


def test_a_crontab_tells_what_failed(tmp_path: Path) -> None:
    """Cron mails it."""
    project = project_in(tmp_path / "p")
    pull, _ = cron_commands(emit(project, "cron", MODEL))
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        ["/bin/sh", "-c", pull], env=bare, capture_output=True, text=True, check=False, timeout=60
    )
    assert MODEL in done.stdout


# All of them


@pytest.mark.parametrize("bad", ["two\nlines", "bell\a", "not utf-8 \udcff"])
def test_what_no_line_can_hold_is_refused(bad: str) -> None:
    """With a sentence; a newline would be another line of the piece."""
    for quote in (quoting.plain, quoting.systemd_word, quoting.systemd_path, quoting.yaml):
        with pytest.raises(LaunchError):
            quote(bad)
    with pytest.raises(LaunchError):
        quoting.shell(["ok", bad])


def test_what_a_format_cannot_hold_is_refused() -> None:
    """Rather than written so that it means something else."""
    with pytest.raises(LaunchError):
        crontab.piece(basis("/srv/back\\slash"))
    for folder in ("/srv/ends with \\", "/srv/ends with a space "):
        with pytest.raises(LaunchError):
            systemd.piece(basis(folder), for_user=False)


def test_json_holds_the_same_piece(tmp_path: Path) -> None:
    """With the hints for whoever prints it."""
    project = project_in(tmp_path)
    document = json.loads(emit(project, "cron", MODEL, "--json"))
    assert document["content"] == emit(project, "cron", MODEL)
    assert (document["schema"], document["kind"], document["output"]) == (
        "swarmcache.emit/1", "cron", None,
    )  # fmt: skip
    assert Environment.current().cwd != str(project)
