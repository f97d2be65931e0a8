"""What a project's start needs beside models, for people: ✓ and ⚠ lines with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.launch.ready.values import Need
    from swarmcache.report.terminal import Terminal

_KINDS = {
    "model": lambda: t("Model"),
    "tokenizer": lambda: t("Tokenizer"),
    "dataset": lambda: t("Dataset"),
    "ollama": lambda: t("Ollama model"),
    "torch-hub": lambda: t("Code of torch.hub"),
    "torch-weights": lambda: t("Weights of torch.hub"),
    "vllm": lambda: t("vLLM's own cache"),
}


def ready_lines(terminal: Terminal, needs: Sequence[Need]) -> Iterator[str]:
    """Yield a line for each need, and below what is not ready the next step."""
    for need in needs:
        yield _line(terminal, need)
        if need.answer.ready != "yes" and need.answer.advice:
            yield "    " + terminal.next_step(need.answer.advice)


def ready_summary(terminal: Terminal, *, ok: bool) -> str:
    """Return the sentence that answers the question."""
    if ok:
        return f"{terminal.ok} " + t("The project could start with the network cable out.")
    return f"{terminal.warn} " + t("The project may not start with the network cable out.")


def _line(terminal: Terminal, need: Need) -> str:
    kind, reason = _KINDS[need.kind](), need.answer.reason
    what = f"{kind} {need.name}" if need.name and need.kind != "vllm" else kind
    if need.origin:
        what = t("{what} ({origin})", what=what, origin=need.origin)
    if need.answer.ready == "yes":
        return f"{terminal.ok} " + t("{what} is ready: {reason}.", what=what, reason=reason)
    if need.answer.ready == "no":
        return f"{terminal.warn} " + t("{what} is not ready: {reason}.", what=what, reason=reason)
    return f"{terminal.warn} " + t("{what} is not known: {reason}.", what=what, reason=reason)
