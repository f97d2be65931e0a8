"""SC404: the project is told to stay offline, and something in it needs the network at each start.

Streaming datasets are never cached, `push_to_hub` uploads, and Ollama's models are fetched by a
server of its own. Without an offline switch the streaming datasets are told as what they are: the
reason why the project cannot start without the network.

What it cannot know: whether the code with such a call is reached, and a local copy of a dataset
that is put in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.variables import seen_values
from swarmcache.locale import t
from swarmcache.project.needs.hub_use import FILE_BUILDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.doctor.variables import Seen
    from swarmcache.project.loads.values import Load
    from swarmcache.project.sources import Span

_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})


class _Need(NamedTuple):
    span: Span
    note: str


def check(case: Case) -> Iterator[Finding]:
    """Find what needs the network, where offline is set; else the streaming datasets alone."""
    streams = [one for one in case.project.loads if _streams(one)]
    switch = next((s for n in _SWITCHES for s in seen_values(case, n) if _is_on(s)), None)
    if switch is not None:
        needs = [*_of(streams), *_uploads(case)]
        if needs:
            yield _conflict(switch, needs)
    elif case.project.loaders:
        # A name from elsewhere may be a folder; told only beside an offline switch.
        named = [one for one in streams if one.repos]
        if named:
            yield _bound(named)


def _is_on(seen: Seen) -> bool:
    return seen.value.upper() in _TRUE


def _streams(load: Load) -> bool:
    streaming = load.options.get("streaming")
    if load.kind != "dataset" or load.in_tests or streaming is None or streaming.value is not True:
        return False
    return not (load.repos and all(repo in FILE_BUILDERS for repo in load.repos))


def _of(streams: list[Load]) -> Iterator[_Need]:
    for one in streams:
        name = ", ".join(one.repos) or t("a dataset")
        yield _Need(one.span, t("{name} is streamed, and never cached", name=name))


def _uploads(case: Case) -> Iterator[_Need]:
    for module in case.project.modules:
        for call in module.calls:
            pushed = call.callee.rpartition(".")[2] == "push_to_hub"
            if pushed and not call.at_import and "test" not in module.name:
                yield _Need(call.span, t("uploads to the Hub"))


def _conflict(switch: Seen, needs: list[_Need]) -> Finding:
    message = t(
        "Offline is set, and {count} places need the network: they fail, or the switch does not"
        " reach them.",
        count=len(needs),
    )
    return RULE.finding(
        t("offline, but the network is needed"),
        message,
        switch.span,
        evidence=[Evidence(one.span, one.note) for one in needs[:6]],
        fix=Fix("display", t("Download the datasets beforehand, without streaming.")),
    )


def _bound(streams: list[Load]) -> Finding:
    first, *others = streams
    names = ", ".join(dict.fromkeys(repo for one in streams for repo in one.repos))
    message = t(
        "Streamed at each start and never cached: {names}. The project does not start offline,"
        " however complete its models are.",
        names=names,
    )
    return RULE.finding(
        t("a start that needs the network"),
        message,
        first.span,
        evidence=[Evidence(one.span, t("streamed as well")) for one in others[:5]],
        fix=Fix("display", t("Download the datasets beforehand, without streaming.")),
        severity="info",
    )


RULE = Rule("SC404", "offline-conflict", "error", "medium", check)
