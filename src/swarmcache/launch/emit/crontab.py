"""`emit cron`: lines that keep the models complete, and prove their bytes once a week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.launch.emit.values import Basis


def piece(basis: Basis) -> Piece:
    """Return lines for `crontab -e`; cron mails what they say, which is nothing but failures."""
    head = comment(
        t("Made by swarmcache emit cron, for {command}.", command="crontab -e"),
        t("Each day what is missing is fetched; each Sunday the bytes are proven."),
    )
    content = filled(
        "crontab",
        head=head,
        pull=quoting.cron(_line(basis, "pull")),
        verify=quoting.cron(_line(basis, "verify")),
    )
    return Piece(content, executable=False, hints=(t("Into: {command}", command="crontab -e"),))


def _line(basis: Basis, verb: str) -> str:
    variables = [f"SWARMCACHE_CACHE_DIR={basis.cache}"]
    if basis.endpoints:
        variables.append(f"SWARMCACHE_HUB_ENDPOINTS={' '.join(basis.endpoints)}")
    command = ["env", *variables, *basis.program, verb, "--quiet", *basis.models]
    project, call = quoting.shell([basis.project]), quoting.shell(command)
    return f'cd {project} && told=$({call} 2>&1) || echo "$told"'
