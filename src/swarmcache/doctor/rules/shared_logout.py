"""SC504: a script logs out of the Hub, and with it every project that shares the token's place.

`hf auth logout` removes the token file and all stored tokens below HF_HOME (huggingface_hub
`_login.py`), not only this project's. Where `hf` is missing (before 0.34 it is `huggingface-cli`)
and the script stops at errors, the start ends there.

What it cannot know: whether anybody else on this machine uses a token from that place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.executions import Execution

_LOGOUTS = (("hf", "auth", "logout"), ("huggingface-cli", "logout"))


def check(case: Case) -> Iterator[Finding]:
    """Find the first logout of each script, unless the token's place is the project's own."""
    seen: set[str] = set()
    for execution in case.project.executions:
        if execution.span.file in seen or not _logs_out(execution):
            continue
        place = _tokens(execution, case)
        if place is not None and not f"{place}/".startswith(f"{case.project.folder}/"):
            seen.add(execution.span.file)
            yield _found(execution, place)


def _logs_out(execution: Execution) -> bool:
    words = (execution.program.name, *execution.program.words[1:])
    one_of_several = "--token-name" in words
    return not one_of_several and any(words[: len(one)] == one for one in _LOGOUTS)


def _tokens(execution: Execution, case: Case) -> str | None:
    """Return the folder of the token; None in a container, whose tokens are its own."""
    if execution.root.in_container:
        return None
    given = execution.variable("HF_TOKEN_PATH")
    if any(given):
        first = next(setting for setting in given if setting is not None)
        return os.path.dirname(first.value) if first.value else None
    use = next(iter(uses(execution, case.node.libraries)), None)
    home = execution.variable("HF_HOME")
    if any(home):
        first = next(setting for setting in home if setting is not None)
        return os.path.join(execution.cwd or "/", first.value) if first.value else None
    if use is None or execution.root.home is None:
        return None
    return os.path.join(execution.root.home, ".cache/huggingface")


def _found(execution: Execution, place: str) -> Finding:
    message = t(
        "This takes away the token and all stored tokens in {path}, which every project of this"
        " user that does not say otherwise reads: they are logged out whenever this script starts.",
        path=place,
    )
    fix = Fix(
        "display", t('Give this project a place of its own: export HF_TOKEN_PATH="$PWD/.hf-token"')
    )
    return RULE.finding(t("logs all projects out"), message, execution.span, fix=fix)


RULE = Rule("SC504", "shared-logout", "warning", "high", check)
