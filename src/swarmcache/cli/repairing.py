"""`swarmcache verify --repair`: after the verdicts, put right what they found wrong."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import click

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.intact.expectations import Locked
    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.hubcache.layout import RepoName, Target
    from swarmcache.plans.repair import Repaired, RepairPlan, Unrepaired
    from swarmcache.report.verify_summary import Summary
    from swarmcache.transfer.hub import Hub

F = TypeVar("F", bound="Callable[..., object]")

_ROUNDS = 4
"""A repair can bring to light what was hidden: a ref put right leads to files never looked at."""
_WEIGHTIEST_FIRST = (3, 6, 4, 5, 1)
"""Exit codes of what could not be repaired: first what keeps everything from being repaired."""


def repair_options(command: F) -> F:
    """Give a click command `--repair`, `--from` and `--dry-run`."""
    options = (
        click.option(
            "--repair", is_flag=True, help=t("Put right what is wrong, and fetch nothing else.")
        ),
        click.option(
            "--from",
            "nearby",
            metavar="DIR",
            multiple=True,
            type=click.Path(),
            help=t("Repair from this cache folder before any endpoint is asked."),
        ),
        click.option(
            "-n", "--dry-run", is_flag=True, help=t("Print what a repair would do, change nothing.")
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def refuse_alone(*, repair: bool, nearby: tuple[str, ...], dry_run: bool, fail_fast: bool) -> None:
    """Raise UsageError for options that say nothing without `--repair`, or against it."""
    if repair and fail_fast:
        raise click.UsageError(t("--fail-fast leaves most unseen, and --repair needs to see all."))
    if "" in nearby:  # A forgotten shell variable must not mean the working directory.
        raise click.UsageError(t("The path is empty."))
    for given, name in ((nearby, "--from"), (dry_run, "--dry-run")):
        if given and not repair:
            raise click.UsageError(t("{option} belongs to --repair.", option=name))


@dataclass(slots=True)
class Repairing:
    """A run of repairs: what it may do, and what it has done."""

    invocation: Invocation
    asked: Sequence[Target] | None
    """What was verified; None for the whole cache."""
    locked: Locked
    nearby: tuple[str, ...]
    dry_run: bool
    plans: list[RepairPlan] = field(default_factory=list)
    repaired: list[Repaired] = field(default_factory=list)
    unrepaired: dict[tuple[RepoName, str | None, str], Unrepaired] = field(default_factory=dict)

    def run(self, found: Summary, verify_again: Callable[[], Summary]) -> Summary:
        """Repair what `found` names, and return what a verification finds afterwards.

        Raises DiskFull, AccessDenied, CacheBusy, CacheNotFound; each before anything changed.
        """
        from swarmcache.transfer.hub import Hub  # noqa: PLC0415 - only when repairing

        if found.interrupted:
            return found
        try:
            with Hub(self.invocation.settings.endpoints, self.invocation.environment) as hub:
                for _ in range(_ROUNDS):
                    if not self._round(found.problems, hub):
                        break
                    found = verify_again()
        except KeyboardInterrupt:
            self.invocation.terminal.alert(
                t("What was repaired stays; a rerun goes on from there.")
            )
            raise
        return found

    def exit_code(self, found: Summary) -> int:
        """Return the exit code, `found` being the last verification: 0 only if all is right."""
        if found.ok or found.interrupted:
            return found.exit_code
        codes = {outcome.exit_code for outcome in self.unrepaired.values()}
        return next((code for code in _WEIGHTIEST_FIRST if code in codes), found.exit_code)

    def fields(self) -> dict[str, object]:
        """Return what `--json` adds."""
        from swarmcache.report.repair_json import repair_fields  # noqa: PLC0415

        unrepaired = self.unrepaired.values()
        return repair_fields(self.plans, self.repaired, unrepaired, dry_run=self.dry_run)

    def _round(self, problems: Sequence[FileVerdict], hub: Hub) -> bool:
        """Plan and apply what was not tried in vain yet; return whether files are other now."""
        from swarmcache.plans.repair import plan_repair  # noqa: PLC0415

        plan = plan_repair(
            [one for one in problems if (one.repo, one.commit, one.path) not in self.unrepaired],
            self.invocation.location.path,
            commits=() if self.plans else self._commits(),
            nearby=[self.invocation.environment.absolute(folder) for folder in self.nearby],
            tiers=self.invocation.settings.tiers,
            locked=self.locked,
            hub=hub,
        )
        self.plans.append(plan)
        return self._applied(plan, hub) if not self.dry_run else self._shown(plan)

    def _shown(self, plan: RepairPlan) -> bool:
        """Show what a plan would do, and what it cannot; return that nothing has changed."""
        from swarmcache.plans.repair import Unrepaired  # noqa: PLC0415
        from swarmcache.report.repair_text import plan_lines  # noqa: PLC0415

        for line in plan_lines(plan):
            self._out(line)
        for repair in plan.repairs:
            if repair.error is not None:
                self._keep(Unrepaired(repair, repair.error))
        return False

    def _applied(self, plan: RepairPlan, hub: Hub) -> bool:
        """Carry a plan out, and return whether files are other now."""
        from swarmcache.plans.repair import Repaired, apply_repair  # noqa: PLC0415
        from swarmcache.report.repair_text import outcome_line, plan_lines  # noqa: PLC0415

        terminal, changed = self.invocation.terminal, False
        for line in plan_lines(plan):
            terminal.say(line)
        environment = self.invocation.environment
        with (
            terminal.progress() as progress,
            closing(apply_repair(plan, environment, hub=hub, progress=progress)) as outcomes,
        ):
            for outcome in outcomes:
                if isinstance(outcome, Repaired):
                    self.repaired.append(outcome)
                    changed = True
                    self._out(outcome_line(terminal, outcome))
                else:
                    self._keep(outcome)
        return changed

    def _keep(self, outcome: Unrepaired) -> None:
        from swarmcache.report.repair_text import outcome_line  # noqa: PLC0415

        repair, terminal = outcome.repair, self.invocation.terminal
        self.unrepaired[repair.repo, repair.commit, repair.path] = outcome
        line = outcome_line(terminal, outcome)
        if repair.optional:
            terminal.detail(line)
            return
        self._out(line)
        if outcome.error.hint:
            self._out(f"    {terminal.command(outcome.error.hint)}")

    def _out(self, line: str) -> None:
        if not self.invocation.json:
            self.invocation.terminal.out(line)

    def _commits(self) -> Iterator[tuple[RepoName, str]]:
        """Yield the commits that were verified, whose manifests are to be there."""
        from swarmcache.hubcache.scan import iter_repos, read_repo  # noqa: PLC0415

        cache = self.invocation.location.path
        if self.asked is None:
            for repo in iter_repos(cache):
                yield from ((repo.name, revision.commit) for revision in repo.revisions)
            return
        for target in self.asked:
            found = read_repo(cache, target.name)
            revision = found.revision(target.revision) if found is not None else None
            if revision is not None:
                yield target.name, revision.commit
