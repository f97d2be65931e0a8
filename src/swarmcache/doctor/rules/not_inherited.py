"""SC109: a cache is set in a place that the container does not read.

`.env` beside a compose file only fills `${NAME}` in that file. What a script exports before
`docker compose` or `docker run` reaches that program, and no container. What a user's shell has
reaches no unit of systemd.

What it cannot know: what an image that is not the project's own reads by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches
from swarmcache.project.containers.left_behind import left_behind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.containers.left_behind import LeftBehind

_CACHES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
_OTHERS = ("HF_HUB_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT")


def check(case: Case) -> Iterator[Finding]:
    """Find variables of the Hub that do not arrive; a cache that lasts elsewhere needs none."""
    lasting = {
        cache.container.span
        for cache in container_caches(case.project, case.node.libraries)
        if cache.lasts
    }
    for lost in left_behind(case.project, *_CACHES, *_OTHERS):
        if lost.name not in _CACHES or lost.container.span not in lasting:
            yield _found(lost)
    yield from _units(case)


def _units(case: Case) -> Iterator[Finding]:
    """Find what this user's shell has, and the first loading program of a unit has not."""
    seen: set[tuple[str, str]] = set()
    for loader in case.project.loaders:
        execution = loader.execution
        if execution.root.kind != "unit":
            continue
        for name in (*_CACHES, "HF_ENDPOINT"):
            value = case.node.environment.get(name)
            key = (execution.root.name, name)
            if not value or key in seen or any(execution.variable(name)):
                continue
            seen.add(key)
            message = t(
                "Your shell has {name}={value}, and what {unit} starts does not get it: a unit has"
                " only what it says itself.",
                name=name,
                value=value,
                unit=execution.root.name,
            )
            fix = Fix("display", f"[Service]\nEnvironment={name}={value}")
            title = t("set where the unit does not read it")
            yield RULE.finding(title, message, execution.span, fix=fix)


def _found(lost: LeftBehind) -> Finding:
    if lost.where == "dotenv":
        message = t(
            "{name} is set here, but compose only fills the compose file in from .env: the"
            " container of {service} does not get it.",
            name=lost.name,
            service=lost.container.name,
        )
    else:
        message = t(
            "{name} is set for docker itself here: the container of {service} does not get it.",
            name=lost.name,
            service=lost.container.name,
        )
    return RULE.finding(
        t("set where the container does not read it"),
        message,
        lost.span,
        evidence=[Evidence(lost.container.span, t("it would have to be passed on here"))],
        fix=Fix("display", passing_on(lost)),
    )


def passing_on(lost: LeftBehind) -> str:
    """Return how a variable reaches the container."""
    if lost.container.run is not None:
        return t("Add to docker run: {option}", option=f"-e {lost.name}")
    return "\n".join(
        ["services:", f"  {lost.container.name}:", "    environment:", f"      - {lost.name}"]
    )


RULE = Rule("SC109", "not-inherited", "warning", "high", check)
