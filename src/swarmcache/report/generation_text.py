"""`generation` for people: what was found of a checkpoint, and what a log's lines mean."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from swarmcache.generation.known_lines import REMEDIES
from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.generation.known_lines import Explanation, Harm, Sighting
    from swarmcache.generation.saved_use_cache import SavedFalse
    from swarmcache.report.generation_json import Examined
    from swarmcache.report.terminal import Terminal

_FED = 4
"""Steps whose positions are shown."""


def examined_lines(terminal: Terminal, examined: Examined) -> Iterator[str]:
    """Yield the model, one line for each state, what its files say, and the next step."""
    versions = ", ".join(f"{name} {at}" for name, at in examined.probed["versions"].items())
    yield f"{examined.probed['architecture']}  ({versions})"
    for name, state in examined.states.items():
        yield f"{_mark(terminal, state['verdict'])} {_state(name)}: {_sentence(state)}"
    for limit in examined.states["loaded"]["limits"]:
        yield f"{terminal.warn} {_limit(limit)}"
    for one, mended in examined.saved:
        yield from _saved_lines(terminal, examined, one, mended=mended)
    training = examined.states.get("training", {}).get("verdict")
    if training in {"broken", "no_cache"}:
        yield t(
            "Rollouts of a trainer that leaves it in that state: {command}",
            command="swarmcache run --guard-generation -- CMD",
        )


def explanation_lines(terminal: Terminal, explanation: Explanation) -> Iterator[str]:
    """Yield each known line with its meaning and what helps, or that there is none."""
    if not explanation.sightings:
        yield f"{terminal.ok} " + tn(
            "{n} line, none of which speaks of the KV cache.",
            "{n} lines, none of which speaks of the KV cache.",
            explanation.lines,
        )
        return
    for sighting in explanation.sightings:
        yield from _sighting_lines(terminal, sighting)
    if explanation.transformers is None:
        yield t("Which version of transformers wrote it decides more: --transformers VERSION")


def _sighting_lines(terminal: Terminal, sighting: Sighting) -> Iterator[str]:
    marks: Mapping[Harm, str] = {
        "harmless": terminal.ok,
        "undecided": terminal.warn,
        "slow": terminal.warn,
        "wrong": terminal.bad,
    }
    place = tn(
        "line {line}, {n} time", "line {line}, {n} times", sighting.times, line=sighting.line
    )
    yield f"{marks[sighting.harm]} {_harm(sighting.harm)} ({place}): {sighting.text}"
    yield f"  {t(sighting.meaning)}"
    if sighting.harm in REMEDIES:
        yield f"  {REMEDIES[sighting.harm]}"


def _harm(harm: Harm) -> str:
    words: Mapping[Harm, str] = {
        "harmless": t("harmless"),
        "undecided": t("undecided"),
        "slow": t("slow rollouts"),
        "wrong": t("wrong rollouts"),
    }
    return words[harm]


def _mark(terminal: Terminal, verdict: str) -> str:
    marks = {"cached": terminal.ok, "broken": terminal.bad}
    return marks.get(verdict, terminal.warn)


def _state(name: str) -> str:
    if name == "loaded":
        return t("as it is loaded")
    return t("in train mode with gradient checkpointing")


def _sentence(state: Mapping[str, Any]) -> str:
    """Return a verdict in words, with the numbers that show it."""
    if state["as_is"] is None or state["clean"] is None:
        return _unknown(state["reason"])
    fed = ", ".join(map(str, state["as_is"]["positions"][:_FED]))
    held, total = state["as_is"]["cached"] or 0, len(state["clean"]["tokens"])
    if state["verdict"] == "cached":
        return t("the KV cache works ({fed}, … positions fed, {held} kept)", fed=fed, held=held)
    if state["verdict"] == "no_cache":
        return t("right tokens, slowly: no KV cache ({fed}, … positions fed)", fed=fed)
    if state["reason"] == "raises":
        return t("generate() fails: {error}", error=state["as_is"]["error"])
    if state["verdict"] == "unknown":
        return t("generate() fails in a clean state too: {error}", error=state["clean"]["error"])
    return t(
        "WRONG TOKENS ({same} of {total} as in clean generation; {fed}, … positions fed, "
        "{held} kept)",
        same=state["agreement"],
        total=total,
        fed=fed,
        held=held,
    )


def _unknown(reason: str) -> str:
    if reason == "cannot":
        return t("this model does not generate")
    if reason == "sharded":
        return t("not tried: its parameters are not all here")
    return t("not tried: a forward waits for its backward")


def _limit(limit: str) -> str:
    if limit == "checkpoint_wrapper":
        return t("Wrapped by CheckpointWrapper, which listens to no flag and harms no rollout.")
    return t("Its parameters are sharded; to gather them for generation stays the trainer's task.")


def _saved_lines(
    terminal: Terminal, examined: Examined, one: SavedFalse, *, mended: bool
) -> Iterator[str]:
    if mended:
        yield f"{terminal.ok} " + t("{path}: use_cache is true now.", path=one.path)
    elif not one.counts:
        yield t(
            "{path} says use_cache=false; generate() reads generation_config.json instead.",
            path=one.path,
        )
    elif one.shared:
        yield f"{terminal.warn} " + t(
            "{path} says use_cache=false, so every rollout is slow. It is a link into a cache, "
            "which is not changed: set model.generation_config.use_cache = True after loading.",
            path=one.path,
        )
    else:
        yield f"{terminal.warn} " + t(
            "{path} says use_cache=false, so every rollout is slow: {command}",
            path=one.path,
            command=shlex.join(
                ["swarmcache", "generation", "diagnose", "--model", examined.model, "--mend"]
            ),
        )
