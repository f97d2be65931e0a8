"""How large a model is that may not be here: by a cache that holds it, else by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.caches import known_caches
from swarmcache.hubcache.complete.integrity import check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.doctor.case import Case
    from swarmcache.hubcache.layout import Target

_PARAMETERS = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)(B|M)(?![A-Za-z])", re.IGNORECASE)
_BITS = re.compile(r"(?<!\d)([48])-?bits?|(?:int|fp|w|q)([48])(?!\d)|awq|gptq|bnb", re.IGNORECASE)
_UNITS = {"b": 1_000_000_000, "m": 1_000_000}


class ModelBytes(NamedTuple):
    """What fetching some models takes."""

    bytes: int
    guessed: bool
    """Whether a size was told from a name."""


def start_bytes(case: Case) -> ModelBytes | None:
    """Return what one start loads of models: of a draw its largest; None where nothing tells."""
    needs = case.project.needs
    if not needs.certain:
        return None
    alternatives = {draw.group: draw.models for draw in needs.draws}
    drawn = {model for models in alternatives.values() for model in models}
    groups = [*alternatives.values(), *((one,) for one in needs.targets if one not in drawn)]
    sizes = [max(_model_bytes(case, models)) for models in groups if models]
    if not sizes or not all(size.bytes for size in sizes):
        return None
    return ModelBytes(sum(size.bytes for size in sizes), any(size.guessed for size in sizes))


def _model_bytes(case: Case, models: Iterable[Target]) -> list[ModelBytes]:
    return [_size(case, model) for model in models]


def _size(case: Case, model: Target) -> ModelBytes:
    for cache in known_caches(case):
        found = check(model, cache, tiers=case.tiers)
        if found.state == "complete":
            return ModelBytes(found.size, guessed=False)
    return ModelBytes(named_size(model.id), guessed=True)


def named_size(name: str) -> int:
    """Return the bytes of weights that a model's name speaks of; 0 where it speaks of none."""
    match = _PARAMETERS.search(name.rpartition("/")[2])
    if match is None:
        return 0
    parameters = float(match[1]) * _UNITS[match[2].lower()]
    bits = _BITS.search(name)
    each = 2.0 if bits is None else (1.0 if "8" in (bits[1] or bits[2] or "") else 0.5)
    return int(parameters * each)
