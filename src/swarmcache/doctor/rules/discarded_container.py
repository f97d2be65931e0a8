"""SC202: the project itself throws containers away that hold models: `--rm`, or `down` and `up`.

Only with SC201's effect: where the cache is mounted, a container that goes costs nothing. Commands
in the README count too, since that is how people start it; a plain `restart`, `stop` or `start`
keeps the container, and is none.

What it cannot know: how people really start it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.containers.compose_words import ComposeCall
    from swarmcache.project.containers.kept import ContainerCache
    from swarmcache.project.containers.values import Container
    from swarmcache.project.sources import Span

_README = re.compile(
    rb"docker[- ]compose\s[^\n`]*?\brun\s(?P<options>(?:-\S+\s+)+)(?P<service>[\w.-]+)"
)


def check(case: Case) -> Iterator[Finding]:
    """Find commands that throw a container with models away, one for each file and cache."""
    lost = [c for c in container_caches(case.project, case.node.libraries) if not c.lasts]
    if not lost:
        return
    seen: set[tuple[str, str]] = set()
    for cache, span, how in (*_runs(lost), *_composed(lost, case), *_documented(lost, case)):
        key = (span.file, cache.path)
        if key not in seen:
            seen.add(key)
            yield _found(cache, span, how)


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
