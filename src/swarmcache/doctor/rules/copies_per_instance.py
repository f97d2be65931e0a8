"""SC204: each of several instances has a cache of its own, so that models are stored several times.

Services of one stack that run the same image with the same cache path, mounted from different
folders or volumes; a StatefulSet that claims a volume for each of its pods; and a loop in a script
that gives each turn another cache.

What it cannot know: whether the instances load the same models. Where they run the same image or
the same command, they are taken to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import HUB_VARIABLES, TRANSFORMERS_VARIABLES
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.containers.kept import ContainerCache
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.readers.dockerfile.syntax import Start
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find services, then loops."""
    groups: dict[tuple[object, ...], dict[str, ContainerCache]] = {}
    for cache in container_caches(case.project, case.node.libraries):
        one = cache.container
        if cache.mount is not None and cache.mount.each and ((one.pod and one.pod.count) or 1) > 1:
            yield _claims(cache)
        if one.stack is None or cache.mount is None or not cache.lasts:
            continue
        source = cache.mount.source
        if source is not None:
            key = (
                one.stack.name,
                one.image.name,
                cache.path,
                _words(one.entrypoint),
                _words(one.command),
            )
            groups.setdefault(key, {}).setdefault(source, cache)
    for copies in groups.values():
        if len(copies) > 1:
            yield _services(list(copies.values()))
    seen: set[Span] = set()
    for loader in case.project.loaders:
        span = _of_each_turn(loader.execution, case)
        if span is not None and span not in seen:
            seen.add(span)
            yield _loop(loader.execution, span)


def _words(start: Start | None) -> tuple[object, ...]:
    """Return what is started, to be compared: another model there is another instance."""
    if start is None:
        return ()
    return (start.script.data,) if start.script else tuple(word.parts for word in start.words)


def _services(caches: Sequence[ContainerCache]) -> Finding:
    first, *others = caches
    names = ", ".join(cache.container.name for cache in caches)
    message = t(
        "{names} run the same image, and each keeps its models in a place of its own: {places}. The"
        " same models are downloaded and stored {count} times.",
        names=names,
        places=", ".join(str(cache.mount.source) for cache in caches if cache.mount is not None),
        count=len(caches),
    )
    spans = [cache.mount.span for cache in others if cache.mount is not None]
    return RULE.finding(
        t("a cache for each instance"),
        message,
        first.mount.span if first.mount is not None else first.container.span,
        evidence=[Evidence(span, t("another cache of the same models")) for span in spans],
        fix=Fix("display", t("Mount one folder at {path} of all of them.", path=first.path)),
    )


def _claims(cache: ContainerCache) -> Finding:
    pod, mount = cache.container.pod, cache.mount
    message = t(
        "{name} claims a volume for each of its {count} pods, and each keeps its models there: the"
        " same models are downloaded and stored {count} times.",
        name=cache.container.name,
        count=pod.count if pod is not None else None,
    )
    fix = Fix("display", t("Mount one claim that many pods may read (ReadWriteMany) there."))
    span = mount.span if mount is not None else cache.container.span
    return RULE.finding(t("a cache for each instance"), message, span, fix=fix)


def _of_each_turn(execution: Execution, case: Case) -> Span | None:
    """Return where a loop gives each of its turns another cache."""
    names = {loop.variable.encode() for loop in execution.loops if loop.variable}
    for name in (*HUB_VARIABLES, *TRANSFORMERS_VARIABLES):
        for setting in execution.variable(name) if names else ():
            source = case.project.source(setting.span.file) if setting and setting.span else None
            if source is None or setting is None or setting.span is None:
                continue
            text = source.data[setting.span.start : setting.span.end]
            if any(match[1] in names for match in re.finditer(rb"\$\{?(\w+)", text)):
                return setting.span
    return None


def _loop(execution: Execution, span: Span) -> Finding:
    message = t(
        "Each turn of the loop starts the program with another cache: the same models are"
        " downloaded and stored once for each."
    )
    return RULE.finding(
        t("a cache for each instance"),
        message,
        span,
        evidence=[Evidence(execution.span, t("this loads the models"))],
        fix=Fix("display", t("Set HF_HUB_CACHE once, before the loop.")),
    )


RULE = Rule("SC204", "copies-per-instance", "warning", "high", check)
