"""`emit compose`: an override with the cache, filled before the services that need it start."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

from swarmcache import __version__
from swarmcache.errors import ProjectError
from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.launch.init.compose import INSIDE, mounting
from swarmcache.locale import t
from swarmcache.project.containers.stacks import DEFAULTS
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.launch.emit.values import Basis

_FILE = "compose.swarmcache.yaml"


def piece(basis: Basis, *, base: str, services: Sequence[str]) -> Piece:
    """Return an override of the compose file `base` for services that load models."""
    start = f"docker compose -f {quoting.shell([base])} -f {basis.file_or(_FILE)} up"
    head = comment(
        t(
            "Made by swarmcache emit compose: one cache, complete before {names} start.",
            names=", ".join(services),
        ),
        t("Beside the project's own file: {command}", command=start),
    )
    endpoint = (
        f"      HF_ENDPOINT: {quoting.compose(basis.endpoints[0])}\n" if basis.endpoints else ""
    )
    content = filled(
        "compose.yaml",
        head=head,
        version=__version__,
        user=":".join(map(str, basis.ids)),
        inside=INSIDE,
        endpoint=endpoint,
        arguments=_listed(basis.models, 6),
        tests=_listed(basis.models, 8),
        volume=textwrap.indent(_volume(basis), " " * 6),
        services="\n".join(_service(basis, name) for name in services),
    )
    return Piece(content, executable=False, hints=(t("Start with: {command}", command=start),))


def _listed(words: Sequence[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {quoting.compose(word)}" for word in words)


def _volume(basis: Basis) -> str:
    return f"- type: bind\n  source: {quoting.compose(basis.cache)}\n  target: {INSIDE}"


def _service(basis: Basis, name: str) -> str:
    lines = [
        f"{quoting.yaml(name)}:",
        "  depends_on:",
        "    swarmcache:",
        "      condition: service_healthy",
        "  environment:",
        f"    HF_HUB_CACHE: {INSIDE}",
        "  volumes:",
        textwrap.indent(_volume(basis), " " * 4),
    ]
    return textwrap.indent("\n".join(lines), "  ")


def services_of(
    project: str, environment: Environment, libraries: Libraries
) -> tuple[str, tuple[str, ...]]:
    """Return a project's compose file and its services that load models, without a cache so far.

    Nothing where scripts cannot be read (the extra `doctor`): nobody knows then what they start.
    """
    base = next(
        (one for one in DEFAULTS if os.path.isfile(os.path.join(project, one))), DEFAULTS[0]
    )
    try:
        found = mounting(Project(project, environment), INSIDE, libraries).services
    except ProjectError:
        return base, ()
    names = tuple(dict.fromkeys(one.name for one in found))
    return (os.path.basename(found[0].base) if found else base), names
