"""SC203: a command that deletes the cache, and with it the models of every project that uses it.

`rm -rf ~/.cache/huggingface/hub/*`, `shutil.rmtree`, `find … -mtime +30 -delete`: the last one
takes blobs away by their age, and leaves snapshots whose links lead nowhere, so that models are
damaged, not gone. A folder above the cache counts too: a clone with a cache of its own.

What it cannot know: whether somebody means it, where a person is asked first; and paths that only
running the script tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.caches import known_caches, used_caches
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.deleting import deletions_of
from swarmcache.project.commands.deleting_in_python import deletions_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.commands.deleting import Deletion
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find each command once, whoever runs it."""
    seen: set[Span] = set()
    caches = known_caches(case)
    for deletion in _deletions(case):
        hit = next((cache for cache in caches if deletion.empties(cache)), None)
        model = next((cache for cache in caches if _takes_a_model(deletion, cache)), None)
        if deletion.span in seen or (hit or model) is None:
            continue
        seen.add(deletion.span)
        if hit is not None:
            yield _whole(deletion, hit, case)
        elif model is not None:
            yield _model(deletion)


def _deletions(case: Case) -> Iterator[Deletion]:
    for execution in case.project.executions:
        if not execution.root.in_container:
            yield from deletions_of(execution)
    yield from deletions_in(case.project.modules, case.node.environment.home)


def _takes_a_model(deletion: Deletion, cache: str) -> bool:
    """Tell whether a model goes at each start, asked for by nobody."""
    execution = deletion.execution
    if execution is None or not execution.certain:
        return False
    return deletion.path.startswith((f"{cache}/models--", f"{cache}/datasets--"))


def _whole(deletion: Deletion, cache: str, case: Case) -> Finding:
    if deletion.by_age:
        message = t(
            "Files go by their age below {cache}, one by one: blobs that snapshots still link to,"
            " refs and tokens. What is left of a model looks present and does not load, in every"
            " project of this user.",
            cache=deletion.path,
        )
        fix = t("Run swarmcache clean --all --older-than 30d, which takes whole models.")
    else:
        message = t(
            "This deletes {path}, and with it every model of {cache}, those of other projects too:"
            " all of them are downloaded again.",
            path=deletion.path,
            cache=cache,
        )
        fix = t("Run swarmcache clean, which shows a plan and leaves what others use.")
    used = used_caches(case)
    if case.project.loaders and not any(map(deletion.empties, used)):
        message = " ".join(
            (message, t("This project's own cache, {path}, is not even touched.", path=used[0]))
        )
    title = t("deletes the cache by the age of its files") if deletion.by_age else None
    return RULE.finding(
        title or t("deletes the whole cache"),
        message,
        deletion.span,
        fix=Fix("display", fix),
    )


def _model(deletion: Deletion) -> Finding:
    message = t(
        "Each start deletes {path}, and so each start downloads that model again.",
        path=deletion.path,
    )
    fix = Fix("display", t("Take this line away; swarmcache verify --repair mends a bad file."))
    return RULE.finding(
        t("deletes a model at each start"),
        message,
        deletion.span,
        fix=fix,
        severity="warning",
    )


RULE = Rule("SC203", "destructive-delete", "error", "high", check)
