"""What a start needs: its models, random draws made once, and the variables that pin them.

Everything here is a value or a question to the cache; `supervise` and `program` do the starting.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import NotReady, SwarmcacheError, os_sentence
from swarmcache.hubcache.complete.integrity import Missing, check
from swarmcache.locale import listed, t
from swarmcache.project.needs.own_resolvers import MODEL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.project.needs.hub_tokens import HubToken
    from swarmcache.project.needs.models import Draw, Needs, OtherNeed
    from swarmcache.settings import ModelSetting

UNKNOWN_SECONDS = 5.0
"""How long an endpoint may take over models that may well be complete as they are."""
_TRUE = {"1", "ON", "YES", "TRUE"}
"""What huggingface_hub takes for true, in any case (`constants.py`)."""


class Drawn(NamedTuple):
    """One random draw, made here instead of again at each place of the config."""

    variable: str
    target: Target
    among: int
    """How many models it was drawn from."""
    cached: int
    """How many of them were complete; only if none was, the others had a chance."""
    before: str = ""
    """What an earlier start had drawn: the same, or a model that this draw no longer has."""


class Selection(NamedTuple):
    """What this start needs."""

    targets: tuple[Target, ...]
    pins: Mapping[str, str]
    """Variables that make the command load these models and no others."""
    drawn: tuple[Drawn, ...] = ()
    others: tuple[OtherNeed, ...] = ()
    """What it loads that is no model of the Hub."""
    notes: tuple[str, ...] = ()
    certain: bool = True
    """False where several configs name different models: then none is fetched unasked."""
    tokens: tuple[HubToken, ...] = ()
    """What its configs hand on for uploads and logins."""


class Cached:
    """What one cache folder holds of models, each asked once until `forget`."""

    def __init__(self, path: str, lock: Lock | None = None, *, tiers: Sequence[str] = ()) -> None:
        self.path = path
        self.lock = lock
        """The project's: what it pins is asked for at its locked commit."""
        self.tiers = tiers
        """The cache folders that links may lead into besides."""
        self._known: dict[Target, Outcome] = {}

    def state(self, target: Target) -> Outcome:
        """Return whether a model is complete; a cache that cannot be read holds nothing."""
        if target not in self._known:
            try:
                self._known[target] = self._check(target)
            except SwarmcacheError as error:
                self._known[target] = Missing(reason=error.message)
            except OSError as error:
                self._known[target] = Missing(reason=os_sentence(error))
        return self._known[target]

    def _check(self, target: Target) -> Outcome:
        if self.lock is None:
            return check(target, self.path, tiers=self.tiers)
        from swarmcache.hubcache.complete.pins import check_pinned  # noqa: PLC0415 - few projects have a lock

        return check_pinned(target, self.path, self.lock, tiers=self.tiers)

    def forget(self, targets: Sequence[Target]) -> None:
        """Ask anew for these models, since somebody fetched them."""
        for target in targets:
            self._known.pop(target, None)


def select_models(  # noqa: PLR0913 - each decides about the models, and has its default
    environment: Environment,
    cached: Cached,
    *,
    named: Sequence[Target] = (),
    settings_models: Sequence[ModelSetting] = (),
    pool: PoolOption = "auto",
    prompted: Collection[str] = (),
    remembered: Mapping[str, str] | None = None,
    choose: Callable[[Sequence[Target]], Target] | None = None,
) -> Selection:
    """Return the models that a command started in `environment` will load.

    The first of these decides about a model that the project would draw at random:

    1. `named`, from `--model`: the first of them becomes MODEL_NAME
    2. the variable that the config reads, when it is set and not empty
    3. the model that an earlier start drew for that variable (`remembered`), where it still may
    4. one draw by `choose` (at random), among the complete models if there are any

    Nothing is drawn for a variable in `prompted`, which the command asks its own user for where
    nobody can answer: an exported one would become empty at Enter. Then every model that the config
    may draw is needed.

    A project that cannot be read needs nothing that we know of: that is a note, not an error.
    """
    if named:
        return _named(environment, named, settings_models, pool)
    try:
        needs = _needs(environment, settings_models, pool)
    except SwarmcacheError as error:
        return Selection((), {}, notes=(error.message,))
    except OSError as error:
        return Selection((), {}, notes=(os_sentence(error),))
    if needs is None:
        return Selection((), {})
    if not needs.certain:
        return _undecided(needs, bool(settings_models))
    drawn: dict[str, Drawn] = {}
    for draw in needs.draws:
        if draw.variable and draw.variable not in {*drawn, *prompted}:
            before = (remembered or {}).get(draw.variable, "")
            drawn[draw.variable] = _draw(draw, cached, before, choose or _at_random)
    pins = {variable: one.target.id for variable, one in drawn.items()}
    # Asked again rather than filtered: every place that reads the variable now yields the pin.
    then = (pins and _needs(_with(environment, pins), settings_models, pool)) or needs
    all_drawn = tuple(drawn.values())
    return Selection(then.targets, pins, all_drawn, needs.others, needs.notes, tokens=needs.tokens)


def is_offline(environment: Environment) -> bool:
    """Tell whether this environment already forbids the Hub's client the network.

    As `constants.py` has it: TRANSFORMERS_OFFLINE speaks only where HF_HUB_OFFLINE is not set or
    empty, so `HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=1` is online.
    """
    said = environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in _TRUE


def child_variables(
    environment: Environment, exported: Mapping[str, str], pins: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the command: ours, the cache, the pins.

    A MODEL_NAME that is set but empty is left out: `${oc.env:MODEL_NAME, …}` would take it for
    the name of a model.
    """
    variables = {**environment.variables, **exported}
    if not variables.get(MODEL_VARIABLE):
        variables.pop(MODEL_VARIABLE, None)
    return {**variables, **pins}


def not_ready(targets: Sequence[Target], *, offline: bool) -> NotReady:
    """Return the error for models that are not complete and cannot be had."""
    names = [target.spelled for target in targets]
    models = listed(names)
    if offline:
        message = t("Not started: offline, and not complete: {models}.", models=models)
    else:
        message = t("Not started: not complete, and not to be had now: {models}.", models=models)
    return NotReady(message, hint=("swarmcache", "pull", *names))


def _named(
    environment: Environment,
    named: Sequence[Target],
    settings_models: Sequence[ModelSetting],
    pool: PoolOption,
) -> Selection:
    """Return the named models, and what else the project loads if its config reads MODEL_NAME."""
    pins = {MODEL_VARIABLE: named[0].id}
    needs = None
    with suppress(SwarmcacheError, OSError):  # What is named is needed, readable project or not.
        needs = _needs(_with(environment, pins), settings_models, pool)
    if needs is None or named[0].id not in {target.id for target in needs.targets}:
        return Selection(tuple(dict.fromkeys(named)), pins)
    rest = [target for target in needs.targets if target.id != named[0].id]
    targets = tuple(dict.fromkeys([*named, *rest]))
    return Selection(targets, pins, (), needs.others, needs.notes, tokens=needs.tokens)


def _needs(
    environment: Environment, settings_models: Sequence[ModelSetting], pool: PoolOption
) -> Needs | None:
    """Return the project's needs, or None where nothing could name any."""
    from swarmcache.project.needs.configs import has_configs  # noqa: PLC0415 - only run asks

    if not settings_models and not has_configs(environment.cwd):
        return None
    from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - YAML costs 13 ms

    return needed_models(environment.cwd, environment, pool=pool, settings_models=settings_models)


def _with(environment: Environment, pins: Mapping[str, str]) -> Environment:
    return environment._replace(variables={**environment.variables, **pins})


def _undecided(needs: Needs, settings_decide: bool) -> Selection:
    """Return what is needed where configs disagree: what the settings name, else anything of it.

    Nothing is drawn then: a variable set for one config would also change the other.
    """
    named = [m.target for m in needs.models if m.role == "settings" or not settings_decide]
    targets = tuple(dict.fromkeys(named))
    return Selection(
        targets,
        {},
        (),
        needs.others,
        needs.notes,
        certain=settings_decide,
        tokens=needs.tokens,
    )


def _draw(
    draw: Draw, cached: Cached, before: str, choose: Callable[[Sequence[Target]], Target]
) -> Drawn:
    complete = [m for m in draw.models if cached.state(m).state == "complete"]
    same = [m for m in draw.models if m.id == before]
    target = same[0] if same else choose(complete or draw.models)
    return Drawn(draw.variable, target, len(draw.models), len(complete), before)


def _at_random(targets: Sequence[Target]) -> Target:
    """Return one of them; `random` itself would cost 6 ms of start-up."""
    return targets[int.from_bytes(os.urandom(8), "big") % len(targets)]
