"""What a command still asks the Hub for when its models are here, and whether it may be offline.

HF_HUB_OFFLINE breaks streaming datasets, uploads and logins, so it is set only where nothing the
project does needs the Hub, as far as its own code and configs tell. Everywhere else the complete
models alone stay at home (`local_models`).
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.locate import locate_datasets
from swarmcache.launch.start.local_models import CompleteModel, complete_models
from swarmcache.locale import listed, t
from swarmcache.project.needs.hub_use import HubUses, hub_uses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.launch.start.run import Cached, Selection
    from swarmcache.project.needs.hub_use import HubUse, UseKind

_WORDS = 16
"""Words of a command line among which its program is looked for."""


class Outgoing(NamedTuple):
    """What may go out."""

    local: tuple[CompleteModel, ...]
    """The models that nobody need ask for."""
    reasons: tuple[str, ...]
    """What the command may ask for, one translated phrase each."""
    known: bool
    """Whether that is all, as far as the project's own code tells."""
    trusting: bool
    """Whether it may hand a token to the Hub: for uploads, logins, or what nobody knows."""


class Asked(NamedTuple):
    """What is known of a command."""

    command_line: Sequence[str]
    project: str
    prompted: Collection[str]
    """The variables that it asks its user for, answered or not."""


def what_goes_out(
    asked: Asked, environment: Environment, cached: Cached, selection: Selection
) -> Outgoing:
    """Return what this command may ask the Hub for."""
    local = tuple(complete_models(cached, selection.targets))
    found = hub_uses(asked.project)
    uses = [use for use in found.uses if _is_open(use, asked, environment, cached, selection)]
    reasons = [
        *_of_models(cached, selection),
        *_of_datasets(uses, environment, selection),
        *_of_other_uses(uses, asked, selection),
    ]
    known = found.whole and _is_known(asked, found)
    kinds = {use.kind for use in uses}
    trusting = not known or bool(kinds & {"upload", "login"}) or _switched(selection)
    return Outgoing(local, tuple(dict.fromkeys(reasons)), known, trusting)


def _is_open(
    use: HubUse, asked: Asked, environment: Environment, cached: Cached, selection: Selection
) -> bool:
    """Tell whether a mention in the code comes to anything at this start."""
    if use.token:
        handed = [token for token in selection.tokens if token.key == use.token]
        return not handed or any(
            token.given or token.variable in asked.prompted for token in handed
        )
    if use.kind == "model":
        return not _is_here(use.name, asked, environment, cached)
    return True


def _is_here(name: str, asked: Asked, environment: Environment, cached: Cached) -> bool:
    """Tell whether a name in the code is a complete model, or no repo at all."""
    if any(os.path.exists(os.path.join(place, name)) for place in (asked.project, environment.cwd)):
        return True
    try:
        return cached.state(parse_target(name)).state == "complete"
    except InvalidRepoId:
        return True


def _of_models(cached: Cached, selection: Selection) -> Iterator[str]:
    if not selection.targets:
        yield t("its models")
    elif not selection.certain:
        yield t("other models")
    unfinished = [
        target.id for target in selection.targets if cached.state(target).state != "complete"
    ]
    if unfinished:
        yield t("{names} (not complete)", names=listed(dict.fromkeys(unfinished)))


def _of_datasets(
    uses: Sequence[HubUse], environment: Environment, selection: Selection
) -> Iterator[str]:
    streamed = [n for n in _names(uses, "stream") if not _is_prepared(n, environment)]
    if streamed:
        yield t("{names} (streamed)", names=listed(streamed))
    named = [*(o.name for o in selection.others if o.kind == "dataset"), *_names(uses, "dataset")]
    absent = [name for name in dict.fromkeys(named) if not _is_prepared(name, environment)]
    if absent:
        yield t("{names} (datasets)", names=listed(absent))
    if any(use.kind in {"stream", "dataset"} and not use.name for use in uses):
        yield t("datasets")


def _names(uses: Sequence[HubUse], kind: UseKind) -> list[str]:
    return list(dict.fromkeys(use.name for use in uses if use.kind == kind and use.name))


def _is_prepared(name: str, environment: Environment) -> bool:
    """Tell whether `datasets` has made a table of it before, and so loads it without a network."""
    from swarmcache.launch.ready.datasets_cache import dataset_answer  # noqa: PLC0415 - for datasets

    cache = locate_datasets(environment).path
    return dataset_answer(cache, name, None, streaming=None).ready == "yes"


def _of_other_uses(uses: Sequence[HubUse], asked: Asked, selection: Selection) -> Iterator[str]:
    models = _names(uses, "model")
    if models:
        yield t("{names} (not complete)", names=listed(models))
    kinds = {use.kind for use in uses}
    if kinds & {"upload", "login"} or _switched(selection):
        prompted = any(token.variable in asked.prompted for token in selection.tokens)
        yield t("uploads, if it is given a token") if prompted else t("uploads and logins")
    if "download" in kinds:
        yield t("further files")


def _switched(selection: Selection) -> bool:
    return any(token.key == "push_to_hub" and token.given for token in selection.tokens)


def _is_known(asked: Asked, found: HubUses) -> bool:
    """Tell whether the program that the command starts is the project's own code."""
    if not found.files:
        return False
    words = list(asked.command_line[:_WORDS])
    places = [word for word in words if word.endswith((".py", ".sh", ".bash"))]
    for before, module in itertools.pairwise(words):
        if before == "-m":
            path = module.replace(".", "/")
            places += [f"{path}.py", path]
    found_ones = (os.path.normpath(os.path.join(asked.project, place)) for place in places)
    return any(one.startswith(f"{asked.project}/") and os.path.exists(one) for one in found_ones)
