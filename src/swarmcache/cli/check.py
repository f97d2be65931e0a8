"""`swarmcache check`: here and complete? Exit code 0 only when every model is."""

from __future__ import annotations

import click

from swarmcache.cli.check_models import check_models
from swarmcache.cli.options import Invocation, common_options
from swarmcache.hubcache.layout import parse_target
from swarmcache.locale import t


@click.command(
    help="\n\n".join(
        [
            t("Tell whether models are here and complete: structural, milliseconds, no network."),
            t("Without MODEL: could the project here start with the network cable out?"),
        ]
    ),
    epilog=t(
        "Example: {command}",
        command="swarmcache check Gensyn/Qwen2.5-0.5B-Instruct || swarmcache pull",
    ),
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--full", is_flag=True, help=t("Ask for every file of the revision."))
@common_options
def command(invocation: Invocation, models: tuple[str, ...], full: bool) -> int:
    """Check `models`, or without any all that the project in the working directory needs."""
    if models:
        return check_models(invocation, [parse_target(model) for model in models], full=full)
    from swarmcache.cli.check_project import check_project  # noqa: PLC0415 - reads YAML and code

    return check_project(invocation, full=full)
