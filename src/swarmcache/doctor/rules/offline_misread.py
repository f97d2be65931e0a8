"""SC403: a value of an offline switch that the libraries read otherwise than it looks.

Only `1`, `ON`, `YES` and `TRUE` (in any case) switch it on; `y`, `enabled` or a blank before the 1
do not. HF_HUB_OFFLINE comes before TRANSFORMERS_OFFLINE unless it is empty, so that `0` there
keeps a program online whatever the other one says.

What it cannot know: what was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.variables import seen_values
from swarmcache.locale import t
from swarmcache.project.assignments import assigned, with_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.doctor.variables import Seen
    from swarmcache.project.effective.executions import Execution

HUB, TRANSFORMERS = "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"
_NAMES = (HUB, TRANSFORMERS, "HF_DATASETS_OFFLINE")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_MEANT = frozenset({"1", "ON", "YES", "TRUE", "Y", "T", "ENABLE", "ENABLED", "2"})
"""What switches on, and what is only spelled otherwise."""
_PLAINLY_FALSE = frozenset({"", "0", "OFF", "NO", "FALSE", "N", "F", "NONE", "NULL"})


def check(case: Case) -> Iterator[Finding]:
    """Find values that look like yes and are no; then the two switches against each other."""
    for name in _NAMES:
        for seen in seen_values(case, name):
            if seen.value.upper() not in _TRUE | _PLAINLY_FALSE:
                yield _no(name, seen, case)
    yield from _against(case)


def _no(name: str, seen: Seen, case: Case) -> Finding:
    message = t(
        "{name} is {value}, which is no: only 1, ON, YES and TRUE switch it on. The program stays"
        " online.",
        name=name,
        value=f"'{seen.value}'",
    )
    fix = _one(name, seen, case)
    return RULE.finding(t("an offline switch that is not on"), message, seen.span, fix=fix)


def _one(name: str, seen: Seen, case: Case) -> Fix:
    """Return the fix; a person looks first, since the program then starts without the Hub."""
    place = assigned(case.project.source(seen.span.file), seen.span, name)
    known = place is not None and place.text.strip("\"'") == seen.value
    edit = with_value(place, "1") if place is not None and known else None
    if edit is None or seen.value.strip().upper() not in _MEANT:
        return Fix("display", f"export {name}=1")
    return Fix("unsafe", f"export {name}=1", (edit,))


def _against(case: Case) -> Iterator[Finding]:
    """Find programs that are told to be online by one name and offline by the other."""
    on = {
        id(seen.execution): seen
        for seen in seen_values(case, TRANSFORMERS)
        if seen.value.upper() in _TRUE
    }
    for seen in seen_values(case, HUB):
        other = on.get(id(seen.execution))
        if other is None or not seen.value or seen.value.upper() in _TRUE:
            continue
        if seen.execution is not None and not _always(seen.execution):
            continue
        message = t(
            "{name}={value} comes before {other}=1, so that the program stays online.",
            name=HUB,
            value=seen.value,
            other=TRANSFORMERS,
        )
        yield RULE.finding(
            t("one offline switch undoes the other"),
            message,
            seen.span,
            evidence=[Evidence(other.span, t("this one is not read then"))],
            fix=Fix("display", f"export {HUB}=1"),
        )


def _always(execution: Execution) -> bool:
    """Tell whether both switches are the same on every way; else they may never meet."""
    return all(len(execution.variable(name)) == 1 for name in (HUB, TRANSFORMERS))


RULE = Rule("SC403", "offline-misread", "warning", "high", check)
