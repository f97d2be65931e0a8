"""What a job of a cluster begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "#!/bin/bash\n#SBATCH --gres=gpu:1\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", [None]),
        ("export HF_HOME=$SCRATCH/hf\n", ["?"]),
        ("SCRATCH=/s\nexport HF_HOME=$SCRATCH/hf\n", ["/s/hf"]),
        ("export HF_HOME=/s/$SLURM_JOB_ID\n", ["?"]),
        ("export HF_HOME=$SLURM_TMPDIR/hf\n", ["/job-local/SLURM_TMPDIR/hf"]),
        ("module load python/3.11 cuda/12.2 gcc\n", [None]),
        ("module load model-huggingface/all\n", [None, "?"]),
        ("ml PyTorch\n", [None, "?"]),
        ("module use /x\nmodule purge\n", [None]),
        ("source ~/.bashrc\n", [None, "?"]),
        ("source $WHERE/env.sh\n", [None, "?"]),
        ("source $WHERE/bin/activate\n", [None]),
        ("source venv/bin/activate\n", [None]),
    ],
)
@pytest.mark.parametrize(
    "start",
    [
        "python train.py",
        "srun python train.py",
        "srun -n 4 --nodes=2 --exclusive python train.py",
        "mpirun -np 4 --allow-run-as-root python train.py",
        "apptainer exec --nv -B /a:/b image.sif python train.py",
    ],
)
def test_what_a_program_finds(
    body: str, expected: list[str | None], start: str, tmp_path: Path
) -> None:
    """What a site sets is not known; behind whatever launches it on the nodes."""
    (loader,) = case(tmp_path, {"job.sh": f"{HEAD}{body}{start}\n"}).project.loaders
    assert loader.execution.root.kind == "job"
    found = loader.execution.variable("HF_HOME")
    assert [one and (one.value or "?") for one in found] == expected


def test_images_of_a_cluster(tmp_path: Path) -> None:
    """One may leave the environment behind; another has a home of its own."""
    clean = "export HF_HOME=/x\napptainer exec -e image.sif python train.py\n"
    (loader,) = case(tmp_path, {"job.sh": HEAD + clean}).project.loaders
    assert loader.execution.variable("HF_HOME") == (None,)
    other = 'A=(--container-image x.sqsh)\nsrun "${A[@]}" python train.py\n'
    assert case(tmp_path / "b", {"job.sh": HEAD + other}).project.loaders == ()


@pytest.mark.parametrize(
    ("header", "expected"),
    [("#SBATCH --export=NONE\n", ["job.sh:4"]), ("", []), ("#SBATCH --export=ALL\n", [])],
)
def test_jobs_that_inherit_nothing(header: str, expected: list[str], tmp_path: Path) -> None:
    """Do not get what the shell has that submits them."""
    text = f"{HEAD}{header}python train.py\n"
    one = case(tmp_path, {"job.sh": text}, variables={"HF_HOME": "/data/hf"})
    assert places(one, "SC109") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("export HF_HOME=$SLURM_TMPDIR/hf\n", ["job.sh:3"]),
        ('export HF_HUB_CACHE="${TMPDIR}/hub"\n', ["job.sh:3"]),
        ("CACHE=$SLURM_TMPDIR/hf\nexport HF_HOME=$CACHE\n", ["job.sh:4"]),
        (
            "export HF_HOME=/s\nif [ -d $LOCAL_SCRATCH ]; then\nHF_HOME=$LOCAL_SCRATCH\nfi\n",
            ["job.sh:5"],
        ),
        ("export HF_HOME=$SLURM_TMPDIR/hf\ncp -r /s/hf $SLURM_TMPDIR/\n", []),
        ("rsync -a /s/hf/ $SLURM_TMPDIR/hf/\nexport HF_HOME=$SLURM_TMPDIR/hf\n", []),
        ("export HF_HOME=$SLURM_TMPDIR/hf\nexport HF_HUB_OFFLINE=1\n", []),
        ("export TMPDIR=/s/tmp\nexport HF_HOME=$TMPDIR/hf\n", []),
        ("export HF_HOME=$SCRATCH/hf\n", []),
        ("module load pytorch/2.4\nexport HF_HOME=$TMPDIR\n", ["job.sh:4"]),
        ("export TORCH_HOME=$SLURM_TMPDIR\n", []),
    ],
)
def test_a_cache_that_goes_with_its_job(body: str, expected: list[str], tmp_path: Path) -> None:
    """Unless something is copied there, or nothing is downloaded."""
    files = {"job.sh": f"{HEAD}{body}python train.py\n"}
    assert places(case(tmp_path, files), "SC202") == expected


def test_no_job_has_no_disk_of_its_own(tmp_path: Path) -> None:
    """TMPDIR of a shell is a folder like any other."""
    text = "export HF_HOME=$TMPDIR/hf\npython train.py\n"
    one = case(tmp_path, {"run.sh": text}, variables={"TMPDIR": "/scratch/tmp"})
    assert places(one, "SC202") == []


def test_a_folder_for_each_job_is_fresh(tmp_path: Path) -> None:
    """By its number."""
    text = f"{HEAD}export HF_HOME=/scratch/$SLURM_JOB_ID/hf\npython train.py\n"
    assert places(case(tmp_path, {"job.sh": text}), "SC308") == ["job.sh:3"]


def test_packages_of_the_cluster_itself_are_no_index(tmp_path: Path) -> None:
    """`pip install --no-index` asks nobody."""
    text = f"{HEAD}pip install --no-index torch\npython train.py\n"
    assert places(case(tmp_path, {"job.sh": text}), "SC501") == []
