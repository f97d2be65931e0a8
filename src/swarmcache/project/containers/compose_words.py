"""What a script's `docker compose …` or `docker run …` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.programs import Words

Verb: TypeAlias = Literal["up", "run", "down", "rm", "start", "stop", "restart", "create", "other"]

_VERBS: frozenset[str] = frozenset(
    {"up", "run", "down", "rm", "start", "stop", "restart", "create"}
)
_GLOBAL_WITH_VALUE = frozenset(
    {"-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory"}
    | {"--ansi", "--progress", "--parallel", "-c", "--context", "-H", "--host", "-l", "--log-level"}
)
_RUN_WITH_VALUE = frozenset(
    {"-e", "--env", "--entrypoint", "-l", "--label", "--name", "-p", "--publish", "-u", "--user"}
    | {"-v", "--volume", "-w", "--workdir", "--cap-add", "--cap-drop", "--pull", "--env-from-file"}
    | {"--scale", "-t", "--timeout"}
)
_UP_WITH_VALUE = frozenset({"--scale", "-t", "--timeout", "--pull", "--exit-code-from", "--attach"})


@dataclass(frozen=True, slots=True)
class ComposeCall:
    """One `docker compose` of a script."""

    execution: Execution
    verb: Verb
    files: tuple[str, ...]
    """`-f`, as written."""
    services: tuple[str, ...]
    """The services it names; of `run` the one."""
    options: Words
    """What stands behind the verb and before the services."""

    @property
    def removes(self) -> bool:
        """Whether `run` removes its container at the end."""
        return self.verb == "run" and "--rm" in self.options


def compose_call(execution: Execution) -> ComposeCall | None:
    """Return what an execution says to compose; None where it is no such call."""
    words = execution.program.words
    if execution.program.name in {"docker", "podman", "nerdctl"}:
        words = _behind_global(words[1:])
        if not words or words[0] != "compose":
            return None
    elif execution.program.name not in {"docker-compose", "podman-compose"}:
        return None
    files: list[str] = []
    rest = words[1:]
    while rest and (rest[0] or "").startswith("-"):
        option, equals, value = (rest[0] or "").partition("=")
        taken = 1
        if not equals and option in _GLOBAL_WITH_VALUE:
            value, taken = (rest[1] if len(rest) > 1 else None) or "", 2
        if option in {"-f", "--file"}:
            files.append(value)
        rest = rest[taken:]
    name = (rest[0] or "") if rest else ""
    verb: Verb = name if name in _VERBS else "other"  # type: ignore[assignment]
    options, services = _behind_verb(rest[1:], _RUN_WITH_VALUE if verb == "run" else _UP_WITH_VALUE)
    named = services[:1] if verb == "run" else services
    return ComposeCall(execution, verb, tuple(files), tuple(w for w in named if w), options)


def _behind_global(words: Words) -> Words:
    while words and (words[0] or "").startswith("-"):
        words = words[2 if words[0] in _GLOBAL_WITH_VALUE else 1 :]
    return words


def _behind_verb(words: Words, with_value: frozenset[str]) -> tuple[Words, Words]:
    """Return the options behind a verb, and the words behind those."""
    at = 0
    while at < len(words) and (words[at] or "").startswith("-"):
        at += 2 if words[at] in with_value else 1
    return words[:at], words[at:]
