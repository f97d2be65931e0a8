"""Before `run` starts anything: which models, are they here, and fetch what is not.

All of it is told on standard error, in the words of the original report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.cli.drawing import remembered, say_drawn
from swarmcache.cli.locked_start import lead_back, refuse_mismatches
from swarmcache.errors import (
    EndpointUnreachable,
    HubCacheError,
    LockMismatch,
    NotReady,
    SwarmcacheError,
    os_sentence,
)
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.refs import in_full
from swarmcache.launch.start.run import (
    UNKNOWN_SECONDS,
    Cached,
    not_ready,
    select_models,
)
from swarmcache.locale import listed, t
from swarmcache.project.needs.own_resolvers import MODEL_VARIABLE
from swarmcache.report.check_text import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.options import Invocation
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.launch.start.answers import Answering
    from swarmcache.launch.start.run import Selection
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.report.terminal import Terminal


class Start(NamedTuple):
    """What a user asked for beside the command itself."""

    models: tuple[Target, ...]
    pool: PoolOption
    offline: bool
    """Neither we nor the command may use the network."""
    best_effort: bool
    answering: Answering
    """What of the command's prompts is answered."""
    redraw: bool = False
    """Draw anew what an earlier start drew."""


def select(invocation: Invocation, start: Start, cached: Cached) -> Selection:
    """Choose the models, and say how."""
    selection = select_models(
        invocation.environment,
        cached,
        named=start.models,
        settings_models=invocation.settings.models,
        pool=start.pool,
        prompted=start.answering.unanswered,
        remembered=remembered(invocation, start, cached),
    )
    whole = dict.fromkeys(in_full(target, cached.path) for target in selection.targets)
    selection = selection._replace(targets=tuple(whole))
    invocation.note_cache()
    terminal = invocation.terminal
    for warning in invocation.location.warnings:
        terminal.alert(f"{terminal.warn} {warning}")
    for note in selection.notes:
        terminal.say(note)
    say_drawn(terminal, selection.drawn)
    if MODEL_VARIABLE in start.answering.unanswered:
        terminal.alert(f"{terminal.warn} {_answer(invocation, selection)}")
    if not selection.targets:
        terminal.say(
            t("No models found in {folder}: starting as it is.", folder=invocation.project)
        )
    return selection


def _answer(invocation: Invocation, selection: Selection) -> str:
    """Return what to answer to a script that asks for the model."""
    pinned = selection.pins.get(MODEL_VARIABLE) or invocation.environment.get(MODEL_VARIABLE)
    if pinned:
        return t(
            "CMD asks for {variable}, and Enter would erase it: answer {id}.",
            variable=MODEL_VARIABLE,
            id=pinned,
        )
    return t("CMD asks for {variable} by itself, so no model is drawn.", variable=MODEL_VARIABLE)


def refuse_unusable(invocation: Invocation, start: Start, selection: Selection) -> None:
    """Raise where no model can be in the cache: a file stands in its place, or it is closed.

    Where the command needs no model that we know of, or is to start anyway, that is a warning.
    """
    try:
        cache_exists(invocation.location.path)
    except HubCacheError as error:
        asked = selection.targets or invocation.cache_dir is not None
        if asked and not start.best_effort:
            raise
        invocation.terminal.alert(f"{invocation.terminal.warn} {error}")


def make_ready(invocation: Invocation, start: Start, cached: Cached, selection: Selection) -> None:
    """Have every model complete, or say what is not; raises NotReady when that forbids a start."""
    terminal = invocation.terminal
    for target in selection.targets:
        say_state(terminal, target, cached.state(target))
    if cached.lock is not None:
        lead_back(cached, selection.targets, terminal)
    open_ones = [target for target in selection.targets if not _is_complete(cached, target)]
    if open_ones and not selection.certain:
        refuse_mismatches(cached, selection.targets)
        terminal.alert(
            f"{terminal.warn} "
            + t("Which of these configs is loaded is not known, so nothing is pulled; use --model.")
        )
        return
    if open_ones:
        from swarmcache.launch.child.interruption import ending_in_order  # noqa: PLC0415 - for a pull

        with ending_in_order():
            _pull(invocation, cached, open_ones, offline=start.offline)
    refuse_mismatches(cached, selection.targets)
    _refuse_proven_wrong(cached, open_ones)
    absent = lacking(cached, open_ones)
    if absent and not start.best_effort:
        raise not_ready(absent, offline=start.offline)
    if absent:
        names = listed(target.spelled for target in absent)
        terminal.alert(
            f"{terminal.warn} " + t("Starting although not complete: {models}.", models=names)
        )


def say_state(terminal: Terminal, target: Target, outcome: Outcome) -> None:
    """Say the ✓ or ⚠ line of a model; a ⚠ even to who asked for quiet."""
    line = describe(terminal, target, outcome)
    if outcome.state == "complete":
        terminal.say(line)
    else:
        terminal.alert(line)


def _is_complete(cached: Cached, target: Target) -> bool:
    return cached.state(target).state == "complete"


def _refuse_proven_wrong(cached: Cached, targets: Sequence[Target]) -> None:
    """Raise NotReady for bytes that `verify` has proven wrong: no option starts with those."""
    from swarmcache.hubcache.intact.blame import proven_wrong  # noqa: PLC0415 - complete starts do not ask

    for target in targets:
        wrong = proven_wrong(target, cached.path, cached.state(target).damaged, cached.tiers)
        if wrong:
            message = t(
                "Not started: {id} holds bytes that verify has found to be wrong: {names}.",
                id=target.spelled,
                names=listed(wrong[:3]),
            )
            raise NotReady(message, hint=("swarmcache", "verify", "--repair", target.spelled))


def lacking(cached: Cached, targets: Sequence[Target]) -> list[Target]:
    """Return those that cannot be loaded; of `unknown` ones nobody can say so."""
    return [one for one in targets if cached.state(one).state not in {"complete", "unknown"}]


def _pull(
    invocation: Invocation, cached: Cached, targets: Sequence[Target], *, offline: bool
) -> None:
    """Fetch what is missing as far as it can be had, saying how it went.

    With `offline`, only what lies in other caches on this machine can be had.

    Raises nothing of ours but LockMismatch: what is not the locked file is never started with.
    """
    from swarmcache.cli.evicting import fitted, pulls, refuse_unagreed, say_eviction  # noqa: PLC0415
    from swarmcache.cli.odd_tiers import tell_odd_tiers  # noqa: PLC0415
    from swarmcache.plans.pull import plan_pull  # noqa: PLC0415 - complete starts do not
    from swarmcache.report.pull_text import say_next_door, say_unsafe_tiers  # noqa: PLC0415
    from swarmcache.transfer.bounds import LIST_SECONDS, Bounds  # noqa: PLC0415
    from swarmcache.transfer.hub import Hub  # noqa: PLC0415

    tell_odd_tiers(invocation)
    terminal = invocation.terminal
    patience = LIST_SECONDS if lacking(cached, targets) else UNKNOWN_SECONDS
    environment = invocation.environment
    if offline:
        environment = environment._replace(
            variables={**environment.variables, "HF_HUB_OFFLINE": "1"}
        )
    try:
        bounds = Bounds.of(environment, listing=patience)
        with Hub(invocation.settings.endpoints, environment, bounds=bounds) as hub:
            plan = plan_pull(
                targets,
                cached.path,
                hub,
                lock=cached.lock,
                tiers=invocation.settings.tiers,
                symlinked_tiers=invocation.settings.symlinked_tiers,
            )
            say_next_door(terminal, plan)
            say_unsafe_tiers(terminal, plan)
            plan, eviction = fitted(invocation, plan)
            if eviction is not None:
                refuse_unagreed(invocation, eviction)
                say_eviction(invocation, eviction, as_result=False)
            with terminal.progress() as progress:
                for pulled in pulls(plan, eviction, hub, [], progress):
                    cached.forget([pulled.target])
                    if not (offline and isinstance(pulled.error, EndpointUnreachable)):
                        _say_pulled(terminal, cached, pulled.target, pulled.error)
                    if isinstance(pulled.error, LockMismatch):
                        refuse_mismatches(cached, targets)
                        raise pulled.error
    except LockMismatch:
        raise
    except (SwarmcacheError, OSError) as error:
        cached.forget(targets)
        said = os_sentence(error) if isinstance(error, OSError) else error.message
        terminal.alert(f"{terminal.warn} {said}")


def _say_pulled(
    terminal: Terminal, cached: Cached, target: Target, error: SwarmcacheError | None
) -> None:
    if error is not None:
        failure = t("{name}: {reason}", name=target.spelled, reason=error.message)
        terminal.alert(f"{terminal.warn} {failure}")
    else:
        say_state(terminal, target, cached.state(target))
