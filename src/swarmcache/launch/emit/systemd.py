"""`emit systemd`: a unit that fetches what is missing, then starts the trainer, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.launch.emit.values import Basis


_RESTART = ("--restart", "always")
"""RL-Swarm's script ends with 0 whatever happened. systemd's own pauses grow only from 254 on, and
where it counts the starts of an hour it gives up for good."""
_REFUSED = frozenset("$\"'\\")
"""What an executable's path may not hold for systemd 252, or keeps doubled (`$`)."""


def piece(basis: Basis, *, for_user: bool) -> Piece:
    """Return a unit of the system, or with `for_user` one of this user's own manager."""
    unit = f"{basis.name}.service"
    folder = "~/.config/systemd/user" if for_user else "/etc/systemd/system"
    manager = "systemctl --user" if for_user else "systemctl"
    begin = f"{manager} daemon-reload && {manager} enable --now {unit}"
    head = comment(
        t("Made by swarmcache emit systemd, for {path}.", path=f"{folder}/{unit}"),
        t("Then: {command}", command=begin),
    )
    endpoint = quoting.systemd_variable("SWARMCACHE_HUB_ENDPOINTS", " ".join(basis.endpoints))
    content = filled(
        "trainer.service",
        head=head,
        name=basis.name,
        user="" if for_user else f"User={quoting.systemd_path(basis.user)}\n",
        project=quoting.systemd_path(basis.project),
        cache=quoting.systemd_variable("SWARMCACHE_CACHE_DIR", basis.cache),
        path=quoting.systemd_variable("PATH", basis.path),
        endpoint=f"Environment={endpoint}\n" if basis.endpoints else "",
        pull=_command((*basis.program, "pull", *basis.models)),
        run=_command(
            (*basis.program, "run", *_RESTART, *basis.model_options, "--", *basis.command)
        ),
        target="default.target" if for_user else "multi-user.target",
    )
    hints = [t("For {path}; then: {command}", path=f"{folder}/{unit}", command=begin)]
    if for_user:
        hints.append(
            t("So that it runs without a login: {command}", command="loginctl enable-linger")
        )
    return Piece(content, executable=False, hints=tuple(hints))


def _command(words: Iterable[str]) -> str:
    """Return an `Exec` line; env starts a program in whose own path systemd wants no quotes."""
    words = list(words)
    starter = [] if _REFUSED.isdisjoint(words[0]) else ["/usr/bin/env"]
    return " ".join([*starter, *map(quoting.systemd_word, words)])
