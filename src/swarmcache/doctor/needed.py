"""What the models that a project needs are like in the caches that its programs use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.caches import used_caches
from swarmcache.hubcache.complete.integrity import check
from swarmcache.project.loads.names import effective_names

if TYPE_CHECKING:
    from swarmcache.doctor.case import Case
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.project.needs.models import NeededModel
    from swarmcache.project.sources import Span

_ORDER = ("complete", "unknown", "incomplete", "damaged", "missing")
"""What counts where a model is in several caches; what is missing in one may be in another."""


class NeededState(NamedTuple):
    """A model that the project needs."""

    model: NeededModel
    """The place that names it first."""
    outcome: Outcome
    cache: str


def needed_states(case: Case) -> tuple[NeededState, ...]:
    """Return each model once that a config names which a program in sight loads.

    None where it is not certain which config that is, and none where all programs that load models
    are containers': their caches are not here.
    """
    needs = case.project.needs
    loaders = case.project.loaders
    if not needs.certain or (loaders and all(one.execution.root.in_container for one in loaders)):
        return ()
    configured = [load for load in case.project.loads if load.way == "config"]
    loaded = {load.span.file for load in configured}
    decided = {
        f"{load.span.file}:{load.span.line}": effective_names(case.project, load)
        for load in configured
        if load.name is not None and load.name.variable
    }
    named = [
        one
        for one in needs.models
        if one.origin.rpartition(":")[0] in loaded
        and one.target.id in decided.get(one.origin, (one.target.id,))
    ]
    first = {model.target: model for model in reversed(named)}
    caches = used_caches(case)
    found = []
    for target in dict.fromkeys(model.target for model in named):
        outcomes = [(check(target, cache, tiers=case.tiers), cache) for cache in caches]
        best, cache = min(outcomes, key=lambda pair: _ORDER.index(pair[0].state))
        found.append(NeededState(first[target], best, cache))
    return tuple(found)


def place_of(case: Case, model: NeededModel) -> Span | None:
    """Return where a model is named."""
    file, _, line = model.origin.rpartition(":")
    source = case.project.source(file) if file and line.isdecimal() else None
    if source is None or int(line) < 1 or int(line) > source.data.count(b"\n") + 1:
        return None
    return source.line_span(int(line))
