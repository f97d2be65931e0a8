"""What a run of `verify` came to: counts, problems, exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.verdicts import Corrupt, Missing, Remembered, Unverifiable, Verified

if TYPE_CHECKING:
    from swarmcache.hubcache.intact.verdicts import FileVerdict

_COUNTED = {
    Verified: "verified",
    Remembered: "remembered",
    Unverifiable: "unverifiable",
    Corrupt: "corrupt",
    Missing: "missing",
}


@dataclass(slots=True)
class Summary:
    """Verdicts, counted as they come; only what is not good is kept."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED.values(), 0))
    problems: list[FileVerdict] = field(default_factory=list)
    unverifiable: list[FileVerdict] = field(default_factory=list)
    interrupted: bool = False
    """Whether the run ended before every file was looked at."""

    def add(self, verdict: FileVerdict) -> bool:
        """Count a verdict, and return whether it is a problem."""
        self.counts[_COUNTED[type(verdict.outcome)]] += 1
        if isinstance(verdict.outcome, (Corrupt, Missing)):
            self.problems.append(verdict)
            return True
        if isinstance(verdict.outcome, Unverifiable):
            self.unverifiable.append(verdict)
        return False

    @property
    def ok(self) -> bool:
        """Whether every file was looked at, and nothing is corrupt or missing."""
        return not self.problems and not self.interrupted

    @property
    def exit_code(self) -> int:
        """130 when interrupted, 5 for wrong bytes, 1 for missing ones alone, else 0."""
        if self.interrupted:
            return 130
        return 5 if self.counts["corrupt"] else 1 if self.counts["missing"] else 0
