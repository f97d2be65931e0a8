"""SC501: packages are installed again at each start.

`pip install` in the script that starts the trainer asks the index each time, may bring other
versions of the Hub's libraries than yesterday, and lets a start fail where the index is slow; in a
restart loop it does so each time round. `--force-reinstall` downloads everything again.

What it cannot know: whether pip finds everything satisfied, which still costs a request for each
package that is not pinned. What stands behind an `if` or `||` is taken for done when needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.installing import installs
from swarmcache.project.readers.shell.within import is_guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.sources import Span

_MOST = 4


def check(case: Case) -> Iterator[Finding]:
    """Find the installations of each script that goes on to start a program that loads models."""
    loaders = [one.execution for one in case.project.loaders if not _fetches_once(one)]
    starts = {one.span.file for one in loaders}
    roots = {(one.root.name, one.root.span) for one in loaders if one.root.starts_anew}
    found: dict[str, dict[Span, Execution]] = {}
    for execution in case.project.executions:
        words = installs(execution.program.words)
        file = execution.span.file
        goes_on = file in starts or (execution.root.name, execution.root.span) in roots
        asks = words is not None and "--no-index" not in words
        asks = asks and execution.root.kind != "notebook"
        if asks and goes_on and not _only_sometimes(execution, case):
            found.setdefault(file, {}).setdefault(execution.span, execution)
    for executions in found.values():
        yield _found(list(executions.values()))


def _fetches_once(loader: Loader) -> bool:
    """Tell whether a pod is there to download models, and does nothing else."""
    return loader.library == "huggingface_hub" and loader.execution.root.kind == "pod"


def _only_sometimes(execution: Execution, case: Case) -> bool:
    source = case.project.source(execution.span.file)
    script = case.project.scripts.get(source.path) if source is not None else None
    if script is None:  # What a manifest or a unit starts.
        return not execution.certain or not execution.root.starts_anew
    return is_guarded(script.body, execution.span)


def _found(executions: list[Execution]) -> Finding:
    first = executions[0]
    forced = [
        execution
        for execution in executions
        if "--force-reinstall" in (installs(execution.program.words) or ())
    ]
    only_pip = all(_upgrades_pip(one) for one in executions)
    message = t(
        "{script} installs packages before it starts the program that loads models: each start"
        " asks the index, fails where that cannot be reached, and may get other versions.",
        script=first.span.file,
    )
    place = (forced or [first])[0].span
    others = [one for one in executions if one.span != place]
    evidence = [Evidence(one.span, t("so does this")) for one in others[:_MOST]]
    if forced:
        again = t("--force-reinstall downloads all of it anew each time.")
        message = f"{message} {again}"
    fix = Fix("display", t("Install once, with pinned versions, and only start in this script."))
    title = t("packages installed at each start")
    severity: Severity = "info" if only_pip else "warning"
    return RULE.finding(title, message, place, evidence=evidence, fix=fix, severity=severity)


def _upgrades_pip(execution: Execution) -> bool:
    words = installs(execution.program.words) or ()
    return [word for word in words if not word.startswith("-")] == ["pip"]


RULE = Rule("SC501", "install-at-start", "warning", "high", check)
