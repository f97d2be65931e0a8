"""SC103: an old variable names the cache, which not every library reads, or no longer does.

What it cannot know: the version of transformers where the trainer's interpreter is not in sight,
and programs in other languages that read the old names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import TRANSFORMERS_VARIABLES, reads_own_variables
from swarmcache.locale import t
from swarmcache.project.edits import Edit
from swarmcache.project.effective.caches import uses
from swarmcache.project.mentions import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.hubcache.locate import Location
    from swarmcache.project.effective.caches import Use
    from swarmcache.project.effective.values import Setting
    from swarmcache.project.sources import Span

_OLD_HUB, _HUB = "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"


def check(case: Case) -> Iterator[Finding]:
    """Find old names in the environment of programs that load models, each place once."""
    seen: set[Span] = set()
    for loader in case.project.loaders:
        for use in uses(loader.execution, case.node.libraries):
            for name in (*TRANSFORMERS_VARIABLES, _OLD_HUB):
                setting = use.settings.get(name)
                if setting is None or setting.span is None or not setting.value:
                    continue
                finding = _found(name, setting, use, case)
                if finding is not None and setting.span not in seen:
                    seen.add(setting.span)
                    yield finding


def _found(name: str, setting: Setting, use: Use, case: Case) -> Finding | None:
    if use.hub is None or use.transformers is None:
        return None
    if name == _OLD_HUB:
        return _hub(setting, use.hub, case)
    if reads_own_variables(case.node.libraries.transformers):
        if use.transformers.path != use.hub.path:
            return None  # Two caches: that is SC102.
        message = t(
            "transformers reads {name} up to 4.x only; today it means the same folder as {other}.",
            name=name,
            other=use.hub.decided_by,
        )
        return RULE.finding(_title(), message, setting.span, fix=_away(name), severity="info")
    message = t(
        "{name} names {value}, which transformers from 5.0 on, huggingface_hub and vLLM do not"
        " read: models are in {path} ({other}).",
        name=name,
        value=setting.value,
        path=use.hub.path,
        other=use.hub.decided_by,
    )
    same = use.hub.path == setting.value
    sure = case.node.libraries.transformers is not None
    return RULE.finding(
        _title(),
        message,
        setting.span,
        fix=_away(name),
        severity="info" if same else None,
        confidence=None if sure else "medium",
    )


def _hub(setting: Setting, hub: Location, case: Case) -> Finding:
    if hub.decided_by == _OLD_HUB:
        message = t(
            "{name} is the old name of {other}; huggingface_hub still reads it.",
            name=_OLD_HUB,
            other=_HUB,
        )
        fix = _renamed(setting, case)
        return RULE.finding(_title(), message, setting.span, fix=fix, severity="info")
    message = t(
        "{name} names {value}, but {other} comes first: models are in {path}.",
        name=_OLD_HUB,
        value=setting.value or "",
        other=hub.decided_by,
        path=hub.path,
    )
    same = hub.path == setting.value
    severity = "info" if same else None
    return RULE.finding(_title(), message, setting.span, fix=_away(_OLD_HUB), severity=severity)  # type: ignore[arg-type]


def _title() -> str:
    return t("an old variable for the cache")


def _away(name: str) -> Fix:
    return Fix("display", t("Take {name} away, and keep {other}.", name=name, other=_HUB))


def _renamed(setting: Setting, case: Case) -> Fix:
    """Return the new name in the old one's place, where the old stands nowhere else."""
    description = t("Use the name of today: {name}", name=_HUB)
    places = list(mentions(case.project, _OLD_HUB))
    new = next(mentions(case.project, _HUB), None)
    if setting.span is None or len(places) != 1 or new is not None:
        return Fix("display", description)
    (place,) = places
    if place.span.file != setting.span.file:
        return Fix("display", description)
    return Fix(
        "safe", description, (Edit(place.span.file, place.span.start, place.span.end, _HUB),)
    )


RULE = Rule("SC103", "deprecated-variable", "warning", "high", check)
