"""Everything that a start needs beside the models of the configs, each with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import Target
from swarmcache.hubcache.locate import locate_datasets
from swarmcache.launch.ready.datasets_cache import dataset_answer, files_answer
from swarmcache.launch.ready.ollama_store import ollama_answer
from swarmcache.launch.ready.torch_hub import torch_code_answer, torch_weights_answer
from swarmcache.launch.ready.values import Answer, Need
from swarmcache.locale import t
from swarmcache.project.needs.in_code import CodeNeed, code_needs
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.launch.ready.values import States
    from swarmcache.project.needs.models import Needs, OtherNeed


def readiness(
    folder: str,
    environment: Environment,
    needs: Needs,
    states: States,
    *,
    commands: Iterable[str] = (),
) -> tuple[Need, ...]:
    """Return what the project in this folder needs beside `needs.targets`, in a reader's order.

    No server is asked.
    """
    found = code_needs(Project(folder, environment), commands)
    wanted = _with_configs(found, needs.others)
    known = {target.id for target in needs.targets}
    rows = []
    for need in wanted:
        if not (need.kind in {"model", "tokenizer"} and need.name in known):
            state = states.tokenizer if need.kind == "tokenizer" else states.model
            answer = _answer(need, folder, environment, state)
            rows.append(Need(need.kind, need.name, need.origin, answer))
    return tuple(rows)


def _with_configs(code: Sequence[CodeNeed], others: Sequence[OtherNeed]) -> list[CodeNeed]:
    """Return what code and configs need, each once.

    What a config names, code loads as it says: a call whose dataset only running tells stands for
    those that the configs name.
    """
    named = [one for one in others if one.kind == "dataset"]
    unnamed = [one for one in code if one.kind == "dataset" and not one.name]
    rest = [one for one in code if not (named and one in unnamed)]
    have = {(one.kind, one.name) for one in rest}
    for other in others:
        if (other.kind, other.name) in have:
            continue
        ways = unnamed if other.kind == "dataset" else []
        rows = [one._replace(name=other.name, origin=other.origin) for one in ways]
        rest += dict.fromkeys(rows or [CodeNeed(other.kind, other.name, other.origin)])
        have.add((other.kind, other.name))
    return rest


def _answer(
    need: CodeNeed, folder: str, environment: Environment, state: Callable[[Target], Outcome]
) -> Answer:
    match need.kind:
        case "dataset":
            cache = locate_datasets(environment).path
            if need.files == ():
                answer = dataset_answer(cache, need.name, need.config, need.streaming)
            else:
                answer = files_answer(need.files, folder)
        case "ollama":
            answer = ollama_answer(need.name, environment, folder)
        case "torch-hub":
            answer = torch_code_answer(need.name, environment)
        case "torch-weights":
            answer = torch_weights_answer(need.name, environment)
        case "vllm":
            answer = Answer("yes", t("what vLLM compiles it makes anew, without a network"))
        case _:
            answer = _model(need, state)
    return answer


def _model(need: CodeNeed, state: Callable[[Target], Outcome]) -> Answer:
    target = Target("model", need.name, "main")
    outcome = state(target)
    if outcome.state == "complete":
        return Answer("yes", t("it is complete"), path=outcome.snapshot)
    ready = "unknown" if outcome.state == "unknown" else "no"
    reason = outcome.reason.rstrip(".。")
    return Answer(ready, reason, f"swarmcache pull {target.spelled}", outcome.snapshot)  # type: ignore[arg-type] # one of two literals
