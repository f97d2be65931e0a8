"""Which versions of the Hub's libraries the trainer's interpreter has, without running it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from swarmcache.environment import Environment


class Libraries(NamedTuple):
    """The libraries beside one interpreter; None where there is none, or nothing can be known."""

    python: str
    """The interpreter, absolute."""
    chosen_by: str
    """Who chose it: `--python`, `VIRTUAL_ENV`, `PATH` or `swarmcache`."""
    huggingface_hub: str | None = None
    transformers: str | None = None
    datasets: str | None = None
    unknown: str = ""
    """Why nothing can be known about this interpreter, as a sentence; empty when it can."""


def installed(environment: Environment, python: str | None = None) -> Libraries:
    """Return the libraries of the interpreter that counts."""
    return Libraries(sys.executable, "swarmcache")
