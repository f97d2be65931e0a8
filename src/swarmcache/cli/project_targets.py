"""Which models a command means when it is given none: what the project here loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.options import Invocation
    from swarmcache.hubcache.layout import Target
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.project.needs.models import Needs


def project_targets(
    invocation: Invocation, *, pool: PoolOption = "auto", explain: bool = False
) -> Sequence[Target]:
    """Return the models that the project in the working directory loads, each once.

    Says the notes about them and, with `explain`, where each is named and why it is one of them.
    Raises UsageError where none is found, and where several configs disagree and nothing tells
    which one is loaded (then the settings' `[[models]]` decide, if there are any).
    """
    from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - may read YAML

    needs = needed_models(
        invocation.project,
        invocation.environment,
        pool=pool,
        settings_models=invocation.settings.models,
    )
    if explain:
        _explain(invocation, needs)
    for note in needs.notes:
        invocation.terminal.say(note)
    if not needs.targets:
        raise click.UsageError(
            t("No model is named, and none was found in {folder}.", folder=invocation.project)
        )
    if needs.certain or pool == "all":
        return needs.targets
    named = [model.target for model in needs.models if model.role == "settings"]
    if not named:
        raise click.UsageError(
            t("Which of these configs is loaded is not known; name a model, or use --pool all.")
        )
    return named


def _explain(invocation: Invocation, needs: Needs) -> None:
    terminal = invocation.terminal
    for target in needs.targets:
        mentions = [model for model in needs.models if model.target == target]
        roles = listed(dict.fromkeys(model.role for model in mentions))
        origin, why = mentions[0].origin, mentions[0].why
        terminal.say(
            t("{id} ({roles}; {origin}): {why}", id=target.id, roles=roles, origin=origin, why=why)
        )
    for other in needs.others:
        terminal.say(_other(other.kind, other.name, other.origin))


def _other(kind: str, name: str, origin: str) -> str:
    if kind == "ollama":
        return t(
            "{origin}: Ollama keeps {name} in its own store: ollama pull {name}",
            origin=origin,
            name=name,
        )
    return t(
        "{origin}: the dataset {name} is not pulled: swarmcache pull --dataset {name}",
        origin=origin,
        name=name,
    )
