"""SC503: a watchdog that takes a slow download for a hang.

It ends the trainer when its log has not grown for some minutes. A large model downloads that long
without a line in the log; the download is killed, and with huggingface_hub from 1.18 on the next
start begins at 0 and is killed again.

What it cannot know: how long this project's downloads take; and whether models are fetched before
the watchdog begins. A script that speaks of `.incomplete` files, of the cache, or of a time of
grace is left alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.watching import watchdog
from swarmcache.project.readers.shell.written import with_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding

_TRAINS = re.compile(r"swarm|train|launch|rollout|vllm|trl|verl", re.IGNORECASE)


def check(case: Case) -> Iterator[Finding]:
    """Find them in scripts and in scripts that scripts write."""
    for script in with_written(case.project.scripts.values()):
        found = watchdog(script)
        if found is None or not _TRAINS.search(script.source.text):
            continue
        message = t(
            "This script ends the program when its log has been still for a while, and a download"
            " of a large model writes no line: it is killed in the middle and begins again at 0."
        )
        stop = Evidence(found.stop, t("ended here"))
        fix = Fix(
            "display", t("Run swarmcache pull before the first start, so nothing is fetched.")
        )
        title = t("a slow download looks like a hang")
        yield RULE.finding(title, message, found.age, evidence=[stop], fix=fix)


RULE = Rule("SC503", "kill-mid-download", "warning", "medium", check)
