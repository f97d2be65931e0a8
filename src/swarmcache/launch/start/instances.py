"""Several instances of one project on one machine: what names them, and which GPU each one has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.launch.start.remembered import INSTANCE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.environment import Environment

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_UNIQUE_ID = re.compile(r"(?:GPU|MIG)-[\w/-]+")
"""As `nvidia-smi -L` prints it, and as CUDA_VISIBLE_DEVICES takes it."""


class Instance(NamedTuple):
    """One of several; both empty for a project that runs once."""

    name: str = ""
    gpu: str = ""
    """What CUDA_VISIBLE_DEVICES is to be."""

    def environment(self, outer: Environment) -> Environment:
        """Return the environment in which this instance's models are chosen and it is started.

        Where a GPU is named by its number, CUDA counts as `nvidia-smi` does (PCI_BUS_ID); its own
        order puts the fastest first.
        """
        variables = dict(outer.variables)
        if self.name:
            variables[INSTANCE_VARIABLE] = self.name
        if self.gpu:
            variables["CUDA_VISIBLE_DEVICES"] = self.gpu
            variables.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        return outer._replace(variables=variables)


def is_instance_name(text: str) -> bool:
    """Tell whether a text can name an instance, and a file after it."""
    return bool(_NAME.fullmatch(text))


def parse_gpus(text: str) -> tuple[str, ...]:
    """Return the GPUs that `0-7`, `0,2,4-5` or `GPU-8f5c…` names, each once, in its order.

    Raises ValueError for anything else.
    """
    return tuple(dict.fromkeys(gpu for part in text.split(",") for gpu in _named(part.strip())))


def _named(part: str) -> Sequence[str]:
    if _UNIQUE_ID.fullmatch(part):
        return [part]
    match = _RANGE.fullmatch(part)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if last < first:
        raise ValueError(part)
    return [str(number) for number in range(first, last + 1)]
