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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.doctor.variables import Seen

HUB, TRANSFORMERS = "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"
_NAMES = (HUB, TRANSFORMERS, "HF_DATASETS_OFFLINE")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_PLAINLY_FALSE = frozenset({"", "0", "OFF", "NO", "FALSE", "N", "F", "NONE", "NULL"})


def check(case: Case) -> Iterator[Finding]:
    """Find values that look like yes and are no; then the two switches against each other."""
    for name in _NAMES:
        for seen in seen_values(case, name):
            if seen.value.upper() not in _TRUE | _PLAINLY_FALSE:
                yield _no(name, seen)
    yield from _against(case)


def _no(name: str, seen: Seen) -> Finding:
    message = t(
        "{name} is {value}, which is no: only 1, ON, YES and TRUE switch it on. The program stays"
        " online.",
        name=name,
        value=f"'{seen.value}'",
    )
    fix = Fix("display", f"export {name}=1")
    return RULE.finding(t("an offline switch that is not on"), message, seen.span, fix=fix)


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


RULE = Rule("SC403", "offline-misread", "warning", "high", check)
