"""SC401: HF_HUB_DOWNLOAD_TIMEOUT is missing, shorter than the default, or no whole number.

It is how long one read from the network may wait, not how long a download may take: 10 seconds
unless it is set. On a slow or far link a read that waits longer fails, and is tried again a few
times only. What is no whole number of seconds (`2m`, `2.5`, the empty string) stops the program
when it imports huggingface_hub.

What it cannot know: how fast the link is; and a value that is set in a shell's profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.timeouts import DEFAULT_SECONDS, meant_seconds, seconds
from swarmcache.doctor.variables import left_unset, seen_values
from swarmcache.locale import t
from swarmcache.project.assignments import assigned, with_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.doctor.variables import Seen

NAME = "HF_HUB_DOWNLOAD_TIMEOUT"


def check(case: Case) -> Iterator[Finding]:
    """Find values that are misread or too short; and the first program that has none."""
    for seen in seen_values(case, NAME):
        found = seconds(seen.value)
        if found is None:
            yield malformed(RULE, NAME, seen, case)
        elif found < DEFAULT_SECONDS:
            yield _short(seen, found)
    unset = left_unset(case, NAME)
    if unset is not None:
        message = t(
            "{name} is not set for {program}: a read that waits longer than {seconds} s fails,"
            " which slow or far links do often.",
            name=NAME,
            program=unset.root.name,
            seconds=DEFAULT_SECONDS,
        )
        yield RULE.finding(
            t("no download timeout set"),
            message,
            unset.span,
            fix=Fix("display", f"export {NAME}=120"),
            severity="info",
            confidence="medium",
        )


def malformed(rule: Rule, name: str, seen: Seen, case: Case) -> Finding:
    """Return the finding of a timeout that huggingface_hub cannot read."""
    message = t(
        "{name} is {value}, and huggingface_hub reads whole seconds only: importing it raises"
        " ValueError, so that the program does not start.",
        name=name,
        value=f"'{seen.value}'",
    )
    fix = _whole(name, seen, case)
    return rule.finding(
        t("a timeout that stops the program"), message, seen.span, fix=fix, severity="error"
    )


def _whole(name: str, seen: Seen, case: Case) -> Fix:
    """Return the fix: the same time in whole seconds, where it is plain which time is meant."""
    found = meant_seconds(seen.value)
    place = assigned(case.project.source(seen.span.file), seen.span, name)
    value = place.text.strip("\"'") if place is not None else None
    edit = with_value(place, f"{found}") if place is not None and value == seen.value else None
    if found is None or edit is None:
        return Fix("display", f"export {name}={found or 120}")
    return Fix("safe", f"export {name}={found}", (edit,))


def _short(seen: Seen, found: int) -> Finding:
    message = t(
        "{name} is {seconds} s, shorter than the default of {default} s: one read that waits longer"
        " fails the download.",
        name=NAME,
        seconds=found,
        default=DEFAULT_SECONDS,
    )
    fix = Fix("display", f"export {NAME}=120")
    return RULE.finding(t("a short download timeout"), message, seen.span, fix=fix)


RULE = Rule("SC401", "download-timeout", "warning", "high", check)
