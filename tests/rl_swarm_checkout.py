"""A real checkout of RL-Swarm, where whoever runs the tests has one."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

CHECKOUT = "SWARMCACHE_RL_SWARM"
HOW_TO_GET_IT = (
    "git clone https://github.com/gensyn-ai/rl-swarm, and name its folder in SWARMCACHE_RL_SWARM"
)
PACKAGES = ("code_gen_exp", "rgym_exp", "hivemind_exp", "run_rl_swarm.sh")


def exported(
    outside: dict[str, str],
    revision: str,
    target: pathlib.Path,
    wanted: Sequence[str] = PACKAGES,
) -> str:
    """Return a copy of what `revision` has of `wanted`; skips the test without a checkout."""
    checkout = outside.get(CHECKOUT)
    if not checkout:
        pytest.skip(f"No checkout of RL-Swarm: {HOW_TO_GET_IT}")
    git = ["git", "-C", checkout, "-c", f"safe.directory={checkout}"]
    listed = subprocess.run(
        [*git, "ls-tree", "--name-only", revision], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip(f"{checkout} has no {revision}: git -C {checkout} fetch --tags")
    parts = [name for name in wanted if name in listed.stdout.split()]
    packed = subprocess.run(
        [*git, "archive", revision, "--", *parts], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(target, filter="data")
    return str(target)
