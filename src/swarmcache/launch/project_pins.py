"""What a project needs of its cache, so that nothing else that goes for it takes that away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.layout import RepoName
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock
    from swarmcache.plans.clean import Pin
    from swarmcache.settings import Settings


def project_pins(
    project: str, environment: Environment, settings: Settings, lock: Lock | None
) -> list[Pin]:
    """Return what the settings, the lock and the project's own files need.

    Raises ProjectError where the files cannot be read: then nobody knows what they need.
    """
    from swarmcache.plans.clean import Pin  # noqa: PLC0415 - only where something may go

    pins = []
    for model in settings.models:
        name = RepoName(model.type, model.id)
        reason = t("the settings pin it") if model.pin else t("this project needs it")
        pins.append(Pin(name, model.revision, reason))
    for locked in lock.models if lock is not None else ():
        name = RepoName(locked.type, locked.id)  # type: ignore[arg-type] # read_lock checks it
        pins.append(Pin(name, locked.commit, t("swarmcache.lock pins it")))
    reason = t("this project needs it")
    needed = project_targets(project, environment)
    return [*pins, *(Pin(target.name, target.revision, reason) for target in needed)]


def project_targets(project: str, environment: Environment) -> tuple[Target, ...]:
    """Return every model that the project's own files may load; raises ProjectError."""
    from swarmcache.project.needs.configs import has_configs  # noqa: PLC0415 - few ask

    if not has_configs(project):
        return ()
    from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - YAML costs 13 ms

    return needed_models(project, environment, pool="all").targets


def targets_if_readable(project: str, environment: Environment) -> tuple[Target, ...]:
    """Return those models; none where the files cannot be read, which must stop nobody."""
    try:
        return project_targets(project, environment)
    except ProjectError:
        return ()
