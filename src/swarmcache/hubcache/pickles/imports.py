"""What loading a pickle would import, told without loading it.

picklescan (the extra `unsafe`) reads it, in a process of its own with little memory and time: a
hostile file can make any reader of pickles run for ever or fill the memory.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Literal

from swarmcache.errors import HubCacheError
from swarmcache.locale import t
from swarmcache.units import human_seconds

SECONDS = 120.0
"""What one file may take; 20,000 tensors take two."""

Judgement = Literal["harmless", "unusual", "dangerous"]
"""picklescan's own: what every checkpoint needs, what it does not know, what can do anything."""
_JUDGEMENTS: dict[str, Judgement] = {"innocuous": "harmless", "suspicious": "unusual"}
_WORKER = os.path.join(os.path.dirname(__file__), "worker.py")


@dataclass(frozen=True, slots=True)
class Import:
    """Something that loading would import, and may call."""

    module: str
    name: str
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a pickle."""

    imports: tuple[Import, ...] = ()
    """The worst first."""
    more: int = 0
    """Imports that are not listed, as there are too many."""
    doubt: str = ""
    """One sentence that tells why there may be other imports; empty when all were seen."""

    @property
    def verdict(self) -> Literal["harmless", "unusual", "dangerous", "unknown"]:
        """The worst import's judgement; `unknown` when nothing dangerous, but not all was seen."""
        worst = self.imports[0].judgement if self.imports else "harmless"
        return "unknown" if self.doubt and worst != "dangerous" else worst

    @property
    def safe(self) -> bool:
        """Whether everything was seen, and nothing of it is dangerous."""
        return self.verdict in {"harmless", "unusual"}


class ScannerMissing(HubCacheError):
    """The library that reads pickles is not installed."""


def require_scanner() -> str:
    """Return the folder that picklescan is installed in; raises ScannerMissing."""
    found = importlib.util.find_spec("picklescan")
    if found is None or found.origin is None:
        raise ScannerMissing(
            t("--unsafe needs picklescan, which is not installed."),
            hint="pip install 'swarmcache[unsafe]'",
        )
    return os.path.dirname(os.path.dirname(found.origin))


def scan(path: str, *, seconds: float = SECONDS) -> Scan:
    """Return what loading the pickle at `path` would import; never raises for what it finds.

    Raises ScannerMissing when picklescan is not installed.
    """
    # Isolated: neither the working directory nor PYTHONPATH can put other code in the way.
    command = [sys.executable, "-I", _WORKER, require_scanner(), path]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Scan(doubt=t("Reading it took longer than {time}.", time=human_seconds(seconds)))
    try:
        return _scan_of(json.loads(done.stdout))
    except ValueError:
        return Scan(doubt=t("Reading it took more memory or time than a checkpoint needs."))


def _scan_of(answer: dict[str, Any]) -> Scan:
    listed = [
        Import(module, name, _JUDGEMENTS.get(judgement, "dangerous"))
        for module, name, judgement in answer["imports"]
    ]
    reason = answer["doubt"]
    doubt = t("It could not be read to its end: {reason}.", reason=reason) if reason else ""
    return Scan(tuple(listed), answer["more"], doubt)
