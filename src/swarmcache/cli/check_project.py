"""`check` without a model: whether the project could start with the network cable out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from swarmcache.cli.check_models import check_models, state_of
from swarmcache.hubcache.complete.tokenizers import check_tokenizer
from swarmcache.hubcache.folder import cache_exists
from swarmcache.launch.ready.survey import readiness
from swarmcache.launch.ready.values import Answer, Need, States
from swarmcache.locale import t
from swarmcache.project.needs.models import needed_models
from swarmcache.report.ready_text import ready_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.project.needs.models import Needs


def check_project(invocation: Invocation, *, full: bool) -> int:
    """Print all that the project's start needs, and return 0 only when all of it is here.

    Raises UsageError where the project needs nothing that we know of.
    """
    project, environment, settings = (
        invocation.project,
        invocation.environment,
        invocation.settings,
    )
    needs = needed_models(project, environment, settings_models=settings.models)
    for note in needs.notes:
        invocation.terminal.say(note)
    targets, doubts = _targets(needs)
    here = cache_exists(invocation.location.path, named=invocation.cache_dir is not None)
    state = partial(state_of, invocation, here=here, full=False)
    states = States(state, partial(_tokenizer, invocation) if here else state)
    commands = [settings.launch_command] if settings.launch_command else []
    found = readiness(project, environment, needs, states, commands=commands)
    besides = (*doubts, *found)
    if not targets and not besides:
        raise click.UsageError(
            t("No model is named, and none was found in {folder}.", folder=project)
        )
    code = check_models(invocation, targets, full=full, needs=besides)
    invocation.terminal.say(ready_summary(invocation.terminal, ok=code == 0))
    return code


def _tokenizer(invocation: Invocation, target: Target) -> Outcome:
    return check_tokenizer(target, invocation.location.path, tiers=invocation.settings.tiers)


def _targets(needs: Needs) -> tuple[Sequence[Target], tuple[Need, ...]]:
    """Return the models to check, and the doubt that more of them, or fewer, are loaded."""
    if needs.certain:
        return needs.targets, ()
    named = [model.target for model in needs.models if model.role == "settings"]
    if named:
        return named, ()
    reason = t("which of these configs is loaded")
    advice = t("name the model under [[models]] in swarmcache.toml")
    return needs.targets, (Need("model", "", "", Answer("unknown", reason, advice)),)
