"""Job scripts of clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.jobs import Job, read_job
from swarmcache.project.sources import Source


def read(text: str) -> Job | None:
    """Read a text as a job script."""
    return read_job(Source("a.sh", "/p/a.sh", text.encode()))


@pytest.mark.parametrize(
    ("lines", "tasks", "alone"),
    [
        ("#SBATCH --array=0-9\n", 10, False),
        ("#SBATCH --array=1,3,5-9:2%2\n#SBATCH -N 1\n", 5, False),
        ("#SBATCH -a 4\n", 1, False),
        ("#SBATCH --account=a --export=NONE\n", 1, True),
        ("#SBATCH --export=ALL,A=b\n", 1, False),
        ("#FLUX: -N=2\n", 1, False),
        ("# flux: --nodes=2\n", 1, False),
        ("#PBS -J 0-3\n", 4, False),
        ("#BSUB -J name[1-8]\n", 8, False),
        ("# a comment\n\n#SBATCH -J 2gpus\n", 1, False),
    ],
)
def test_headers(lines: str, tasks: int, alone: bool) -> None:
    """What schedulers read down to the first command."""
    job = read(f"#!/bin/bash\n{lines}python train.py\n")
    assert job is not None
    assert (job.tasks, job.alone) == (tasks, alone)


@pytest.mark.parametrize(
    "text", ["", "python a.py\n#SBATCH -N 1\n", "##SBATCH -N 1\n", "#SBATCHED x\n", "# SBATCHES\n"]
)
def test_what_is_no_job(text: str) -> None:
    """A header behind a command, a comment about one."""
    assert read(text) is None


@given(st.text("#SBATCH --array=0123456789-,:%\nJ[] ", max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read(f"#SBATCH {text}")
