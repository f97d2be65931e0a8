"""SC305: the config that people edit is not the one that is loaded, or the named one is missing.

RL-Swarm copies its config to `configs/`, mounts that folder and makes it writable for all, and then
loads the original: no edit of the copy has an effect.

What it cannot know: whether a program reads the copy by code of its own, and files that a person
is to create before the first start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.edits import Edit
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.executions import Given
    from swarmcache.project.loads.loaded_configs import LoadedConfig
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_COPY = frozenset({"cp", "install", "rsync", "ln"})
_CREATE = _COPY | {"mv", "wget", "curl", "tee", "touch", "envsubst", "sed", "yq", "git", "tar"}


class _Copy(NamedTuple):
    origin: str
    path: str
    target: Given
    span: Span


def check(case: Case) -> Iterator[Finding]:
    """Find copies of loaded configs that nothing loads, and configs that are not there."""
    project = case.project
    copies = list(_copies(project))
    loaded = {one.path for one in project.configs}
    for config in project.configs:
        if config.exists:
            # One copy is enough to be told: a second branch of a script writes the same.
            copy = next((c for c in copies if c.origin == config.path), None)
            if copy is not None and copy.path not in loaded:
                yield _unread(config, copy, project)
        elif _is_missing(config, copies, project):
            yield _missing(config, project)


def _copies(project: Project) -> Iterator[_Copy]:
    for one in project.executions_by_hand:
        words = [word for word in one.words()[1:] if not (word.values[0] or "").startswith("-")]
        if one.program.name not in _COPY or len(words) != 2:  # noqa: PLR2004 - from and to
            continue
        origin, target = (word.values[0] if len(word.values) == 1 else None for word in words)
        if origin is None or target is None or one.cwd is None:
            continue
        origin = os.path.normpath(os.path.join(one.cwd, origin))
        path = os.path.normpath(os.path.join(one.cwd, target))
        if target.endswith("/") or os.path.isdir(path):
            path = os.path.join(path, os.path.basename(origin))
        if path != origin and os.path.basename(path) == os.path.basename(origin):
            yield _Copy(origin, path, words[1], one.span)


def _unread(config: LoadedConfig, copy: _Copy, project: Project) -> Finding:
    differs = _content(copy.path) not in {None, _content(config.path)}
    names = {"copy": shown(copy.path, project.folder), "loaded": config.shown(project)}
    message = t(
        "{copy} is a copy for people to edit, but {loaded} is what is loaded: no change of the copy"
        " has an effect.",
        **names,
    )
    if differs:
        message += " " + t("The two differ today.")
    return RULE.finding(
        t("the edited config is not loaded"),
        message,
        config.span,
        evidence=[Evidence(copy.span, t("the copy is made here"))],
        fix=_fix(config, copy, project),
        severity="error" if differs else None,
    )


def _fix(config: LoadedConfig, copy: _Copy, project: Project) -> Fix:
    """Return the words by which the program would load the copy."""
    source = project.source(config.span.file)
    given = project.source(copy.target.span.file)
    description = t("Load the copy: {path}", path=shown(copy.path, project.folder))
    if source is None or given is None or config.span.file != copy.target.span.file:
        return Fix("display", description)
    text = given.data[copy.target.span.start : copy.target.span.end].decode("utf-8", "replace")
    folder, slash, name = text.rpartition("/")
    before = source.data[config.span.start : config.span.end].decode("utf-8", "replace")
    plain = before.startswith(('"', "$", "'", "/", ".")) and slash and config.kind == "hydra"
    if not plain or not name.rstrip("\"'") or "cd " in before:
        return Fix("display", description)
    closing = text[-1] if text[0] == text[-1] and text[0] in "\"'" else ""
    edit = Edit(config.span.file, config.span.start, config.span.end, folder + closing)
    return Fix("unsafe", description, (edit,))


def _is_missing(config: LoadedConfig, copies: list[_Copy], project: Project) -> bool:
    """Tell whether a config is surely not there: one name, a folder that is, and no maker."""
    execution = config.loader.execution
    surely = all(len(word.values) == 1 for word in execution.words())
    made = any(copy.path == config.path for copy in copies)
    if not surely or made or not os.path.isdir(os.path.dirname(config.path)):
        return False
    name = os.path.basename(config.path)
    return not any(
        one.program.name in _CREATE and any(name in (word or "") for word in one.program.words)
        for one in project.executions_by_hand
    )


def _missing(config: LoadedConfig, project: Project) -> Finding:
    message = t(
        "The program is started with {path}, which is not there.", path=config.shown(project)
    )
    title = t("the named config is missing")
    return RULE.finding(title, message, config.span, severity="error", confidence="medium")


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(1_000_000)
    except OSError:
        return None


RULE = Rule("SC305", "config-not-loaded", "warning", "high", check)
