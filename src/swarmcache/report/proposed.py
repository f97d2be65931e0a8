"""A command that is proposed to the user, so that it means the cache that was typed."""

from __future__ import annotations

from swarmcache.locale import t

_OF_ONE_CACHE = frozenset(
    {
        *("adopt", "check", "clean", "export", "import", "lock"),
        *("move", "pull", "run", "serve", "status", "verify"),
    }
)
"""Verbs that work on the cache of the settings, unless `--cache-dir` names another."""
_OPTION = "--cache-dir"


def proposed(command: str, cache_dir: str | None) -> str:
    """Return `command` with the `--cache-dir` that was typed, if any, and that it does not name.

    Without it, what follows a look into one cache would fill, or clean, another.
    """
    program, _, words = command.partition(" ")
    verb, _, rest = words.partition(" ")
    if cache_dir is None or program != "swarmcache" or verb not in _OF_ONE_CACHE or _OPTION in rest:
        return command
    import shlex  # noqa: PLC0415 - few calls both name a cache and propose something

    return " ".join((program, verb, _OPTION, shlex.quote(cache_dir), rest)).rstrip()


def next_step(command: str, cache_dir: str | None) -> str:
    """Return the line that proposes it."""
    return t("Next: {command}", command=proposed(command, cache_dir))
