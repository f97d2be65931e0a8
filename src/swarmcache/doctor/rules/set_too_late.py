"""SC108: code sets a variable after the library that reads it was imported.

What it cannot know: imports under a condition, which count as made, and modules that are imported
by others first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import TRANSFORMERS_VARIABLES, reads_own_variables
from swarmcache.locale import t
from swarmcache.project.loads.python_order import late_writes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding


def check(case: Case) -> Iterator[Finding]:
    """Find writes to `os.environ` that come too late."""
    version = case.node.libraries.transformers
    for late in late_writes(case.project):
        name = late.write.name
        if name in TRANSFORMERS_VARIABLES and version and not reads_own_variables(version):
            continue  # Nothing reads it, early or late.
        message = t(
            "{name} is set after {library} was imported, which has read it already: it has no"
            " effect in this process.",
            name=name,
            library=late.library,
        )
        yield RULE.finding(
            t("a variable set too late"),
            message,
            late.write.span,
            evidence=[Evidence(late.imported, t("imported here"))],
            fix=Fix("display", t("Set it before the import, or where the program is started.")),
            confidence="high" if late.write.at_import else "medium",
        )


RULE = Rule("SC108", "set-too-late", "warning", "high", check)
