"""`init --adopt`: what lies in the places that a project has used so far, into the one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.cli.invocation import Invocation
    from swarmcache.launch.init import SetupPlan
    from swarmcache.plans.adopt import Adopted, AdoptPlan


def adopt_plans(invocation: Invocation, plan: SetupPlan, home: str) -> list[AdoptPlan]:
    """Return what each old place has for the project; it stays there as well."""
    return list(_plans(invocation, plan, home))


def _plans(invocation: Invocation, plan: SetupPlan, home: str) -> Iterator[AdoptPlan]:
    from swarmcache.launch.init.old_places import wanted_of  # noqa: PLC0415
    from swarmcache.launch.project_pins import targets_if_readable  # noqa: PLC0415
    from swarmcache.plans.adopt import plan_adopt  # noqa: PLC0415

    settings = invocation.settings
    needed = targets_if_readable(home, invocation.environment)
    with invocation.terminal.progress() as progress:
        for place in plan.old:
            wanted = wanted_of(place, plan.project, needed)
            if wanted is None or wanted:
                yield plan_adopt(
                    place,
                    plan.folder.path,
                    wanted or (),
                    tiers=settings.tiers,
                    symlinked_tiers=settings.symlinked_tiers,
                    progress=progress,
                )


def show_plans(invocation: Invocation, plans: list[AdoptPlan]) -> None:
    """Show what comes along."""
    from swarmcache.report.adopt_text import plan_lines  # noqa: PLC0415 - for people

    terminal = invocation.terminal
    for plan in plans:
        terminal.out(t("From {path}:", path=plan.source))
        terminal.lines(plan_lines(terminal, plan))
    if not plans:
        terminal.out(t("No other place holds a model of this project."))


def refuse_too_small(plans: Iterable[AdoptPlan]) -> None:
    """Raise DiskFull where one of them does not fit, before anything is written."""
    from swarmcache.plans.adopt import refuse_no_room  # noqa: PLC0415

    for plan in plans:
        refuse_no_room(plan)


def bring_plans(invocation: Invocation, plans: list[AdoptPlan]) -> list[Adopted]:
    """Bring it."""
    from swarmcache.cli.adopt import bring_all  # noqa: PLC0415

    adopted: list[Adopted] = []
    for plan in plans:
        bring_all(invocation, plan, adopted)
    return adopted
