"""SC109: a cache is set in a place that the container, the service or the cron job does not read.

`.env` beside a compose file only fills `${NAME}` in that file. What a script exports before
`docker compose` or `docker run` reaches that program, and no container. What a user's shell has,
or reads from `~/.bashrc`, reaches neither a unit of systemd nor cron.

What it cannot know: what an image that is not the project's own reads by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.profiles import written_profiles
from swarmcache.project.containers.kept import container_caches
from swarmcache.project.containers.left_behind import left_behind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.commands.profiles import WrittenProfile
    from swarmcache.project.containers.left_behind import LeftBehind
    from swarmcache.project.effective.executions import Execution

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
    profiles = list(written_profiles(case.project.executions_by_hand))
    for loader in case.project.loaders:
        execution = loader.execution
        if not execution.root.alone:
            continue
        for name in (*_CACHES, "HF_ENDPOINT"):
            key = (execution.root.name, name)
            if key in seen or any(execution.variable(name)):
                continue
            value = case.node.environment.get(name)
            profile = next((one for one in profiles if one.name == name), None)
            if value:
                seen.add(key)
                yield _of_shell(name, value, execution)
            elif profile is not None:
                seen.add(key)
                yield _of_profile(profile, execution)


def _of_shell(name: str, value: str, execution: Execution) -> Finding:
    message = t(
        "Your shell has {name}={value}, and what {unit} starts does not get it: a unit has"
        " only what it says itself.",
        name=name,
        value=value,
        unit=execution.root.name,
    )
    title = t("set where the unit does not read it")
    return RULE.finding(title, message, execution.span, fix=_said(name, value, execution))


def _of_profile(one: WrittenProfile, execution: Execution) -> Finding:
    message = t(
        "{name} goes into {profile}, which only a shell of that user reads: what {unit} starts does"
        " not get it.",
        name=one.name,
        profile=one.profile,
        unit=execution.root.name,
    )
    return RULE.finding(
        t("set where the unit does not read it"),
        message,
        one.span,
        evidence=[Evidence(execution.span, t("this loads the models"))],
        fix=_said(one.name, one.value or "…", execution),
    )


def _said(name: str, value: str, execution: Execution) -> Fix:
    """Return the line by which a unit or a crontab sets a variable."""
    if execution.root.kind == "cron":
        return Fix("display", f"{name}={value}")
    return Fix("display", f"[Service]\nEnvironment={name}={value}")


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
