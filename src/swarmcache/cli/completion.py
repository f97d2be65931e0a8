"""`swarmcache completion`: the script that teaches a shell our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from swarmcache.locale import t


@click.command(
    help=t("Print the completion script for a shell."),
    epilog=t('Example: eval "$(swarmcache completion bash)" in ~/.bashrc'),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print click's script; click itself answers when the shell asks back."""
    from swarmcache.cli.app import (  # noqa: PLC0415 - the root imports us
        COMPLETION_VARIABLE,
        PROGRAM,
        swarmcache,
    )

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(t("There is no completion for {shell}.", shell=shell))
    click.echo(kind(swarmcache, {}, PROGRAM, COMPLETION_VARIABLE).source(), nl=False)
