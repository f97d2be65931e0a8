"""Guard every model of a process, only where it would generate slowly or wrongly, and say so.

What `swarmcache run --guard-generation` puts into the trainer's process. The trainer's code is not
touched; transformers' `generate` is wrapped, and only when transformers is imported.
"""

from __future__ import annotations

import json
import logging
import os
import weakref
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from swarmcache.generation import wrapping
from swarmcache.generation.diagnosing import diagnose, flags_of
from swarmcache.generation.mode import generation_mode
from swarmcache.generation.modules import core_of, modules_of
from swarmcache.generation.occasions import VARIABLE
from swarmcache.generation.unfinished import UnfinishedBackwardError
from swarmcache.generation.verdicts import Reason, Verdict, expected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from swarmcache.generation.occasions import Occasion
    from swarmcache.generation.verdicts import Diagnosis, Flags

NEEDED = (Verdict.NO_CACHE, Verdict.BROKEN)

_log = logging.getLogger("swarmcache.generation")
_verdicts: weakref.WeakKeyDictionary[Any, dict[object, Verdict]] = weakref.WeakKeyDictionary()


def guard_all(mixin: type) -> None:
    """Let every `generate` that `mixin` defines decide at each call whether it needs the guard."""
    wrapping.add(_around, mixin)


def _around(model: Any, options: dict[str, Any]) -> AbstractContextManager[object] | None:
    """Return the guard for a call that would be slow or wrong; a wrong one is said once."""
    if options.get("use_cache") is False:
        return None  # Slow by the caller's own word, and right in every version.
    passed = options.get("generation_config")
    modules = modules_of(model)
    flags = flags_of(model, modules)
    # A config that the caller built and passed is its own decision; the model's may be a leak.
    leaked = passed is None and flags.use_cache is False
    if not flags.in_the_way and not leaked:
        return None
    known = _verdicts.setdefault(core_of(model), {})
    state = (flags.in_the_way, leaked)
    if state not in known:
        known[state] = _found(model, passed, flags)
    return _guarded(model) if known[state] in NEEDED else None


@contextmanager
def _guarded(model: Any) -> Iterator[None]:
    """Hold `generation_mode`, or say that it is not possible: a trainer is never stopped by us."""
    with ExitStack() as held:
        try:
            held.enter_context(generation_mode(model))
        except UnfinishedBackwardError:
            _say("unfinished", model, "")
        yield


def _found(model: Any, passed: Any, flags: Flags) -> Verdict:
    """Try the model once in this state, say what was found, and return it."""
    diagnosis = diagnose(model, generation_config=passed)
    verdict, version = diagnosis.verdict, diagnosis.versions.get("transformers", "")
    if verdict is Verdict.UNKNOWN and flags.in_the_way:
        verdict = expected(version)
    if verdict in NEEDED:
        _say(_occasion(diagnosis, verdict, flags), model, version)
    return verdict


def _occasion(diagnosis: Diagnosis, verdict: Verdict, flags: Flags) -> Occasion:
    if verdict is Verdict.BROKEN:
        return "broken"
    never = diagnosis.reason is Reason.NEVER_CACHES
    return "slow" if flags.in_the_way or never else "saved"


def _say(occasion: Occasion, model: Any, version: str) -> None:
    """Log one line in the user's language."""
    sentences: dict[str, str] = json.loads(os.environ.get(VARIABLE) or "{}")
    text = sentences.get(occasion, occasion)
    _log.warning(text.replace("{model}", type(model).__name__).replace("{version}", version))
