"""`swarmcache init`: write this project's settings, and say how to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from swarmcache.cli.asking import somebody_is_there
from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.pinning import register_project
from swarmcache.launch.init import InitPlan, plan_init, settings_file, write
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.launch.group_cache import GroupPlan


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
@click.option(
    "--group",
    metavar="NAME",
    help=t("Make the cache folder one that every member of this group can use and fill."),
)
@click.option("--dry-run", is_flag=True, help=t("Print the file without writing it."))
@click.option("-y", "--yes", is_flag=True, help=t("Write without asking."))
@common_options
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    invocation: Invocation,
    project: str | None,
    folder: str | None,
    group: str | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Plan, ask, write; the exit code is 1 when the user says no."""
    home = invocation.environment.absolute(project) if project else invocation.project
    named = folder if folder is not None else invocation.cache_dir
    if named is not None and not named.strip():
        raise click.BadParameter(t("The path is empty."), param_hint="--dir")
    plans = _plans(invocation, home, named, group)
    if not dry_run and not yes and not _agreed(invocation, plans):
        return 1
    if not dry_run:
        if plans.sharing is not None:
            from swarmcache.launch.group_cache import open_to_group  # noqa: PLC0415 - few share

            open_to_group(plans.sharing)
        if plans.settings is not None:
            write(plans.settings)
        register_project(home, invocation.environment)
    _report(invocation, plans, dry_run=dry_run)
    return 0


class _Plans(NamedTuple):
    path: str
    """The settings file."""
    settings: InitPlan | None
    """None where there are settings already, which stay."""
    sharing: GroupPlan | None
    """None where no group was named."""


def _plans(invocation: Invocation, home: str, named: str | None, group: str | None) -> _Plans:
    """Return what is to be done; settings that name the cache already do not keep a group out."""
    environment = invocation.environment
    if group is None:
        plan = plan_init(home, environment, folder=named)
        return _Plans(plan.path, plan, None)
    from swarmcache.hubcache.locate import locate_effective  # noqa: PLC0415 - few share
    from swarmcache.launch.group_cache import plan_group  # noqa: PLC0415
    from swarmcache.settings import load_settings  # noqa: PLC0415

    existing = settings_file(home, environment)
    cache = locate_effective(load_settings(home, environment), environment).path
    wanted = cache
    if named is not None:
        settings = load_settings(home, environment, {"cache.dir": named})
        wanted = locate_effective(settings, environment).path
    if existing is not None and wanted == cache:
        return _Plans(existing, None, plan_group(cache, group, environment))
    plan = plan_init(home, environment, folder=named)
    return _Plans(plan.path, plan, plan_group(wanted, group, environment))


def _agreed(invocation: Invocation, plans: _Plans) -> bool:
    if not somebody_is_there():
        raise click.UsageError(
            t(
                "Without a terminal nothing can be asked; add --yes to write {path}.",
                path=plans.path if plans.sharing is None else plans.sharing.path,
            )
        )
    if plans.settings is not None:
        invocation.terminal.lines(plans.settings.content.splitlines())
    if plans.sharing is None:
        return click.confirm(t("Write {path}?", path=plans.path))
    _tell_sharing(invocation, plans.sharing, dry_run=True)
    return click.confirm(
        t("Open {path} to {group}?", path=plans.sharing.path, group=plans.sharing.group)
    )


def _report(invocation: Invocation, plans: _Plans, *, dry_run: bool) -> None:
    terminal, plan = invocation.terminal, plans.settings
    if invocation.json:
        _print_document(invocation, plans, dry_run=dry_run)
        return
    if plan is not None and dry_run:
        terminal.raw(plan.content)
    elif plan is not None:
        terminal.out(f"{terminal.ok} " + t("Wrote {path}.", path=plan.path))
    if plans.sharing is not None:
        _tell_sharing(invocation, plans.sharing, dry_run=dry_run)
    if plan is not None and not dry_run:
        in_script, as_command = plan.lines
        terminal.out(t("In the start script: {line}", line=in_script))
        terminal.out(t("Or start with: {line}", line=as_command))


def _tell_sharing(invocation: Invocation, plan: GroupPlan, *, dry_run: bool) -> None:
    from swarmcache.report.group_text import left_lines, plan_lines  # noqa: PLC0415 - few share

    terminal = invocation.terminal
    if dry_run or not plan.steps:
        terminal.lines(plan_lines(plan))
    else:
        done = t("{path} is open to {group}.", path=plan.path, group=plan.group)
        terminal.out(f"{terminal.ok} {done}")
    for sentence, fix in left_lines(plan):
        terminal.out(f"{terminal.warn} {sentence}")
        if fix:
            terminal.out(f"    {fix}")
    terminal.out(
        t("Share this folder only: with HF_HOME, the members would share one token as well.")
    )


def _print_document(invocation: Invocation, plans: _Plans, *, dry_run: bool) -> None:
    from swarmcache.report.json import document  # noqa: PLC0415

    plan, sharing = plans.settings, plans.sharing
    fields: dict[str, object] = {
        "path": plans.path,
        "content": None,
        "cache_dir": None if sharing is None else sharing.path,
        "command": None,
        "lines": [],
    }
    if plan is not None:
        fields |= {**plan._asdict(), "lines": list(plan.lines)}
    group = None
    if sharing is not None:
        group = {
            **sharing._asdict(),
            "steps": [step._asdict() for step in sharing.steps],
            "left": [flaw._asdict() for flaw in sharing.left],
        }
    invocation.terminal.out(document("init", dry_run=dry_run, **fields, group=group))
