"""`emit slurm`: a batch script that fetches once, copies to each node, and starts offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.launch.emit.values import Basis


def piece(basis: Basis) -> Piece:
    """Return a batch script; project, cache and swarmcache must lie where all nodes see them."""
    head = comment(
        t("Made by swarmcache emit slurm: add your partition, time and GPUs above."),
        t("Project, cache and swarmcache lie on a file system that all nodes see."),
    )
    content = filled(
        "trainer.sbatch",
        head=head,
        name=basis.name,
        project=quoting.shell([basis.project]),
        cache=quoting.shell([basis.cache]),
        models=quoting.shell(basis.models),
        program=quoting.shell(basis.program),
        command=quoting.shell(basis.command),
        named="".join(f"{quoting.shell([word])} " for word in basis.model_options),
        endpoint=_endpoint(basis),
        about_once=comment(
            t("1. Once, on one node. Without a network there, run this on a login node instead.")
        ),
        about_stage=comment(
            t("2. On every node: from the shared folder to the local disk, without the network.")
        ),
        about_start=comment(t("3. The workers, offline.")),
    )
    return Piece(
        content,
        executable=True,
        hints=(t("Then: {command}", command=f"sbatch {basis.file_or('FILE')}"),),
    )


def _endpoint(basis: Basis) -> str:
    if not basis.endpoints:
        return ""
    return f"export SWARMCACHE_HUB_ENDPOINTS={quoting.shell([' '.join(basis.endpoints)])}\n"
