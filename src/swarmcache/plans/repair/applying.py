"""Carrying a repair out: make ready, verify, rename into place, one step after the other."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.errors import FULL, AccessDenied, DiskFull, NotRepairable, SwarmcacheError
from swarmcache.hubcache.layout import Target
from swarmcache.hubcache.locks import PATIENCE, blob_lock, payload_lock
from swarmcache.hubcache.manifest import manifest_text
from swarmcache.hubcache.payloads import is_payload, payload_mode
from swarmcache.hubcache.publishing import make_folder, publish
from swarmcache.locale import t
from swarmcache.plans.plan import PutContent, PutLink, PutManifest, PutRef
from swarmcache.plans.repair.asking import Asking
from swarmcache.plans.repair.contents import agreed_size
from swarmcache.plans.repair.judging import is_content, is_intact
from swarmcache.plans.repair.refs import ref_text
from swarmcache.plans.repair.tidying import tidy
from swarmcache.plans.repair.values import Repaired, Unrepaired, origin_of
from swarmcache.plans.staging import has_leftovers, staging
from swarmcache.progress import Silent
from swarmcache.transfer.contents import Content, Failed
from swarmcache.transfer.refusals import refusal
from swarmcache.transfer.telling import told
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from swarmcache.environment import Environment
    from swarmcache.plans.plan import Step
    from swarmcache.plans.repair.values import Repair, RepairPlan
    from swarmcache.plans.staging import Staging
    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import Hub


def apply_repair(
    plan: RepairPlan,
    environment: Environment,
    *,
    hub: Hub | None = None,
    progress: Progress | None = None,
    seconds: float = PATIENCE,
) -> Generator[Repaired | Unrepaired, None, None]:
    """Carry the plan out, and yield how each repair came out, in the plan's order.

    Killed at any instant it leaves every file as it was, or right; what it had made ready is
    removed by the next repair. One repair's failure is in its Unrepaired, and the next goes on.
    Each lock is waited for at most `seconds`. Raises DiskFull before anything is written when
    the plan does not fit, AccessDenied for a cache that cannot be written, CacheBusy while
    another process repairs it.
    """
    if not plan.fits:
        raise _not_enough_room(plan)
    if plan.is_idle and not has_leftovers(plan.cache, environment):
        tidy(plan.cache, environment)
        yield from (_left(repair) for repair in plan.repairs if repair.error is not None)
        return
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(staging(plan.cache, environment, seconds=seconds))
        except AccessDenied as error:
            if not all(repair.optional for repair in plan.repairs):
                raise
            yield from (Unrepaired(repair, error) for repair in plan.repairs)
            return
        mender = _Mender(plan.cache, hub, place, progress or Silent(), seconds)
        for repair in plan.repairs:
            yield mender.mend(repair)
    tidy(plan.cache, environment)


class _Mender:
    """Applies steps, each location once."""

    def __init__(
        self,
        cache: str,
        hub: Hub | None,
        place: Staging,
        progress: Progress,
        seconds: float,
    ) -> None:
        self._cache = cache
        self._asking = Asking(hub, cache)
        self._place = place
        self._progress = progress
        self._seconds = seconds
        self._done: dict[str, SwarmcacheError | None] = {}
        self._sources: list[str] = []
        self._bytes = 0

    def mend(self, repair: Repair) -> Repaired | Unrepaired:
        """Return how a repair came out."""
        if repair.error is not None:
            return _left(repair)
        self._sources, self._bytes = [], 0
        for step in repair.steps:
            if step.location not in self._done:
                self._done[step.location] = self._failure(repair, step)
            error = self._done[step.location]
            if error is not None:
                return Unrepaired(repair, error)
        return Repaired(repair, tuple(dict.fromkeys(self._sources)), self._bytes)

    def _failure(self, repair: Repair, step: Step) -> SwarmcacheError | None:
        """Apply a step, and return why it failed, or None."""
        try:
            self._apply(step)
        except (SwarmcacheError, OSError) as error:
            asked = Target(repair.repo.type, repair.repo.id, repair.commit or "")
            return refusal(error, origin_of(getattr(step, "source", "")), asked)
        return None

    def _apply(self, step: Step) -> None:
        if isinstance(step, PutContent):
            self._put_content(step)
        elif isinstance(step, PutLink):
            self._put_link(step)
        elif isinstance(step, PutRef):
            self._put_ref(step)
        else:
            self._put_manifest(step)

    def _put_content(self, step: PutContent) -> None:
        shared = is_payload(self._cache, step.location)
        with contextlib.ExitStack() as locks:
            locks.enter_context(
                blob_lock(self._cache, step.repo, step.expected.digest, self._seconds)
            )
            if shared:
                make_folder(os.path.dirname(step.location))
                locks.enter_context(payload_lock(step.location, self._seconds))
            if is_intact(step.location, step.expected, self._cache):
                return  # Another process has put it right since the plan was made.
            staged, done = self._made_ready(step, locks)
            if shared:
                os.chmod(staged, payload_mode(self._cache))
            publish(staged, step.location)
            done()

    def _made_ready(
        self, step: PutContent, stack: contextlib.ExitStack
    ) -> tuple[str, Callable[[], None]]:
        """Return a staged file that holds the expected bytes, from the first source that has them.

        With it, what is to be done once it is published. What is downloaded is kept until then,
        so that a repair that is killed goes on from there; `stack` ends the download. Raises
        WrongBytes when no source has the bytes, TransferError and its kin, OSError.
        """
        for copy in step.copies:
            staged = self._copied(copy, step)
            if staged is not None:
                return staged, lambda: None
        listing = step.listing or self._asking.listing(step.repo, step.commit)
        expected = step.expected
        size = agreed_size(listing, step.path, expected) or 0
        staged = self._place.new_name()
        content = Content(
            step.repo, step.commit, step.path, expected.digest, size, staged, again=True
        )
        crew = stack.enter_context(self._asking.hub.crew(self._cache, lock=False))
        (outcome,) = told(crew.run([content]), step.path, [content], self._progress)
        if isinstance(outcome, Failed):
            raise outcome.error
        self._sources.append(origin_of(listing.endpoint))
        self._bytes += size
        return staged, lambda: crew.forget(content)

    def _copied(self, copy: str, step: PutContent) -> str | None:
        """Return a staged copy that holds the expected bytes; None when the copy does not.

        A source that cannot be read (gone since, a bad sector) is none; a full disk is raised.
        """
        try:
            staged = self._place.copied(copy)
        except OSError as error:
            if error.errno in FULL:
                raise
            return None
        if self._is_right(staged, step, copy):
            return staged
        os.unlink(staged)
        return None

    def _is_right(self, staged: str, step: PutContent, source: str) -> bool:
        """Tell whether the staged bytes are the expected ones; note where they came from."""
        task = t("Verifying {path}", path=step.path)
        self._progress.start(task, os.path.getsize(staged))
        right = is_content(staged, step.expected, lambda count: self._progress.advance(task, count))
        self._progress.finish(task)
        if right:
            self._sources.append(origin_of(source))
            self._bytes += os.path.getsize(staged)
        return right

    def _put_link(self, step: PutLink) -> None:
        if os.path.isfile(step.location) and not os.path.islink(step.location):
            raise NotRepairable(t("{path} is a file now.", path=step.location))
        publish(self._place.linked(step.target), step.location)

    def _put_ref(self, step: PutRef) -> None:
        if ref_text(step.location).strip() != step.commit:
            raise NotRepairable(t("{path} was changed meanwhile.", path=step.location))
        publish(self._place.written(step.commit), step.location)

    def _put_manifest(self, step: PutManifest) -> None:
        if step.copy is not None:
            staged = self._place.copied(step.copy)
        else:
            listing = step.listing or self._asking.listing(step.repo, step.commit)
            text = manifest_text(listing.files)
            if text is None:
                raise NotRepairable(
                    t("{endpoint} names no hashes that could be kept.", endpoint=listing.endpoint)
                )
            staged = self._place.written(text)
        publish(staged, step.location)
        self._sources.append(origin_of(step.source))


def _left(repair: Repair) -> Unrepaired:
    return Unrepaired(repair, repair.error or NotRepairable(t("Nothing can be done.")))


def _not_enough_room(plan: RepairPlan) -> DiskFull:
    return DiskFull(
        t(
            "The disk of {path} has {free} free, and {needed} are needed.",
            path=plan.cache,
            free=human_bytes(plan.free_bytes),
            needed=human_bytes(plan.needed_bytes),
        ),
        hint="swarmcache status",
    )
