"""`emit kubernetes`: a claim and an init container, and a DaemonSet that pulls on every node."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from swarmcache import __version__
from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.launch.init.compose import INSIDE
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.launch.emit.values import Basis

IMAGE = "python:3.12-slim"
CLAIM = "50Gi"
_PULL = 'pip install --quiet --no-cache-dir "$0" && exec swarmcache pull "$@"'


def piece(basis: Basis) -> Piece:
    """Return three manifests, of which a user takes what fits."""
    head = comment(
        t("Made by swarmcache emit kubernetes. Take 1 and 2, or 3, not all of them."),
        t("Where pods reach no package index, build an image with swarmcache, and leave pip out."),
        t("A gated model needs HF_TOKEN in the env of the container swarmcache, from a Secret."),
    )
    content = filled(
        "kubernetes.yaml",
        head=head,
        name=basis.name,
        size=CLAIM,
        inside=INSIDE,
        puller=textwrap.indent(_puller(basis), " " * 6),
        node_puller=textwrap.indent(_puller(basis), " " * 10),
        cache=quoting.yaml(basis.cache),
    )
    hints = (t("Then: {command}", command=f"kubectl apply -f {basis.file_or('FILE')}"),)
    return Piece(content, executable=False, hints=hints)


def _puller(basis: Basis) -> str:
    """Return the container that pulls, without its name and mounts."""
    lines = [
        f"image: {IMAGE}",
        f"command: [sh, -c, {quoting.argument(_PULL)}]",
        "args:",
        *(f"  - {quoting.argument(one)}" for one in (f"swarmcache=={__version__}", *basis.models)),
        "env:",
        f"  - {{name: HF_HUB_CACHE, value: {INSIDE}}}",
    ]
    if basis.endpoints:
        lines.append(f"  - {{name: HF_ENDPOINT, value: {quoting.argument(basis.endpoints[0])}}}")
    return "\n".join(lines)
