"""`swarmcache run`: check, pull what is missing, pin, then start the command and hand it through.

Standard output belongs to the command; what we say goes to standard error.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from swarmcache.cli.cleaning_offer import offer_cleaning, say_size
from swarmcache.cli.drawing import kept_draws
from swarmcache.cli.instances import chosen_instances, run_instances
from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.outgoing import as_offline_as_may_be
from swarmcache.cli.own_token import own_token
from swarmcache.cli.pinning import register, using
from swarmcache.cli.readiness import Start, lacking, make_ready, refuse_unusable, select
from swarmcache.errors import (
    CannotExecute,
    CommandNotFound,
    LaunchError,
    SwarmcacheError,
    os_sentence,
)
from swarmcache.hubcache.layout import parse_target
from swarmcache.launch.start.answers import answering
from swarmcache.launch.start.run import Cached, child_variables, is_offline
from swarmcache.locale import t
from swarmcache.project.needs.own_resolvers import MODEL_VARIABLE
from swarmcache.report.check_text import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.launch.child.supervise import Ending
    from swarmcache.launch.start.run import Selection
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.settings import Restart

OWN_FAILURE = 125
"""Everything that goes wrong before the command starts; every other code may be the command's."""


class RunCommand(click.Command):
    """A command whose own failures, usage included, leave the exit codes to its child."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Parse the options; a usage error is 125."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            error.exit_code = OWN_FAILURE  # type: ignore[misc] # click reads it from the instance
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours is 125, or 126 and 127 as in a shell."""
        try:
            return super().invoke(ctx)
        except (CannotExecute, CommandNotFound):
            raise
        except click.ClickException as error:
            error.exit_code = OWN_FAILURE  # type: ignore[misc] # click reads it from the instance
            raise
        except SwarmcacheError as error:
            error.exit_code = OWN_FAILURE
            raise
        except OSError as error:
            failure = LaunchError(os_sentence(error))
            failure.exit_code = OWN_FAILURE
            raise failure from error


@click.command(
    cls=RunCommand,
    context_settings={"allow_interspersed_args": False},
    help=t("Check, pull what is missing, then start CMD with exactly this cache."),
    epilog=t("Example: {command}", command="swarmcache run -- ./run_rl_swarm.sh"),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD...")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[@REV]",
    help=t("A model that CMD needs; the first becomes MODEL_NAME. Several are possible."),
)
@click.option(
    "--pool",
    type=click.Choice(["auto", "small", "large", "all"]),
    default="auto",
    show_default=True,
    help=t("RL-Swarm's model pool: the one that this machine's GPU selects, or one you name."),
)
@click.option(
    "--redraw", is_flag=True, help=t("Draw a model anew instead of the one of the last start.")
)
@click.option("--offline", is_flag=True, help=t("Use no network, and give CMD HF_HUB_OFFLINE=1."))
@click.option(
    "--best-effort", is_flag=True, help=t("Start even when models are incomplete, with a warning.")
)
@click.option(
    "--guard-generation",
    is_flag=True,
    help=t("Where transformers' generate() would be slow or wrong in CMD, mend it and say so."),
)
@click.option(
    "--instance",
    metavar="NAME",
    help=t("Which of several instances this is: it keeps its own model. Else SWARMCACHE_INSTANCE."),
)
@click.option(
    "--gpus",
    metavar="LIST",
    help=t("The GPU for CMD, as CUDA_VISIBLE_DEVICES; several, as in 0-7, are an instance each."),
)
@click.option(
    "--log-dir",
    metavar="PATH",
    type=click.Path(),
    help=t("Where --gpus keeps what each instance prints (logs)."),
)
@click.option(
    "--restart",
    type=click.Choice(["no", "on-failure", "always"]),
    help=t("Start CMD again when it has ended, after a pause that grows. Default: no"),
)
@click.option(
    "--max-starts",
    type=click.IntRange(1, 3600),
    metavar="N",
    help=t("With --restart: wait where CMD was started N times in the last hour. Default: 12"),
)
@click.option("--exec", "replaces", is_flag=True, help=t("Become CMD instead of supervising it."))
@click.option("--ask", is_flag=True, help=t("Offer to clean the cache first; 10 s mean no."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print what would be started and how."))
@common_options
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    invocation: Invocation,
    arguments: tuple[str, ...],
    models: tuple[str, ...],
    pool: PoolOption,
    redraw: bool,
    offline: bool,
    best_effort: bool,
    guard_generation: bool,
    ask: bool,
    instance: str | None,
    gpus: str | None,
    log_dir: str | None,
    restart: Restart | None,
    max_starts: int | None,
    replaces: bool,
    dry_run: bool,
) -> int:
    """Prepare the start, then hand the command's exit code through."""
    if os.name == "nt":
        raise LaunchError(t("run needs process groups, which Windows lacks: use it under WSL2."))
    if invocation.json and not dry_run:
        raise click.UsageError(t("--json needs --dry-run: standard output belongs to CMD."))
    when = restart or invocation.settings.restart
    most = max_starts or invocation.settings.max_starts
    if replaces and when != "no":
        raise click.UsageError(t("--exec leaves nobody who could start CMD again; drop --restart."))
    command_line = arguments or _from_settings(invocation)
    instances = chosen_instances(invocation, instance, gpus)
    if len(instances) > 1:
        return run_instances(invocation, instances, log_dir)
    invocation.environment = instances[0].environment(invocation.environment)
    forbidden = offline or is_offline(invocation.environment)
    start = Start(
        tuple(parse_target(model) for model in models),
        pool,
        forbidden or invocation.settings.offline == "always",
        best_effort,
        answering(command_line, invocation.project, replaces=replaces),
        redraw,
    )
    tiers = invocation.settings.tiers
    cached = Cached(invocation.location.path, invocation.lock, tiers=tiers)
    selection = select(invocation, start, cached)
    refuse_unusable(invocation, start, selection)
    what = (invocation, start, cached, selection, command_line)
    variables_of = partial(_variables, *what, guards=guard_generation)
    if dry_run:
        variables = variables_of(starts=False)
        return _print_plan(invocation, cached, selection, command_line, variables)
    if ask:
        offer_cleaning(invocation)
        cached.forget(selection.targets)
    with using(invocation, selection.targets, selection.others, looks_around=True) as hold:

        def prepare() -> dict[str, str]:
            with kept_draws(invocation, selection):
                make_ready(invocation, start, cached, selection)
            say_size(invocation)
            hold()
            if not start.models:
                register(invocation, selection.targets)
            variables = variables_of(starts=True)
            cached.forget(selection.targets)  # A start after this one asks anew.
            return variables

        if replaces:
            from swarmcache.launch.child.program import replace  # noqa: PLC0415

            variables = prepare()
            sys.stdout.flush()
            replace(command_line, variables)
        return _supervised(invocation, command_line, prepare, restart=when, most=most)


def _supervised(
    invocation: Invocation,
    command_line: Sequence[str],
    prepare: Callable[[], dict[str, str]],
    *,
    restart: Restart,
    most: int,
) -> int:
    """Start the command, again where that is wanted, and return the exit code to end with."""
    from swarmcache.launch.child.supervise import end_as, supervise  # noqa: PLC0415 - not on Windows

    def start() -> Ending:
        variables = prepare()
        sys.stdout.flush()
        return supervise(command_line, variables, again=restart != "no")

    if restart == "no":
        return end_as(start())
    from swarmcache.cli.restarting import kept_running  # noqa: PLC0415 - where it is wanted

    return end_as(kept_running(invocation.terminal, restart, most, start))


def _from_settings(invocation: Invocation) -> tuple[str, ...]:
    if not invocation.settings.launch_command:
        raise click.UsageError(t("No command is given, and the settings have no launch.command."))
    import shlex  # noqa: PLC0415 - only for a command that stands in the settings

    return tuple(shlex.split(invocation.settings.launch_command))


def _variables(  # noqa: PLR0913 - all that a start is made of
    invocation: Invocation,
    start: Start,
    cached: Cached,
    selection: Selection,
    command_line: Sequence[str],
    *,
    guards: bool,
    starts: bool,
) -> dict[str, str]:
    """Return the command's environment, and say what may still go out."""
    from swarmcache.launch.exports import exports  # noqa: PLC0415

    exported = exports(invocation.environment, invocation.location, invocation.libraries)
    added = {**exported.variables, **own_token(invocation, make=starts)}
    variables = child_variables(invocation.environment, added, selection.pins)
    variables = as_offline_as_may_be(invocation, start, cached, selection, command_line, variables)
    variables = start.answering.renewed().added_to(
        variables, invocation.settings.answers, variables.get(MODEL_VARIABLE)
    )
    if guards:
        from swarmcache.launch.start.rollout_guard import guarded  # noqa: PLC0415 - when asked for

        variables = guarded(variables)
        invocation.terminal.say(
            t("generate() in CMD is guarded: it is mended, and says so, only where it needs it.")
        )
    return variables


def _print_plan(
    invocation: Invocation,
    cached: Cached,
    selection: Selection,
    command_line: Sequence[str],
    variables: dict[str, str],
) -> int:
    """Print what would be started, and return 1 if something had to be pulled first."""
    absent = lacking(cached, selection.targets)
    before = invocation.environment.variables
    new = {name: value for name, value in variables.items() if before.get(name) != value}
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.json import document  # noqa: PLC0415

        models = [
            {"id": m.id, "type": m.type, "revision": m.revision, "state": cached.state(m).state}
            for m in selection.targets
        ]
        fields = {"command": list(command_line), "variables": new, "models": models}
        terminal.out(document("run", ok=not absent, dry_run=True, cache=cached.path, **fields))
    else:
        import shlex  # noqa: PLC0415

        for target in selection.targets:
            terminal.out(describe(terminal, target, cached.state(target)))
        for name, value in new.items():
            terminal.out(f"{name}={shlex.quote(value)}")
        terminal.out(shlex.join(command_line))
    return 1 if absent else 0
