"""`swarmcache adopt`: bring what another cache holds into this one, without downloading."""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import TYPE_CHECKING

import click

from swarmcache.cli.asking import agreed, refuse_unasked
from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.errors import CacheNotFound
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.adopt import Adopted, AdoptPlan, Old
    from swarmcache.plans.clean import Cleaned


@click.command(
    help=t("Bring what another cache holds into this project's cache, without downloading."),
    epilog=t("Example: {command}", command="swarmcache adopt ~/.cache/huggingface/hub --dry-run"),
)
@click.argument("folder", metavar="PATH", type=PLACE)
@click.option(
    "--old",
    type=click.Choice(["keep", "link", "remove"]),
    default="keep",
    show_default=True,
    help=t("What becomes of the old place: its repos stay, become links to the new ones, or go."),
)
@click.option("-y", "--yes", is_flag=True, help=t("Ask nothing."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@common_options
def command(invocation: Invocation, folder: str, *, old: Old, yes: bool, dry_run: bool) -> int:
    """Plan, show the plan, bring everything, then give up the old place if that was agreed to."""
    from swarmcache.hubcache.state import unwritable  # noqa: PLC0415 - after usage errors
    from swarmcache.hubcache.use.roots import move_roots  # noqa: PLC0415
    from swarmcache.plans.adopt import (  # noqa: PLC0415
        give_up_old,
        may_give_up,
        plan_adopt,
        refuse_no_room,
    )
    from swarmcache.transfer.tokens import DEFAULT_ENDPOINT  # noqa: PLC0415

    terminal = invocation.terminal
    place = invocation.environment.absolute(folder)
    _refuse_no_folder(place)
    with terminal.progress() as progress:
        plan = plan_adopt(
            place,
            invocation.location.path,
            endpoints=(*invocation.settings.endpoints, DEFAULT_ENDPOINT),
            tiers=invocation.settings.tiers,
            symlinked_tiers=invocation.settings.symlinked_tiers,
            progress=progress,
            proves=invocation.environment if old != "keep" else None,
        )
    if old != "keep" and not may_give_up(plan.source, invocation.environment):
        raise unwritable(plan.source)
    if not invocation.json:
        from swarmcache.report.adopt_text import plan_lines  # noqa: PLC0415 - for people

        terminal.lines(plan_lines(terminal, plan))
    refuse_no_room(plan)
    if old != "keep" and not (yes or dry_run):
        refuse_unasked(
            t(
                "Without a terminal nothing can be asked; add --yes to give up the old place, "
                "or --dry-run."
            )
        )
        if not agreed(t("Bring all this, and give up the old place?")):
            return 1
    adopted: list[Adopted] = []
    cleaned: list[Cleaned] = []
    if not dry_run:
        bring_all(invocation, plan, adopted)
        if old != "keep":
            # What this project needs of the old place, it has here now.
            project, environment = invocation.project, invocation.environment
            move_roots(plan.source, plan.pull.cache, environment, project)
            cleaned += give_up_old(plan, adopted, environment, old)
    report(invocation, plan, adopted, cleaned, dry_run=dry_run)
    return _exit_code(plan, adopted) or stays_code(cleaned)


def _refuse_no_folder(place: str) -> None:
    """Raise CacheNotFound where nothing is, or a tar, which `import` reads."""
    try:
        is_tar = S_ISREG(os.stat(place).st_mode) and _is_tar(place)
    except FileNotFoundError as error:
        raise CacheNotFound(t("{path} does not exist.", path=place)) from error
    except OSError:
        return  # It is told by whoever looks into it.
    if is_tar:
        message = t("{path} is a tar, which import reads.", path=place)
        raise CacheNotFound(message, hint=("swarmcache", "import", place))


def _is_tar(path: str) -> bool:
    import tarfile  # noqa: PLC0415 - only for a file: adopt, move, export and import load this

    return tarfile.is_tarfile(path)


def bring(invocation: Invocation, plan: AdoptPlan) -> int:
    """Show a plan, bring everything, report, and return the exit code."""
    adopted: list[Adopted] = []
    if not invocation.json:
        from swarmcache.report.adopt_text import plan_lines  # noqa: PLC0415 - for people

        invocation.terminal.lines(plan_lines(invocation.terminal, plan))
    bring_all(invocation, plan, adopted)
    report(invocation, plan, adopted, [], dry_run=False)
    return _exit_code(plan, adopted)


def stays_code(cleaned: Sequence[Cleaned]) -> int:
    """Return the exit code for what stays in an old place that was to be given up."""
    from swarmcache.cli.clean import kept_code  # noqa: PLC0415 - not for what is only copied

    return kept_code(one for group in cleaned for one in group.kept)


def _exit_code(plan: AdoptPlan, adopted: Sequence[Adopted]) -> int:
    """Return that of the first failure, 1 where what was asked for cannot all come, else 0."""
    failed = (one.error.exit_code for one in adopted if one.error is not None)
    return next(failed, 0 if plan.is_whole else 1)


def bring_all(invocation: Invocation, plan: AdoptPlan, adopted: list[Adopted]) -> None:
    """Carry a plan out with bars and a line for each revision; `adopted` gets the outcomes."""
    from swarmcache.plans.adopt import apply_adopt  # noqa: PLC0415
    from swarmcache.report.adopt_text import result_lines  # noqa: PLC0415

    terminal = invocation.terminal
    with terminal.progress() as progress:
        for one in apply_adopt(plan, invocation.environment, progress):
            adopted.append(one)
            if not invocation.json:
                terminal.lines(result_lines(terminal, one))


def report(
    invocation: Invocation,
    plan: AdoptPlan,
    adopted: list[Adopted],
    cleaned: list[Cleaned],
    *,
    dry_run: bool,
) -> None:
    """Tell what came of it."""
    from swarmcache.hubcache.linking import may_share  # noqa: PLC0415 - after usage errors

    terminal = invocation.terminal
    shared = bool(cleaned) and may_share(plan.source, plan.pull.cache)
    if invocation.json:
        from swarmcache.report.adopt_json import adopt_document  # noqa: PLC0415 - for programs

        terminal.out(adopt_document(plan, adopted, cleaned, dry_run=dry_run, shared=shared))
        return
    from swarmcache.report.adopt_text import cost_lines  # noqa: PLC0415
    from swarmcache.report.clean_text import cleaned_lines  # noqa: PLC0415

    terminal.lines(cost_lines(terminal, plan, adopted))
    terminal.lines(cleaned_lines(terminal, cleaned, shared=shared))
