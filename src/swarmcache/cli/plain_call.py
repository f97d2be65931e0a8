"""`check MODEL…` and `status` as scripts call them, without click.

Importing click takes longer than all the rest of a `check`, which runs at each launch of a trainer
(docs/adr/0005). A call of nothing but names and the flags below needs no parser. Any other word
(another option, `--help`, a mistake) is click's, and so is everything a person has to be told
about the words; what both take, both answer alike, which `tests/cli/test_plain_call.py` proves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.cli.invocation import Invocation

_JSON = "--json"
_QUIET = frozenset({"-q", "--quiet"})
_FLAGS = _QUIET | {_JSON}
_STATUS = frozenset({"status", "ls"})


def plain_call(words: Sequence[str]) -> Callable[[], int] | None:
    """Return what to do for these words of the command line, or None where click has to read."""
    verb, given = list(words[:1]), words[1:]
    flags = {word for word in given if word.startswith("-")}
    names = [word for word in given if not word.startswith("-")]
    if not flags <= _FLAGS:
        return None
    if verb == ["check"] and names:
        return partial(_check, names, flags)
    if verb and verb[0] in _STATUS and not names:
        return partial(_status, flags)
    return None


def _check(names: Sequence[str], flags: set[str]) -> int:
    from swarmcache.cli.check_models import check_models  # noqa: PLC0415
    from swarmcache.hubcache.layout import parse_target  # noqa: PLC0415

    targets = [parse_target(name) for name in names]
    invocation = _invocation(flags)
    return invocation.settled(check_models(invocation, targets, full=False))


def _status(flags: set[str]) -> int:
    from swarmcache.cli.show_caches import show_caches  # noqa: PLC0415

    invocation = _invocation(flags)
    show_caches(invocation)
    return invocation.settled(0)


def _invocation(flags: set[str]) -> Invocation:
    from swarmcache.cli.invocation import Invocation  # noqa: PLC0415
    from swarmcache.environment import Environment  # noqa: PLC0415

    return Invocation(
        Environment.current(), json=_JSON in flags, quiet=not _QUIET.isdisjoint(flags)
    )
