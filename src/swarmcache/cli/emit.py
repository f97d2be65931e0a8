"""`swarmcache emit`: pieces for shells, services, containers and clusters, to paste or include."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.project_targets import project_targets
from swarmcache.errors import LaunchError
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.usage import nearest_folder
from swarmcache.launch.emit import Basis
from swarmcache.launch.exports import refuse_replaced
from swarmcache.locale import t
from swarmcache.project.needs.configs import START_SCRIPT
from swarmcache.transfer.tokens import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.environment import Environment
    from swarmcache.launch.emit import Kind, Piece


@click.command(
    help=t("Print a piece that makes something else use the cache: to paste, or as a file."),
    epilog=t("Example: {command}", command="swarmcache emit shell --output model_cache.sh"),
)
@click.argument(
    "kind", type=click.Choice(["shell", "systemd", "compose", "kubernetes", "slurm", "cron"])
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--user", "for_user", is_flag=True, help=t("systemd: a unit of this user's own."))
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    help=t("compose: a service that loads models. Default: those that doctor finds."),
)
@click.option("-o", "--output", metavar="FILE", help=t("Write FILE instead of printing."))
@click.option("-y", "--yes", is_flag=True, help=t("Write over a file that is there."))
@common_options
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    invocation: Invocation,
    kind: Kind,
    models: tuple[str, ...],
    for_user: bool,
    services: tuple[str, ...],
    output: str | None,
    yes: bool,
) -> int:
    """Make the piece; print it, or write it where nothing else is lost."""
    if os.name == "nt":
        raise LaunchError(t("emit makes pieces for Unix: use it under WSL2."))
    named = tuple(parse_target(model).spelled for model in models)
    if kind in {"compose", "kubernetes"} and not named:
        found = project_targets(invocation, pool="all")  # No project is where these run.
        named = tuple(target.spelled for target in found)
    path = None if output is None else invocation.environment.absolute(output)
    basis = _basis(invocation, named, path)
    makers: dict[Kind, Callable[[], Piece]] = {
        "compose": lambda: _compose(invocation, basis, services),
        "systemd": lambda: _systemd(basis, for_user=for_user),
    }
    piece = makers.get(kind, lambda: _simple(kind, basis))()
    if path is not None and not _may_write(path, yes=yes):
        return 1
    if path is not None:
        from swarmcache.launch.emit.writing import write  # noqa: PLC0415 - most are printed

        write(path, piece)
    _report(invocation, kind, piece, path)
    return 0


def _basis(invocation: Invocation, models: tuple[str, ...], file: str | None) -> Basis:
    """Return what the settings and this machine say."""
    settings, project = invocation.settings, invocation.project
    script = os.path.isfile(os.path.join(project, START_SCRIPT))
    command = settings.launch_command or (f"./{START_SCRIPT}" if script else "./train.sh")
    cache = invocation.location.path
    refuse_replaced(invocation.environment, cache)
    owner = os.stat(nearest_folder(cache))
    return Basis(
        project,
        cache,
        models,
        tuple(shlex.split(command)),
        _program(),
        _user(),
        (owner.st_uid, owner.st_gid),
        _path(invocation.environment),
        () if settings.endpoints == (DEFAULT_ENDPOINT,) else settings.endpoints,
        file,
    )


def _path(environment: Environment) -> str:
    """Return PATH as it holds everywhere: without folders that rest on the working directory."""
    folders = (environment.get("PATH") or os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(one for one in folders if os.path.isabs(one)))


def _user() -> str:
    """Return who runs this; a number where the machine knows no name for them."""
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _program() -> tuple[str, ...]:
    """Return what starts swarmcache from anywhere: its command, else its module."""
    beside = os.path.join(os.path.dirname(sys.executable), "swarmcache")
    found = shutil.which("swarmcache") or (beside if os.access(beside, os.X_OK) else None)
    return (os.path.abspath(found),) if found else (sys.executable, "-m", "swarmcache")


def _simple(kind: Kind, basis: Basis) -> Piece:
    from importlib import import_module  # noqa: PLC0415 - one kind a call

    module = import_module(f"swarmcache.launch.emit.{_MODULES.get(kind, kind)}")
    piece: Piece = module.piece(basis)
    return piece


_MODULES = {"cron": "crontab"}


def _systemd(basis: Basis, *, for_user: bool) -> Piece:
    from swarmcache.launch.emit.systemd import piece  # noqa: PLC0415 - one kind a call

    return piece(basis, for_user=for_user)


def _compose(invocation: Invocation, basis: Basis, services: tuple[str, ...]) -> Piece:
    from swarmcache.launch.emit.compose import piece, services_of  # noqa: PLC0415

    base, found = services_of(invocation.project, invocation.environment, invocation.libraries)
    names = services or found
    if not names:
        raise click.UsageError(
            t(
                "No service of a compose file in {folder} is known to load models: use --service.",
                folder=invocation.project,
            )
        )
    return piece(basis, base=base, services=names)


def _may_write(path: str, *, yes: bool) -> bool:
    """Tell whether the file may be written; asks where another one is there."""
    if yes or not os.path.lexists(path):
        return True
    from swarmcache.cli.asking import agreed, somebody_is_there  # noqa: PLC0415 - files only

    if not somebody_is_there():
        raise click.UsageError(t("{path} is there already; add --yes to write over it.", path=path))
    return agreed(t("Write over {path}?", path=path))


def _report(invocation: Invocation, kind: Kind, piece: Piece, path: str | None) -> None:
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.json import document  # noqa: PLC0415

        fields = {"kind": kind, "content": piece.content, "hints": list(piece.hints)}
        terminal.out(document("emit", **fields, output=path))
        return
    if path is None:
        terminal.raw(piece.content)
    else:
        terminal.out(f"{terminal.ok} " + t("Wrote {path}.", path=path))
    for hint in piece.hints:
        terminal.say(hint)
    if kind == "systemd" and invocation.environment.get("SUDO_USER"):
        warning = t(
            "Under sudo this is root's cache and root's trainer; {command} keeps yours.",
            command="swarmcache emit systemd | sudo tee …",
        )
        terminal.alert(f"{terminal.warn} {warning}")
