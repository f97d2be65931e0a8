"""`generation` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from swarmcache.generation.known_lines import REMEDIES
from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.generation.known_lines import Explanation
    from swarmcache.generation.saved_use_cache import SavedFalse


class Examined(NamedTuple):
    """A checkpoint that was looked at and tried."""

    model: str
    """As it was named."""
    folder: str
    probed: Mapping[str, Any]
    """What `generation.probing.probe` found, and the interpreter as `python`."""
    saved: tuple[tuple[SavedFalse, bool], ...]
    """The files that said `use_cache: false`, and whether they were mended."""

    @property
    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """The diagnosis of each state."""
        states: Mapping[str, Mapping[str, Any]] = self.probed["states"]
        return states

    @property
    def ok(self) -> bool:
        """Whether it generates with its cache as it is loaded."""
        return bool(self.states["loaded"]["verdict"] == "cached")


def examined_document(examined: Examined) -> str:
    """Return the document `swarmcache.generation-diagnose/1`."""
    probed = examined.probed
    return document(
        "generation-diagnose",
        ok=examined.ok,
        model=examined.model,
        folder=examined.folder,
        python=probed["python"],
        architecture=probed["architecture"],
        versions=probed["versions"],
        states=[{"state": name, **state} for name, state in examined.states.items()],
        saved=[{**one._asdict(), "mended": mended} for one, mended in examined.saved],
    )


def explanation_document(log: str, explanation: Explanation) -> str:
    """Return the document `swarmcache.generation-explain/1`."""
    sightings = [
        {**one._asdict(), "meaning": one.meaning, "remedy": REMEDIES.get(one.harm)}
        for one in explanation.sightings
    ]
    return document(
        "generation-explain",
        ok=not any(one.harm in {"slow", "wrong"} for one in explanation.sightings),
        log=log,
        lines=explanation.lines,
        transformers=explanation.transformers,
        sightings=sightings,
    )
