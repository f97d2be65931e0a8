"""SC202: the project itself throws containers away that hold models: `--rm`, or `down` and `up`.

So does a job of a cluster with a cache on its own disk (`$SLURM_TMPDIR`), which is emptied when
the job ends; unless the job copies something there first, or is offline.

Only with SC201's effect: where the cache is mounted, a container that goes costs nothing. Commands
in the README count too, since that is how people start it; a plain `restart`, `stop` or `start`
keeps the container, and is none.

What it cannot know: how people really start it; what a site does with such a disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.variables import may_be_offline
from swarmcache.hubcache.folder import within
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches, leaves_place_open
from swarmcache.project.effective.caches import uses
from swarmcache.project.readers.jobs import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.hubcache.locate import Location
    from swarmcache.project.containers.compose_words import ComposeCall
    from swarmcache.project.containers.kept import ContainerCache
    from swarmcache.project.containers.values import Container
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Span

_README = re.compile(
    rb"docker[- ]compose\s[^\n`]*?\brun\s(?P<options>(?:-\S+\s+)+)(?P<service>[\w.-]+)"
)

_COPYING = frozenset({"cp", "rsync", "tar", "unzip", "scp", "rclone", "mv", "ln"})


def check(case: Case) -> Iterator[Finding]:
    """Find commands that throw a container with models away, one for each file and cache."""
    yield from _jobs(case)
    lost = [c for c in container_caches(case.project, case.node.libraries) if not c.lasts]
    if not lost:
        return
    seen: set[tuple[str, str]] = set()
    for cache, span, how in (*_runs(lost), *_composed(lost, case), *_documented(lost, case)):
        key = (span.file, cache.path)
        if key not in seen:
            seen.add(key)
            yield _found(cache, span, how)


def _jobs(case: Case) -> Iterator[Finding]:
    """Find caches on a disk that goes with its job, each place once."""
    seen: set[Span] = set()
    for loader in case.project.loaders:
        execution = loader.execution
        if execution.root.job is None or not leaves_place_open(loader, case.project):
            continue
        for use in uses(execution, case.node.libraries):
            hub = use.hub
            setting = use.settings.get(hub.decided_by) if hub is not None else None
            if hub is None or setting is None or not is_local(hub.path):
                continue
            span = setting.span or execution.span
            if span not in seen and not _is_filled(hub.path, execution, case):
                seen.add(span)
                yield _job(hub, span, execution)


def _is_filled(path: str, execution: Execution, case: Case) -> bool:
    """Tell whether a job copies something to where its cache is, or downloads nothing."""
    if may_be_offline(execution):
        return True
    for other in case.project.executions:
        if other.root == execution.root and other.program.name in _COPYING:
            words = [word.rstrip("/") for given in other.words()[1:] for word in given.known]
            if any(is_local(word) and (within(path, word) or within(word, path)) for word in words):
                return True
    return False


def _job(hub: Location, span: Span, execution: Execution) -> Finding:
    tasks = execution.root.job.tasks if execution.root.job is not None else 1
    message = t(
        "{name} puts the models of this job on a disk of its node that is emptied when the job"
        " ends: each job downloads them again.",
        name=hub.decided_by,
    )
    if tasks > 1:
        message += " " + t("Its array has {count} tasks, each of which is a job.", count=tasks)
    lines = t("Keep them on a disk that stays, or copy them there before: cp -r …/hub {path}",
              path=f"${hub.decided_by}")  # fmt: skip
    return RULE.finding(
        t("models on a disk that goes with the job"),
        message,
        span,
        evidence=[Evidence(execution.span, t("this loads the models"))],
        fix=Fix("display", lines),
        confidence="medium",
    )


def _runs(lost: list[ContainerCache]) -> Iterator[tuple[ContainerCache, Span, str]]:
    for cache in lost:
        run = cache.container.run
        if run is not None and run.removed:
            yield cache, run.execution.span, "docker run --rm"


def _composed(lost: list[ContainerCache], case: Case) -> Iterator[tuple[ContainerCache, Span, str]]:
    for call in case.project.compose_calls:
        for cache in lost:
            one = cache.container
            if one.stack is None:
                continue
            if call.removes and _means(call, one):
                yield cache, call.execution.span, "docker compose run --rm"
            elif call.verb == "down" and _comes_back(call, one, case):
                yield cache, call.execution.span, "docker compose down"


def _means(call: ComposeCall, container: Container) -> bool:
    """Tell whether a call is about a container: it names its service, or all of its own stack."""
    if call.services:
        return container.name in call.services
    stack = container.stack
    return stack is not None and not call.files and call.execution.cwd == stack.folder


def _comes_back(down: ComposeCall, container: Container, case: Case) -> bool:
    """Tell whether the same script starts again what it takes down."""
    file, place = down.execution.span.file, down.execution.span.start
    return any(
        call.verb in {"up", "run"}
        and call.execution.span.file == file
        and (call.execution.span.start > place or down.execution.loops)
        and _means(call, container)
        for call in case.project.compose_calls
    )


def _documented(
    lost: list[ContainerCache], case: Case
) -> Iterator[tuple[ContainerCache, Span, str]]:
    source = case.project.source("README.md")
    for match in _README.finditer(source.data) if source is not None else ():
        service = match["service"].decode()
        for cache in lost:
            one = cache.container
            if b"--rm" in match["options"] and one.stack is not None and one.name == service:
                yield cache, source.span(match.start(), match.end()), "docker compose run --rm"  # type: ignore[union-attr]


def _found(cache: ContainerCache, span: Span, how: str) -> Finding:
    message = t(
        "{how} throws the container of {name} away, and its models with it: {path} lies in the"
        " container. Each start downloads them again.",
        how=how,
        name=cache.container.name,
        path=cache.path,
    )
    return RULE.finding(
        t("containers with models are thrown away"),
        message,
        span,
        evidence=[Evidence(cache.container.span, t("nothing is mounted over its cache"))],
        fix=Fix("display", t("Mount the cache (SC201); then a container may come and go.")),
        confidence="medium" if span.file.endswith(".md") else None,
    )


RULE = Rule("SC202", "discarded-container", "warning", "high", check)
