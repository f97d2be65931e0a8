"""`swarmcache env`: make the cache explicit for whatever a shell starts next."""

from __future__ import annotations

import os
import sys

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.launch.exports import Exports, exports
from swarmcache.launch.shells import export_code, usual_shell
from swarmcache.locale import t

SHELLS = ("bash", "zsh", "fish", "powershell", "dotenv", "json")


@click.command(
    help=t("Print the exports that make every library use the one cache."),
    epilog=t("Example: {command}", command='eval "$(swarmcache env)"'),
)
@click.option(
    "--shell",
    type=click.Choice(SHELLS),
    help=t("The language to print; at a terminal that of $SHELL, otherwise bash."),
)
@click.option(
    "--explain",
    is_flag=True,
    help=t("Tell for each setting and each cache what counts, who decided it and who lost."),
)
@common_options
def command(invocation: Invocation, shell: str | None, explain: bool) -> None:
    """Print exports, or explain them."""
    exported = exports(invocation.environment, invocation.location, invocation.libraries)
    if invocation.json or shell == "json":
        _print_json(invocation, exported, explain=explain)
    elif explain:
        _explain(invocation)
    else:
        _print_code(invocation, exported, shell)


def _print_code(invocation: Invocation, exported: Exports, shell: str | None) -> None:
    for warning in invocation.location.warnings:
        invocation.terminal.say(f"⚠ {warning}")
    interactive = sys.stdout.isatty()
    named = shell or usual_shell(invocation.environment, interactive=interactive)
    code = export_code(named, exported.variables)  # type: ignore[arg-type]
    # Bytes, as file names are: no terminal's encoding may change a path.
    click.echo(os.fsencode(code), nl=False)


def _print_json(invocation: Invocation, exported: Exports, *, explain: bool) -> None:
    from swarmcache.report.json import document  # noqa: PLC0415 - not every run prints JSON

    fields: dict[str, object] = exported._asdict()
    if explain:
        from swarmcache.report.origins import explanation  # noqa: PLC0415

        fields |= explanation(invocation.environment, invocation.settings, invocation.libraries)
    click.echo(document("env", **fields))


def _explain(invocation: Invocation) -> None:
    from swarmcache.report.origins import explanation_lines  # noqa: PLC0415 - explaining only

    for line in explanation_lines(
        invocation.environment, invocation.settings, invocation.libraries
    ):
        invocation.terminal.out(line)
