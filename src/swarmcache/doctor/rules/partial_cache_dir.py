"""SC110: some load sites have a `cache_dir` of their own, and others use the common cache.

A model that is loaded with it and a tokenizer without it are looked for in two places, and tools
that download beforehand know one of them.

What it cannot know: values that only running tells, such as `cache_dir=args.cache_dir`; nothing is
said of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import (
    HUB_VARIABLES,
    TRANSFORMERS_VARIABLES,
    reads_own_variables,
)
from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.values import Load, Option

_NAMES = ("cache_dir", "cache_folder")
_KINDS = frozenset(
    {"model", "tokenizer", "config", "processor", "pipeline", "snapshot", "file", "engine"}
)


def check(case: Case) -> Iterator[Finding]:
    """Find sites with a folder of their own beside sites without, in one project."""
    loads = [one for one in case.project.loads if one.kind in _KINDS and not one.in_tests]
    own = [(load, value) for load in loads if (value := _folder(load, case))]
    bare = [one for one in loads if not _has_option(one) and not one.open and not _is_local(one)]
    for load, value in own:
        others = [one for one in bare if one.way != "command" and _belongs(one, load)]
        others = [one for one in others if not _follows(one, load, case)]
        if others:
            yield _found(load, value, others)


def _has_option(load: Load) -> bool:
    return any(name in load.options for name in _NAMES)


def _is_local(load: Load) -> bool:
    return bool(load.repos) and all(name.startswith(("/", ".", "~")) for name in load.repos)


def _belongs(one: Load, other: Load) -> bool:
    """Tell whether two sites are of one program: in one file, or one is in what is configured."""
    return one.span.file == other.span.file or "config" in {one.way, other.way}


def _follows(one: Load, load: Load, case: Case) -> bool:
    """Tell whether a site without the argument goes by the very variable that gives it there."""
    option = next(load.options[name] for name in _NAMES if name in load.options)
    if option.variable in HUB_VARIABLES[:2]:
        return True
    version = case.node.libraries.transformers
    own = version is None or reads_own_variables(version)
    return option.variable in TRANSFORMERS_VARIABLES and one.library == "transformers" and own


def _folder(load: Load, case: Case) -> str:
    """Return the folder that a site surely has of its own; empty for none."""
    option = next((load.options[name] for name in _NAMES if name in load.options), None)
    if option is None:
        return ""
    if option.variable:
        return f"${option.variable}" if _is_set(option, case) else ""
    return option.value if isinstance(option.value, str) else ""


def _is_set(option: Option, case: Case) -> bool:
    if option.values and all(isinstance(value, str) for value in option.values):
        return True  # A default stands there.
    return any(
        setting is not None and setting.value != ""
        for loader in case.project.loaders
        for setting in loader.execution.variable(option.variable)
    )


def _found(load: Load, value: str, others: list[Load]) -> Finding:
    option = next(load.options[name] for name in _NAMES if name in load.options)
    message = tn(
        "This site loads from {folder} by cache_dir, and {n} other loads from the common cache:"
        " what one downloads the other does not find.",
        "This site loads from {folder} by cache_dir, and {n} others load from the common cache:"
        " what one downloads the others do not find.",
        len(others),
        folder=value,
    )
    return RULE.finding(
        t("cache_dir on some load sites only"),
        message,
        option.span,
        evidence=[Evidence(one.span, t("loads without cache_dir")) for one in others[:5]],
        fix=Fix("display", t("Take cache_dir away, and set HF_HUB_CACHE for the whole program.")),
    )


RULE = Rule("SC110", "partial-cache-dir", "warning", "high", check)
