"""`doctor --log`: a log alone, from a file or from standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from swarmcache.doctor.engine import chosen
from swarmcache.doctor.logs import findings_of_log
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from swarmcache.doctor.case import Case
    from swarmcache.doctor.engine import Wanted
    from swarmcache.doctor.finding import Finding

STANDARD_INPUT = "-"


def read_log(path: str, case: Case, wanted: Wanted) -> tuple[Finding, ...]:
    """Return what a log tells, `-` for standard input; raises OSError."""
    version = case.node.libraries.transformers
    if path == STANDARD_INPUT:
        return chosen(findings_of_log(sys.stdin.buffer, path, version), wanted)
    path = case.node.environment.absolute(path)
    with open(path, "rb") as stream:
        return chosen(findings_of_log(stream, shown(path, case.project.folder), version), wanted)
