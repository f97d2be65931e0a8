"""What the project in the working directory needs of the cache, and who says so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.layout import RepoName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.cli.invocation import Invocation
    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import LockedModel
    from swarmcache.plans.clean import Pin
    from swarmcache.project.needs.models import OtherNeed


def project_pins(invocation: Invocation) -> list[Pin]:
    """Return what the settings, the lock and the project's own files need.

    Raises ProjectError where the files cannot be read: then nobody knows what they need.
    """
    from swarmcache.launch import project_pins as pins  # noqa: PLC0415 - only clean asks

    environment = invocation.environment
    return pins.project_pins(invocation.project, environment, invocation.settings, invocation.lock)


@contextlib.contextmanager
def using(
    invocation: Invocation,
    targets: Iterable[Target],
    others: Iterable[OtherNeed] = (),
    *,
    looks_around: bool = False,
) -> Iterator[Callable[[], None]]:
    """Let nobody remove these models inside, nor the datasets among `others`; record their use.

    Yields what to call once the cache is there, where it was made only inside. With `looks_around`,
    what others use meanwhile is recorded from time to time as well.
    """
    from swarmcache.hubcache.use.using import using as held  # noqa: PLC0415 - not for `clean` itself

    cache, environment = invocation.location.path, invocation.environment

    def look_around() -> None:
        from swarmcache.hubcache.sizing import remember_size  # noqa: PLC0415 - minutes later
        from swarmcache.hubcache.use.users import note_seen_uses  # noqa: PLC0415

        note_seen_uses(cache, environment, invocation.settings.tiers)
        remember_size(cache, environment)

    repos = [target.name for target in targets]
    repos += [RepoName("dataset", other.name) for other in others if other.kind == "dataset"]
    with held(cache, environment, repos, besides=look_around if looks_around else None) as hold:
        yield hold


def register(invocation: Invocation, targets: Iterable[Target]) -> None:
    """Record in the cache that the project here needs these models; never raises."""
    from swarmcache.hubcache.use.roots import add_root  # noqa: PLC0415 - only verbs that fill a cache

    add_root(invocation.location.path, invocation.environment, invocation.project, targets)


def register_locked(invocation: Invocation, models: Iterable[LockedModel]) -> None:
    """Record that the project here needs what its lock pins, at the locked commits too."""
    from swarmcache.hubcache.layout import Target  # noqa: PLC0415 - only `lock`

    targets = [
        Target(model.type, model.id, revision)  # type: ignore[arg-type] # read_lock checks it
        for model in models
        for revision in (model.revision, model.commit)
    ]
    register(invocation, targets)


def register_project(project: str, environment: Environment) -> None:
    """Record in the cache of a new project what its own files need; never raises of ours."""
    from swarmcache.hubcache.locate import locate_effective  # noqa: PLC0415 - only `init`
    from swarmcache.hubcache.use.roots import add_root  # noqa: PLC0415
    from swarmcache.launch.project_pins import project_targets  # noqa: PLC0415
    from swarmcache.settings import load_settings  # noqa: PLC0415

    with contextlib.suppress(ProjectError):
        cache = locate_effective(load_settings(project, environment), environment).path
        add_root(cache, environment, project, project_targets(project, environment))
