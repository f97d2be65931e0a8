"""What training code calls: `swarmcache.check` and `swarmcache.ensure`.

Both mean the cache that the command line uses in this working directory, its settings and its lock.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.environment import Environment
from swarmcache.errors import HubCacheError, LockMismatch, SwarmcacheError, os_sentence
from swarmcache.hubcache.complete.integrity import Missing
from swarmcache.hubcache.complete.pins import Astray, Mismatched, check_pinned
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.locate import locate_effective
from swarmcache.launch.start.run import UNKNOWN_SECONDS, is_offline, not_ready
from swarmcache.locale import listed, t
from swarmcache.lockfile import read_lock
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock
    from swarmcache.settings import Settings

_pulling = threading.Lock()
"""Threads of one process take turns: the second finds what the first has fetched."""
if hasattr(os, "register_at_fork"):  # A child may be forked while another thread holds it.
    os.register_at_fork(after_in_child=lambda: globals().update(_pulling=threading.Lock()))


class Here(NamedTuple):
    """What counts for a project's folder in this process."""

    environment: Environment
    """Its `cwd` is the project's folder."""
    settings: Settings
    cache: str
    lock: Lock | None

    def state(self, target: Target) -> Outcome:
        """Return whether a model is complete; AccessDenied and CacheNotFound as `check` says."""
        if not cache_exists(self.cache):
            reason = t("The cache folder {path} does not exist yet.", path=self.cache)
            return Missing(reason=reason)
        return check_pinned(target, self.cache, self.lock, tiers=self.settings.tiers)


def check(model: str, *, cache_dir: str | os.PathLike[str] | None = None) -> Outcome:
    """Return whether a model is here and complete: structural, milliseconds, no network.

        match swarmcache.check("Gensyn/Qwen2.5-0.5B-Instruct"):
            case swarmcache.Complete(snapshot=path):
                ...

    A model is named as on the command line: `org/name`, `org/name@rev`, `datasets/org/name`. The
    cache is the one that the command line uses in this working directory, or `cache_dir`.

    Raises InvalidRepoId for a name that the Hub would refuse, SettingsError and LockFileError for
    settings and a lock that cannot be read, AccessDenied and CacheNotFound for a cache folder that
    is closed or a file.
    """
    return here_of(cache_dir=cache_dir).state(parse_target(model))


def ensure(
    model: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> str:
    """Return the folder of a model's snapshot, complete; fetch first what is missing.

        path = swarmcache.ensure("Gensyn/Qwen2.5-0.5B-Instruct")
        model = AutoModelForCausalLM.from_pretrained(path)

    A complete model makes no request at all. What is missing is fetched once, however many
    processes and threads ask, and every wait for the network is bounded as in `swarmcache pull`.
    With `offline`, only other caches on this machine are asked; unless it is given, HF_HUB_OFFLINE
    or the settings' `launch.offline = "always"` decides. Names, cache, settings and lock are those
    of `check`.

    Raises what `check` raises, and NotReady where offline leaves something missing,
    EndpointUnreachable, RepoNotFound, RepoDenied, WrongBytes, DiskFull, BudgetExceeded and their
    kin (`swarmcache.errors`) where it could not be fetched, LockMismatch where a file is not the
    one that `swarmcache.lock` names.
    """
    return ensured(here_of(cache_dir=cache_dir), parse_target(model), offline=offline)


def here_of(project: str | None = None, *, cache_dir: str | os.PathLike[str] | None = None) -> Here:
    """Return what counts for a project's folder, which is the working directory unless given."""
    environment = Environment.current()
    if project is not None:
        environment = environment._replace(cwd=project)
    overrides = {} if cache_dir is None else {"cache.dir": os.fspath(cache_dir)}
    settings = load_settings(environment.cwd, environment, overrides)
    cache = locate_effective(settings, environment).path
    return Here(environment, settings, cache, read_lock(environment.cwd))


def ensured(here: Here, target: Target, *, offline: bool | None = None) -> str:
    """Return the snapshot's folder, as `ensure` does."""
    found = here.state(target)
    if not _is_good(found):
        forbidden = _is_offline(here) if offline is None else offline
        with _pulling:
            found = here.state(target)
            found = found if _is_good(found) else _fetched(here, target, offline=forbidden)
    if found.snapshot is None:
        raise HubCacheError(t("{name}: {reason}", name=target.spelled, reason=found.reason))
    return found.snapshot


def _is_offline(here: Here) -> bool:
    return is_offline(here.environment) or here.settings.offline == "always"


def _is_good(found: Outcome) -> bool:
    """Tell whether the snapshot can be opened by its path, whichever way the ref leads."""
    return found.state == "complete" or isinstance(found, Astray)


def _fetched(here: Here, target: Target, *, offline: bool) -> Outcome:
    """Return what the cache holds of a model after fetching what is missing."""
    try:
        error = _pull(here, target, offline=offline)
    except OSError as failure:
        raise HubCacheError(os_sentence(failure)) from failure
    found = here.state(target)
    if isinstance(found, Mismatched) or isinstance(error, LockMismatch):
        raise error or _mismatch(target, found)
    if _is_good(found) or (found.state == "unknown" and found.snapshot is not None):
        return found  # Of `unknown` ones nobody can say that something is missing.
    if error is None or offline:
        raise not_ready([target], offline=offline) from error
    raise error


def _mismatch(target: Target, found: Outcome) -> LockMismatch:
    message = t(
        "{id} is not as it is locked ({names}): {reason}",
        id=target.spelled,
        names=listed(found.damaged[:3]),
        reason=found.reason,
    )
    return LockMismatch(message, hint=("swarmcache", "pull", target.spelled))


def _pull(here: Here, target: Target, *, offline: bool) -> SwarmcacheError | None:
    """Fetch what is missing, and return why it did not come; None where it did."""
    from swarmcache.hubcache.use.using import using  # noqa: PLC0415 - complete models need none
    from swarmcache.launch.in_code.budgeted import pull_within_budget  # noqa: PLC0415
    from swarmcache.plans.pull import plan_pull  # noqa: PLC0415
    from swarmcache.transfer.bounds import LIST_SECONDS, Bounds  # noqa: PLC0415
    from swarmcache.transfer.hub import Hub  # noqa: PLC0415

    settings, environment = here.settings, here.environment
    if offline:
        variables = {**environment.variables, "HF_HUB_OFFLINE": "1"}
        environment = environment._replace(variables=variables)
    patience = UNKNOWN_SECONDS if here.state(target).state == "unknown" else LIST_SECONDS
    bounds = Bounds.of(environment, listing=patience)
    with (
        using(here.cache, environment, [target.name]),
        Hub(settings.endpoints, environment, bounds=bounds) as hub,
    ):
        tiers, symlinked = settings.tiers, settings.symlinked_tiers
        plan = plan_pull(
            [target], here.cache, hub, lock=here.lock, tiers=tiers, symlinked_tiers=symlinked
        )
        (result,) = pull_within_budget(plan, hub, settings, environment)
    return result.error
