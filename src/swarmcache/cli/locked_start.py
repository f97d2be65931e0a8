"""What `swarmcache.lock` forbids a start, and what it gives the command.

A mismatch refuses the start whatever the options are: a lock that gives way protects nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import LockMismatch, SwarmcacheError, os_reason
from swarmcache.hubcache.refs import read_ref
from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.launch.start.run import Cached
    from swarmcache.lockfile import LockedModel
    from swarmcache.report.terminal import Terminal


def lead_back(cached: Cached, targets: Sequence[Target], terminal: Terminal) -> None:
    """Point refs that moved away back to their locked commits, where those are complete here.

    Takes no network. Raises LockMismatch where a file of the commit is not the locked one, or
    where the cache cannot be written: the command would then load another commit.
    """
    from swarmcache.hubcache.complete.pins import Astray  # noqa: PLC0415 - few projects have a lock
    from swarmcache.plans.pinned import lead, prove  # noqa: PLC0415

    for target, pin in _pinned(cached, targets):
        if not isinstance(cached.state(target), Astray):
            continue
        try:
            with terminal.progress() as progress:
                prove(target, pin, cached.path, tiers=cached.tiers, progress=progress)
            lead(target, pin, cached.path)
        except OSError as error:
            raise _leads_elsewhere(target, pin, os_reason(error)) from error
        cached.forget([target])


def refuse_mismatches(cached: Cached, targets: Sequence[Target]) -> None:
    """Raise LockMismatch when a start would load a file or a commit that is not the locked one."""
    for target, pin in _pinned(cached, targets):
        from swarmcache.hubcache.complete.pins import Mismatched  # noqa: PLC0415 - few projects have a lock

        found = cached.state(target)
        if isinstance(found, Mismatched):
            message = t(
                "Not started: {id} is not as it is locked ({names}): {reason}",
                id=target.spelled,
                names=listed(found.damaged[:3]),
                reason=found.reason,
            )
            raise LockMismatch(message, hint=("swarmcache", "pull", target.spelled))
        held = read_ref(cached.path, target.name, target.revision)
        if held not in {None, pin.commit}:
            raise _leads_elsewhere(target, pin, found.reason)


def _pinned(cached: Cached, targets: Sequence[Target]) -> list[tuple[Target, LockedModel]]:
    lock = cached.lock
    pairs = [] if lock is None else [(target, lock.find(target)) for target in targets]
    return [(target, pin) for target, pin in pairs if pin is not None]


def _leads_elsewhere(target: Target, pin: LockedModel, reason: str) -> SwarmcacheError:
    message = t(
        "Not started: {id} would not be loaded at its locked commit {commit}: {reason}",
        id=target.spelled,
        commit=pin.commit[:12],
        reason=reason,
    )
    return LockMismatch(message, hint=("swarmcache", "pull", target.spelled))
