"""SC402: HF_HUB_ETAG_TIMEOUT is left at 10 s where the other timeout was raised, or malformed.

Before each file its metadata is asked for, with a timeout of its own. Who raised the download
timeout because the link is slow has not raised this one: after 10 s the file counts as not to be
reached, and if it is not in the cache the start fails. 0 means 10 s, not none.

What it cannot know: whether the link needs it; from some versions on a client that asks for the
whole repo at once has no timeout there at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.rules.download_timeout import NAME as DOWNLOAD
from swarmcache.doctor.rules.download_timeout import malformed
from swarmcache.doctor.timeouts import DEFAULT_SECONDS, seconds
from swarmcache.doctor.variables import left_unset, seen_values
from swarmcache.locale import t
from swarmcache.project.assignments import assigned, line_behind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding

NAME = "HF_HUB_ETAG_TIMEOUT"


def check(case: Case) -> Iterator[Finding]:
    """Find values that are misread, and programs for which only the other one was raised."""
    for seen in seen_values(case, NAME):
        if seconds(seen.value) is None:
            yield malformed(RULE, NAME, seen, case)
        elif not int(seen.value):
            message = t("{name} is 0, which means the default of 10 s, not none.", name=NAME)
            yield RULE.finding(t("a timeout of 0 is 10 s"), message, seen.span)
    if left_unset(case, NAME) is None:
        return
    for seen in seen_values(case, DOWNLOAD):
        found = seconds(seen.value)
        if found is None or found <= DEFAULT_SECONDS:
            continue
        if seen.execution is not None and any(seen.execution.variable(NAME)):
            continue
        message = t(
            "{other} is raised to {seconds} s, but {name} is left at {default} s: on the same slow"
            " link the question for a file's metadata, which comes before each download, fails"
            " first.",
            other=DOWNLOAD,
            seconds=found,
            name=NAME,
            default=DEFAULT_SECONDS,
        )
        place = assigned(case.project.source(seen.span.file), seen.span, DOWNLOAD)
        edit = line_behind(place, NAME, "30") if place is not None else None
        command = f"export {NAME}=30"
        fix = Fix("display", command) if edit is None else Fix("safe", command, (edit,))
        yield RULE.finding(t("the other timeout is left at 10 s"), message, seen.span, fix=fix)


RULE = Rule("SC402", "etag-timeout", "info", "high", check)
