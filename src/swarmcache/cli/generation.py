"""`swarmcache generation`: whether the KV cache is alive and right during rollouts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.errors import CacheNotFound
from swarmcache.generation.known_lines import explain
from swarmcache.generation.saved_use_cache import mend, saved_false
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.generation.known_lines import Explanation

HARMFUL = {"wrong", "slow"}


@click.group(
    help=t("Is the attention's KV cache alive and right during rollouts?"),
    epilog=t("Example: {command}", command="swarmcache generation explain logs/swarm.log"),
)
def command() -> None:
    """Hold the two commands."""


@command.command(
    "diagnose",
    help="\n\n".join(
        [
            t("Load a model and tell how it generates, as it is and as training leaves it."),
            t("Exit code 1 where it would be slow or wrong as it is loaded."),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache generation diagnose --model outputs/last"),
)
@click.option(
    "--model",
    required=True,
    metavar="PATH|MODEL[@REV]",
    help=t("A checkpoint's folder, or a model that is in the cache."),
)
@click.option(
    "--mend", "mends", is_flag=True, help=t("Write use_cache=true where the folder says false.")
)
@common_options
def diagnose_command(invocation: Invocation, model: str, mends: bool) -> int:
    """Look at the files, mend them if asked, load the model in its trainer's interpreter."""
    from swarmcache.launch.probe import probed  # noqa: PLC0415 - only here
    from swarmcache.report.generation_json import Examined, examined_document  # noqa: PLC0415

    folder = _folder(invocation, model)
    saved = [(one, mends and mend(one)) for one in saved_false(folder)]
    examined = Examined(model, folder, probed(invocation.libraries, folder), tuple(saved))
    if invocation.json:
        invocation.terminal.out(examined_document(examined))
    else:
        from swarmcache.report.generation_text import examined_lines  # noqa: PLC0415

        invocation.terminal.lines(examined_lines(invocation.terminal, examined))
    return 0 if examined.ok else 1


@command.command(
    "explain",
    help="\n\n".join(
        [
            t("Tell what a log says about the KV cache, and whether it matters; - reads a pipe."),
            t("Exit code 1 where rollouts are slow or wrong."),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache generation explain logs/swarm.log"),
)
@click.argument("log", type=click.File("r", encoding="utf-8", errors="replace"))
@click.option(
    "--transformers",
    metavar="VERSION",
    help=t("The version that wrote the log; otherwise the one that --python has, or the log says."),
)
@common_options
def explain_command(invocation: Invocation, log: click.File, transformers: str | None) -> int:
    """Read, judge, tell."""
    asked = invocation.python is not None
    version = transformers or (invocation.libraries.transformers if asked else None)
    explanation = explain(log, version)  # type: ignore[arg-type] # click has opened it
    if invocation.json:
        from swarmcache.report.generation_json import explanation_document  # noqa: PLC0415

        invocation.terminal.out(explanation_document(_name(log), explanation))
    else:
        from swarmcache.report.generation_text import explanation_lines  # noqa: PLC0415

        invocation.terminal.lines(explanation_lines(invocation.terminal, explanation))
    return 1 if _is_harmful(explanation) else 0


def _is_harmful(explanation: Explanation) -> bool:
    return any(sighting.harm in HARMFUL for sighting in explanation.sightings)


def _name(log: click.File) -> str:
    name = str(log.name)
    return "-" if name == sys.stdin.name else name


def _folder(invocation: Invocation, model: str) -> str:
    """Return the folder that a path names, or a model's snapshot in the cache."""
    path = invocation.environment.absolute(invocation.environment.expand_user(model))
    if os.path.isdir(path):
        return path
    from swarmcache.hubcache.complete.integrity import check  # noqa: PLC0415 - not for a folder
    from swarmcache.hubcache.layout import parse_target  # noqa: PLC0415

    found = check(parse_target(model), invocation.location.path, tiers=invocation.settings.tiers)
    if found.state != "complete" or found.snapshot is None:
        raise CacheNotFound(
            t("{model} is neither a folder nor a model that the cache has complete.", model=model),
            hint=("swarmcache", "pull", model),
        )
    return found.snapshot
