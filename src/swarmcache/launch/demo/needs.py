"""What the demo needs of this machine beyond the core, checked before anything is made."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

from swarmcache.errors import LaunchError
from swarmcache.locale import listed, t

_PACKAGES = ("aiohttp", "safetensors")
"""The Hub serves with the first, the trainer opens tensors with the second."""


def check_needs() -> None:
    """Raise LaunchError when the demo cannot run here, naming what to install."""
    if os.name != "posix":
        raise LaunchError(t("The demo needs Linux, macOS or WSL2."))
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise LaunchError(
            t("The demo needs {packages}, not installed here.", packages=listed(missing)),
            hint="pip install 'swarmcache[demo]'",
        )
    if shutil.which("bash") is None:
        raise LaunchError(t("The demo's project starts by a bash script, and there is no bash."))
