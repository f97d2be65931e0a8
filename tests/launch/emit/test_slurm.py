"""The batch script with an `srun` and a `scontrol` of our own: one download, offline workers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tinyswarm
from launch.emitting import HOSTILE, MODEL, emit, project_in
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from pathlib import Path

SHELLCHECK = os.path.join(os.path.dirname(sys.executable), "shellcheck")
SCONTROL = '#!/bin/bash\n[ "$*" = "show hostnames n[1-2]" ] && printf "%s\\n" n1 n2\n'
SRUN = """\
#!/bin/bash
# As many tasks as options say, one after the other, each on a node of its own.
tasks=2
while [[ $1 == --* ]]; do
    if [[ $1 == --nodes=* ]]; then tasks=${1#--nodes=}; fi
    if [[ $1 == --nodelist=* ]]; then printf 'nodelist %s\\n' "${1#--nodelist=}" >> "$LOG"; fi
    shift
done
printf '%s:' "$tasks" "${@##*/}" >> "$LOG"
printf '\\n' >> "$LOG"
for ((task = 0; task < tasks; task++)); do
    SLURM_NODEID=$task "$@" || exit
done
"""
TRAIN = """\
#!/bin/bash
set -euo pipefail
printf 'train %s %s %s\\n' "$SLURM_NODEID" "$HF_HUB_OFFLINE" "$HF_HUB_CACHE" >> "$LOG"
test -s "$HF_HUB_CACHE"/models--tiny--one/snapshots/*/model.safetensors
exit "${FAILS:-0}"
"""


@pytest.fixture(params=["plain", HOSTILE], ids=["plain", "hostile"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project, its cache, and a cluster's commands."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    project = project_in(tmp_path / request.param)
    (project / "train.sh").write_text(TRAIN)
    (project / "train.sh").chmod(0o755)
    return project


def batch(project: Path, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as slurmd does on a job's first node."""
    (project / "job.sh").write_text(emit(project, "slurm", MODEL))
    (tmp_path / "local disk").mkdir(exist_ok=True)
    job = {
        "SLURM_JOB_ID": "42",
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_TMPDIR": str(tmp_path / "local disk"),
        "LOG": str(tmp_path / "log"),
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", str(project / "job.sh")],
        cwd="/",
        env={**os.environ, **job, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_shells_take_it(project: Path) -> None:
    """bash and shellcheck, in both languages."""
    options = ["--exclude=SC2016"] if "$" in str(project) else []
    for language in ("en", "zh_CN"):
        text = emit(project, "slurm", MODEL, language=language)
        assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
        done = subprocess.run(
            [SHELLCHECK, *options, "-"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")
        head = text.splitlines()[:4]
        assert [line.partition("=")[0] for line in head[1:]] == [
            "#SBATCH --job-name",
            "#SBATCH --nodes",
            "#SBATCH --ntasks-per-node",
        ]


def test_one_download_then_every_node_starts_offline_from_its_own_disk(
    project: Path, tmp_path: Path
) -> None:
    """And leaves nothing there; a second job downloads nothing."""
    maker = tinyswarm.fill(tmp_path / "served", MODEL)
    staged = f"{tmp_path}/local disk/swarmcache-42"
    with running([maker.path]) as hub:
        done = batch(project, tmp_path, HF_ENDPOINT=hub.url)
        assert done.returncode == 0, done.stdout + done.stderr
        requests = [one for one in hub.requests if one.path.endswith("model.safetensors")]
        assert len(requests) == 1
        hub.requests.clear()
        assert batch(project, tmp_path, HF_ENDPOINT=hub.url).returncode == 0
        assert hub.requests == []
    log = (tmp_path / "log").read_text().splitlines()
    first = log[: len(log) // 2]
    assert first == [
        "nodelist n1",
        f"1:swarmcache:pull:{MODEL.rpartition('/')[2]}:",
        f"2:swarmcache:pull:--quiet:{MODEL.rpartition('/')[2]}:",
        f"2:swarmcache:run:--offline:--model:{MODEL.rpartition('/')[2]}:--:train.sh:",
        f"train 0 1 {staged}/hub",
        f"train 1 1 {staged}/hub",
        "2:rm:-rf:--:swarmcache-42:",
    ]
    assert os.listdir(tmp_path / "local disk") == []
    assert os.path.isdir(project.parent / "hub/models--tiny--one")


def test_a_trainer_that_fails_is_told_and_its_copies_go(project: Path, tmp_path: Path) -> None:
    """The job's exit code is the trainer's."""
    with running([tinyswarm.fill(tmp_path / "served", MODEL).path]) as hub:
        done = batch(project, tmp_path, HF_ENDPOINT=hub.url, FAILS="7")
    assert done.returncode == 7, done.stderr
    assert os.listdir(tmp_path / "local disk") == []


def test_a_cancelled_job_clears_at_least_its_own_node(project: Path, tmp_path: Path) -> None:
    """SLURM starts no step of a job that is over (seen with 22.05)."""
    with running([tinyswarm.fill(tmp_path / "served", MODEL).path]) as hub:
        srun = tmp_path / "bin" / "srun"
        refusing = SRUN.replace("shift\ndone\n", "shift\ndone\n[[ $1 == rm ]] && exit 1\n", 1)
        assert refusing != SRUN
        srun.write_text(refusing)
        done = batch(project, tmp_path, HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "local disk") == []


def test_nothing_starts_where_nothing_can_be_fetched(project: Path, tmp_path: Path) -> None:
    """With the reason, and before a worker waits for it."""
    done = batch(project, tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 4
    assert MODEL in done.stdout + done.stderr
    assert "train " not in (tmp_path / "log").read_text()
