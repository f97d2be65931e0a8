"""SC306: a config that is loaded is no YAML, or an interpolation in it can never resolve.

What it cannot know: keys that a program or a plugin adds before it reads the config, so nothing is
said where a defaults list brings what is not in sight, or the command line adds keys; and custom
resolvers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.effective.arguments import overrides
from swarmcache.project.loads.in_config import config_span, known_environment, span_in
from swarmcache.project.needs.resolve import Broken, Resolver, Unresolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.loaded_configs import LoadedConfig
    from swarmcache.project.readers.composition import Composed
    from swarmcache.project.study import Project

_HYDRA = ("${hydra", "${now:")


def check(case: Case) -> Iterator[Finding]:
    """Find loaded configs that cannot be read, and values that nothing can resolve."""
    seen: set[object] = set()
    for config, made in case.project.configs.items():
        found = _unreadable(config, case.project) if made is None else None
        if found is not None and found.span not in seen:
            seen.add(found.span)
            yield found
        if made is not None and made.complete and config.kind == "hydra" and _is_whole(config):
            for finding in _values(config, made, case.project):
                if finding.span not in seen:
                    seen.add(finding.span)
                    yield finding


def _unreadable(config: LoadedConfig, project: Project) -> Finding | None:
    from yaml import MarkedYAMLError, YAMLError  # noqa: PLC0415 - only where something is broken

    from swarmcache.project.readers.hydra import config_in  # noqa: PLC0415

    source = project.source(config.path)
    if source is None:
        return None
    try:
        config_in(source.data, config.path)
    except (YAMLError, UnicodeError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        span = span_in(source, mark.index, mark.index) if mark is not None else source.span(0, 0)
        reason = getattr(error, "problem", None) or type(error).__name__
        message = t(
            "{path} is loaded at start and is no YAML: {reason}.",
            path=config.shown(project),
            reason=reason,
        )
        return RULE.finding(t("a config that cannot be read"), message, span)
    return None


def _is_whole(config: LoadedConfig) -> bool:
    """Tell whether the command line adds nothing to the config that is not in sight."""
    execution = config.loader.execution
    known = all(len(word.values) == 1 and word.values[0] is not None for word in execution.words())
    return known and not any(True for _ in overrides(execution))


def _values(config: LoadedConfig, made: Composed, project: Project) -> Iterator[Finding]:
    resolver = Resolver(made.config, known_environment(config.loader.execution), {})
    for place in made.config.walk():
        text = place.text or ""
        if "${" not in text or any(word in text for word in _HYDRA):
            continue
        try:
            resolver.values(place)
        except Broken as reason:
            message = t(
                "{text} can never resolve: {reason}. The program stops when it reads it.",
                text=text,
                reason=reason,
            )
            span = config_span(project, place)
            yield RULE.finding(t("an interpolation that cannot resolve"), message, span)
        except Unresolved:
            continue


RULE = Rule("SC306", "broken-config", "error", "high", check)
