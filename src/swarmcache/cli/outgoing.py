"""How far a command is offline, told in one line: all of it, its complete models, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.launch.start.endpoint import choose_endpoint
from swarmcache.launch.start.local_models import loading_local
from swarmcache.launch.start.outgoing import Asked, what_goes_out
from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.cli.readiness import Start
    from swarmcache.launch.start.outgoing import Outgoing
    from swarmcache.launch.start.run import Cached, Selection

OFFLINE = {"HF_HUB_OFFLINE": "1"}


def as_offline_as_may_be(  # noqa: PLR0913, PLR0917 - all that a start is made of
    invocation: Invocation,
    start: Start,
    cached: Cached,
    selection: Selection,
    command_line: Sequence[str],
    variables: dict[str, str],
) -> dict[str, str]:
    """Return the command's variables with what keeps it off the network, and say what goes out."""
    if start.offline:
        return {**variables, **OFFLINE}
    asked = Asked(command_line, invocation.project, _prompted(start))
    # A variable that says something else than offline is the user's word, too.
    if invocation.settings.offline == "never" or invocation.environment.get("HF_HUB_OFFLINE"):
        return _online(invocation, selection, variables)
    found = what_goes_out(asked, invocation.environment, cached, selection)
    locked = _locked(invocation, selection)
    if not found.reasons and (found.known or locked):
        invocation.terminal.say(_offline_line(locked) + _by_others(selection))
        return {**variables, **OFFLINE}
    endpoint = choose_endpoint(
        invocation.environment, invocation.settings.endpoints, trusting=found.trusting
    )
    invocation.terminal.say(_outgoing_line(found, endpoint.url) + _by_others(selection))
    return loading_local({**variables, **endpoint.variables}, found.local)


def _prompted(start: Start) -> frozenset[str]:
    """Return what the command may still hear from its user: nothing where input is at its end."""
    script, source = start.answering.script, start.answering.input
    if script is None or (source is not None and source.ended):
        return frozenset()
    return script.asked


def _locked(invocation: Invocation, selection: Selection) -> list[str]:
    lock = invocation.lock
    return [one.spelled for one in selection.targets if lock is not None and lock.find(one)]


def _online(
    invocation: Invocation, selection: Selection, variables: dict[str, str]
) -> dict[str, str]:
    terminal, settings = invocation.terminal, invocation.settings
    endpoint = choose_endpoint(invocation.environment, settings.endpoints, trusting=True)
    if _locked(invocation, selection):
        message = t("CMD may load newer files than swarmcache.lock names; --offline forbids it.")
        terminal.alert(f"{terminal.warn} {message}")
    else:
        terminal.say(
            t(
                "CMD may still ask {hub} for newer files; --offline forbids it.",
                hub=endpoint.url,
            )
        )
    return variables


def _offline_line(locked: Sequence[str]) -> str:
    if locked:
        return t(
            "CMD gets HF_HUB_OFFLINE=1, so that it loads {models} as locked; "
            'offline = "never" under [launch] lets it ask the Hub.',
            models=listed(locked),
        )
    return t(
        "CMD gets HF_HUB_OFFLINE=1: what it needs of the Hub is here; "
        'offline = "never" under [launch] lets it ask.'
    )


def _outgoing_line(found: Outgoing, hub: str) -> str:
    unknown = () if found.known else (t("whatever its code, which is not all known, asks for"),)
    what = listed([*found.reasons, *unknown])
    if found.local:
        return t("The models stay offline; CMD may ask {hub} for {what}.", hub=hub, what=what)
    return t("CMD may ask {hub} for {what}.", hub=hub, what=what)


def _by_others(selection: Selection) -> str:
    """Return a second sentence about what comes from no Hub, so that no offline mode stops it."""
    names = dict.fromkeys(other.name for other in selection.others if other.kind == "ollama")
    if not names:
        return ""
    return " " + t("Ollama fetches {names} by itself where it lacks it.", names=listed(names))
