"""Carrying out a pull before somebody's eyes: with bars, or a line for each thing that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.cli.evicting import pulls
from swarmcache.locale import t
from swarmcache.report.pull_text import result_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.cli.invocation import Invocation
    from swarmcache.plans.clean import Cleaned
    from swarmcache.plans.evict import Eviction
    from swarmcache.plans.pull import Pulled, PullPlan
    from swarmcache.progress import Progress
    from swarmcache.report.clean_json import Removal
    from swarmcache.transfer.hub import Hub


class Work:
    """A pull, what goes for it, and what has gone."""

    def __init__(self, plan: PullPlan, eviction: Eviction | None, hub: Hub) -> None:
        self.plan = plan
        self.eviction = eviction
        self.cleaned: list[Cleaned] = []
        """What was removed so far."""
        self._hub = hub

    def foretold(self) -> list[Pulled]:
        """Return what a dry run knows: every repo as it is now, and why some cannot be had."""
        from swarmcache.plans.pull.values import as_it_is, not_enough_room  # noqa: PLC0415

        results = [as_it_is(model) for model in self.plan.models]
        if self.eviction is None and not self.plan.fits:
            raise not_enough_room(self.plan)
        return results

    def carried_out(self, invocation: Invocation) -> list[Pulled]:
        """Do it with bars, and return how each repo came out."""
        terminal = invocation.terminal
        results: list[Pulled] = []
        try:
            with terminal.progress() as progress:
                for result in self._results(progress):
                    results.append(result)
                    if not invocation.json:
                        terminal.out(result_line(terminal, result))
        except KeyboardInterrupt:
            terminal.alert(t("What had arrived stays; the same command goes on from there."))
            raise
        return results

    def as_events(self, invocation: Invocation, *, dry_run: bool) -> list[Pulled]:
        """Do it with a line for each thing that happens, and return how each repo came out."""
        from swarmcache.report.pull_json import PullEvents  # noqa: PLC0415

        events = PullEvents(invocation.terminal)
        events.planned(self.plan, self.removal(dry_run=True), dry_run=dry_run)
        results = self.foretold() if dry_run else []
        if not dry_run:
            for model, result in zip(self.plan.models, self._results(events), strict=True):
                events.pulled(model, result)
                results.append(result)
        events.ended(results, None if dry_run else self.removal(dry_run=False))
        return results

    def removal(self, *, dry_run: bool) -> Removal | None:
        """Return what goes, or has gone; None for nothing."""
        from swarmcache.report.clean_json import removal  # noqa: PLC0415 - for programs

        if self.eviction is None:
            return None
        return removal(self.eviction.plan, self.cleaned, dry_run=dry_run)

    def _results(self, progress: Progress) -> Iterator[Pulled]:
        return pulls(self.plan, self.eviction, self._hub, self.cleaned, progress)
