"""`swarmcache init`: write this project's settings, and say how to use them."""

from __future__ import annotations

import click

from swarmcache.cli.asking import somebody_is_there
from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.pinning import register_project
from swarmcache.launch.init import InitPlan, plan_init, write
from swarmcache.locale import t


@click.command(
    help=t("Write swarmcache.toml, the settings of the project in this folder or in PROJECT."),
    epilog=t("Example: {command}", command="swarmcache init --dir /srv/models/hub --yes"),
)
@click.argument("project", required=False, type=click.Path(readable=False))
@click.option(
    "--dir",
    "folder",
    metavar="PATH",
    type=click.Path(readable=False),
    help=t('The cache to name; "project" for one inside the project. Default: the one in use.'),
)
@click.option("--dry-run", is_flag=True, help=t("Print the file without writing it."))
@click.option("-y", "--yes", is_flag=True, help=t("Write without asking."))
@common_options
def command(
    invocation: Invocation, project: str | None, folder: str | None, dry_run: bool, yes: bool
) -> int:
    """Plan, ask, write; the exit code is 1 when the user says no."""
    home = invocation.environment.absolute(project) if project else invocation.project
    named = folder if folder is not None else invocation.cache_dir
    if named is not None and not named.strip():
        raise click.BadParameter(t("The path is empty."), param_hint="--dir")
    plan = plan_init(home, invocation.environment, folder=named)
    if not dry_run and not yes and not _agreed(invocation, plan):
        return 1
    if not dry_run:
        write(plan)
        register_project(home, invocation.environment)
    _report(invocation, plan, dry_run=dry_run)
    return 0


def _agreed(invocation: Invocation, plan: InitPlan) -> bool:
    if not somebody_is_there():
        raise click.UsageError(
            t("Without a terminal nothing can be asked; add --yes to write {path}.", path=plan.path)
        )
    for line in plan.content.splitlines():
        invocation.terminal.out(line)
    return click.confirm(t("Write {path}?", path=plan.path))


def _report(invocation: Invocation, plan: InitPlan, *, dry_run: bool) -> None:
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.json import document  # noqa: PLC0415

        fields = {**plan._asdict(), "lines": list(plan.lines)}
        terminal.out(document("init", dry_run=dry_run, **fields))
        return
    if dry_run:
        terminal.raw(plan.content)
        return
    in_script, as_command = plan.lines
    terminal.out(f"{terminal.ok} " + t("Wrote {path}.", path=plan.path))
    terminal.out(t("In the start script: {line}", line=in_script))
    terminal.out(t("Or start with: {line}", line=as_command))
