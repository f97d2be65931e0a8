"""Which model pool RL-Swarm takes on this machine.

Its resolver `gpu_model_choice` takes the large pool when the first visible GPU has 40 GiB or
more, as torch counts them, and the small one otherwise, also without a GPU. torch counts what
the driver leaves over, `nvidia-smi` what is installed: between 40 and 41 GiB they may disagree.
Source: gensyn-ai/rl-swarm 9c95410, `code_gen_exp/src/utils/omega_gpu_resolver.py`; the same
rule and number since v0.5.2.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment

PoolName = Literal["small", "large"]

THRESHOLD_MIB = 40 * 1024
DOUBT_MIB = 1024
"""How much less than `nvidia-smi` torch may count, since the driver keeps some for itself; an
allowance, not a measurement: within it, both pools are taken."""
TIMEOUT_SECONDS = 5.0
_QUERY = ("--query-gpu=memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class PoolChoice:
    """The pools that may be taken here, and why."""

    pools: tuple[PoolName, ...]
    reason: str
    """One sentence, translated."""


def pool_here(environment: Environment) -> PoolChoice:
    """Return which pool RL-Swarm takes in this environment; asks `nvidia-smi`, 5 s at most."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in {"", "-1"}:
        reason = t("CUDA_VISIBLE_DEVICES hides every GPU, so RL-Swarm takes its small model pool.")
        return PoolChoice(("small",), reason)
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if tool is None:
        reason = t("There is no nvidia-smi here: no GPU is assumed, hence the small model pool.")
        return PoolChoice(("small",), reason)
    sizes = _memory_of_gpus(tool, environment)
    if not sizes:
        reason = t("nvidia-smi does not tell the GPU's memory: the small model pool is assumed.")
        return PoolChoice(("small",), reason)
    return _judge(_seen(sizes, environment))


def _seen(sizes: tuple[int, ...], environment: Environment) -> tuple[int, ...]:
    """Return the size of the one GPU that counts, where the environment tells which it is."""
    first = (environment.get("CUDA_VISIBLE_DEVICES") or "").partition(",")[0].strip()
    by_bus = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"  # As nvidia-smi lists them.
    if by_bus and first.isdecimal() and int(first) < len(sizes):
        return (sizes[int(first)],)
    return sizes


def _judge(sizes: tuple[int, ...]) -> PoolChoice:
    """Return the pools for GPUs of these sizes in MiB; which is torch's first is not known."""
    least, most = min(sizes) / 1024, max(sizes) / 1024
    if max(sizes) < THRESHOLD_MIB:
        reason = t("The GPU has {size:.1f} GiB, below 40: the small model pool.", size=most)
        return PoolChoice(("small",), reason)
    if min(sizes) >= THRESHOLD_MIB + DOUBT_MIB:
        reason = t("The GPU has {size:.1f} GiB, 40 or more: the large model pool.", size=least)
        return PoolChoice(("large",), reason)
    reason = t(
        "GPUs of {least:.1f} to {most:.1f} GiB lie about the limit of 40: either model pool.",
        least=least,
        most=most,
    )
    return PoolChoice(("large", "small"), reason)


def _memory_of_gpus(tool: str, environment: Environment) -> tuple[int, ...]:
    """Return each GPU's memory in MiB; empty when the tool fails, hangs or prints no numbers."""
    try:
        done = subprocess.run(
            [tool, *_QUERY],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
            env=dict(environment.variables),
            stdin=subprocess.DEVNULL,
        )
        return tuple(int(line) for line in done.stdout.split("\n") if line.strip())
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
