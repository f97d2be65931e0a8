"""A finding as a value: what is wrong, where, how sure that is, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.edits import Edit
    from swarmcache.project.sources import Span

Severity: TypeAlias = Literal["error", "warning", "info"]
"""`error`: models are lost, mixed up or wrong; `warning`: they are fetched, stored or started more
than needed; `info`: good to know."""
Confidence: TypeAlias = Literal["high", "medium", "low"]
Applicability: TypeAlias = Literal["safe", "unsafe", "display"]
"""`safe`: everything else stays as it is; `unsafe`: a person should look first; `display`: what to
do cannot be written into a file."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Fix:
    """What would mend a finding."""

    applicability: Applicability
    description: str
    """One translated sentence, or lines of a file or shell to be shown."""
    edits: tuple[Edit, ...] = ()
    """Sorted, and none overlaps another; none for `display`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A further place that a finding rests on."""

    span: Span
    note: str
    """What is seen there, a translated phrase."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has found in a project or on its node."""

    rule: str
    """`SC102`."""
    name: str
    """`split-cache`."""
    severity: Severity
    confidence: Confidence
    title: str
    """What is wrong, a translated phrase of a few words."""
    message: str
    """What that means here, with names, sizes and places: translated sentences."""
    span: Span | None = None
    """Where it is; None for what is of the node or of the whole project."""
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None

    @property
    def docs(self) -> str:
        """The command that prints the page of its rule."""
        return f"swarmcache doctor explain {self.rule}"
