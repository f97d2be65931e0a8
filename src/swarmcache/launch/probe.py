"""Ask a trainer's interpreter how a checkpoint generates there."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from swarmcache.errors import LaunchError
from swarmcache.generation.occasions import SITE
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.libraries import Libraries

_SHOWN = 3
"""Lines of what the interpreter said when it failed."""


def probed(libraries: Libraries, folder: str) -> Mapping[str, Any]:
    """Return what `generation.probing.probe` says of a folder in that interpreter, offline.

    Raises LaunchError where it has no transformers, or cannot load the folder.
    """
    done = subprocess.run(
        [libraries.python, os.path.join(SITE, "probe.py"), folder],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = " ".join(done.stderr.split("\n")[-_SHOWN:]).strip()
        answer = {"error": said or t("it ended with code {code}", code=done.returncode)}
    if "error" in answer:
        raise LaunchError(
            t(
                "{folder} cannot be tried with {python}: {error}",
                folder=folder,
                python=libraries.python,
                error=answer["error"],
            ),
            hint="swarmcache generation diagnose --model PATH --python .venv/bin/python",
        )
    return {**answer, "python": libraries.python}
