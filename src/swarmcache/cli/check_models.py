"""What `check` does, whoever has read its words: click, or `plain_call`, which needs no click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.integrity import Missing, check
from swarmcache.hubcache.folder import cache_exists
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.launch.ready.values import Need
    from swarmcache.lockfile import Lock


def check_models(
    invocation: Invocation,
    targets: Sequence[Target],
    *,
    full: bool,
    needs: Sequence[Need] | None = None,
) -> int:
    """Print what `targets` are like, and return 0 only when every one is complete, else 1.

    `needs` are what a project's start needs besides; each of them must be ready, too. Models that
    the project's lock pins are checked at their locked commit; 5 stands for a file that is not the
    locked one.
    """
    cache = invocation.location.path
    here = cache_exists(cache, named=invocation.cache_dir is not None)
    if here:
        invocation.note_cache()
    lock = invocation.lock
    pairs = [(target, state_of(invocation, target, here=here, full=full)) for target in targets]
    ok = all(outcome.state == "complete" for _, outcome in pairs)
    ok = ok and all(need.answer.ready == "yes" for need in needs or ())
    if invocation.json:
        from swarmcache.report.check_json import model_entry  # noqa: PLC0415
        from swarmcache.report.json import document  # noqa: PLC0415

        found = [
            {**model_entry(target, outcome), "locked": _is_locked(lock, target, cache)}
            for target, outcome in pairs
        ]
        besides: dict[str, object] = {}
        if needs is not None:
            from swarmcache.report.ready_json import need_entry  # noqa: PLC0415 - projects only

            besides["needs"] = [need_entry(need) for need in needs]
        invocation.terminal.out(document("check", ok=ok, cache=cache, models=found, **besides))
    else:
        from swarmcache.report.check_text import check_lines  # noqa: PLC0415

        invocation.terminal.lines(check_lines(invocation.terminal, pairs))
        if needs is not None:
            from swarmcache.report.ready_text import ready_lines  # noqa: PLC0415 - projects only

            invocation.terminal.lines(ready_lines(invocation.terminal, needs))
    return 0 if ok else _no(lock, pairs)


def state_of(invocation: Invocation, target: Target, *, here: bool, full: bool) -> Outcome:
    """Return what a repo is like in the cache, which `here` says is there or not."""
    cache, lock, tiers = invocation.location.path, invocation.lock, invocation.settings.tiers
    if not here:
        return Missing(reason=t("The cache folder {path} does not exist yet.", path=cache))
    if lock is None:
        return check(target, cache, full=full, tiers=tiers)
    from swarmcache.hubcache.complete.pins import check_pinned  # noqa: PLC0415 - few projects have a lock

    return check_pinned(target, cache, lock, full=full, tiers=tiers)


def _is_locked(lock: Lock | None, target: Target, cache: str) -> bool:
    if lock is None:
        return False
    from swarmcache.hubcache.refs import in_full  # noqa: PLC0415 - few projects have a lock

    return lock.find(in_full(target, cache)) is not None


def _no(lock: Lock | None, pairs: Sequence[tuple[Target, Outcome]]) -> int:
    """Return the exit code of a no: 5 where a file is not the one that the lock names."""
    if lock is None:
        return 1
    from swarmcache.hubcache.complete.pins import Mismatched  # noqa: PLC0415 - few projects have a lock

    return 5 if any(isinstance(outcome, Mismatched) for _, outcome in pairs) else 1
