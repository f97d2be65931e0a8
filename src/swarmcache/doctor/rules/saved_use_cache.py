"""SC604: a saved checkpoint says `use_cache: false`, so that whoever loads it generates slowly.

A trainer that switches the KV cache off for gradient checkpointing saves that with the model.

What it cannot know: whether the checkpoint is ever used to generate.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.foreign_json import parse
from swarmcache.locale import t
from swarmcache.project.edits import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.sources import Source

_NAMES = frozenset({"config.json", "generation_config.json"})
_SWITCH = re.compile(rb'"use_cache"\s*:\s*(false)\b')


def check(case: Case) -> Iterator[Finding]:
    """Find such files among the project's own."""
    for source in case.project.sources("json"):
        if os.path.basename(source.path) in _NAMES and _is_saved_model(source):
            matches = list(_SWITCH.finditer(source.data))
            if len(matches) == 1:
                yield _found(source, *matches[0].span(1))


def _is_saved_model(source: Source) -> bool:
    """Tell whether a file is one that transformers writes, with the switch at its top."""
    try:
        content = parse(source.data)
    except ValueError:
        return False
    if not isinstance(content, dict) or content.get("use_cache") is not False:
        return False
    return "transformers_version" in content or "model_type" in content


def _found(source: Source, start: int, end: int) -> Finding:
    message = t(
        "{file} was saved with use_cache off: whoever loads this checkpoint generates without the"
        " KV cache, each token slower than the one before.",
        file=source.file,
    )
    fix = Fix("safe", t("Switch it on again."), (Edit(source.file, start, end, "true"),))
    title = t("a checkpoint saved with use_cache off")
    return RULE.finding(title, message, source.span(start, end), fix=fix)


RULE = Rule("SC604", "saved-use-cache", "warning", "high", check)
