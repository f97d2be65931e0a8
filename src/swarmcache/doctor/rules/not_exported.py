"""SC111: a variable is assigned in a script, and never exported: programs do not see it.

Nor do they see what `!export` in a notebook or `os.system("export …")` sets: that shell ends at
once, and takes its environment along.

What it cannot know: a script that is sourced by another one under `set -a` which is not in the
project.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.variables import KNOWN
from swarmcache.locale import t
from swarmcache.project.edits import Edit
from swarmcache.project.effective.values import of
from swarmcache.project.readers.lone_export import exported_alone
from swarmcache.project.readers.notebook import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.readers.notebook import Notebook
    from swarmcache.project.readers.python.syntax import Module
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_USER = frozenset({"XDG_CACHE_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})
"""Names that scripts use for themselves as well: a token goes to `hf auth login`."""
_PLAIN = re.compile(rb"\w+=(?:[^\s$`\"'\\;&|]*|\"[^\"`(]*\"|'[^']*')")


def check(case: Case) -> Iterator[Finding]:
    """Find variables of the Hub, or of a model's name, that stay in the shell."""
    seen: set[Span] = set()
    for loader in case.project.loaders:
        for name in sorted((KNOWN - _USER) | _pins(loader, case.project)):
            span = _kept(name, loader)
            if span is not None and span not in seen:
                seen.add(span)
                yield _found(name, span, loader, case.project)
    yield from _lost(case.project)


def _lost(project: Project) -> Iterator[Finding]:
    """Find what is exported in a shell that ends at once, and is set nowhere else in that file."""
    for module in project.modules:
        written = {write.name for write in module.writes}
        for one in module.lost:
            if one.name in KNOWN - written:
                yield _of_own_shell(one.name, one.span, f'os.environ["{one.name}"] = "…"')
    for notebook in project.notebooks:
        written = {step.name for step in notebook.steps if isinstance(step, Setting)}
        written |= {w.name for m in project.modules if _is_of(m, notebook) for w in m.writes}
        for step in notebook.steps:
            name = None if isinstance(step, Setting) else exported_alone(step.source.text)
            if name in KNOWN - written:
                span = step.source.span(0, 0)  # type: ignore[union-attr]
                yield _of_own_shell(name, span, f"%env {name}=…")


def _is_of(module: Module, notebook: Notebook) -> bool:
    return module.source.path == notebook.source.path


def _of_own_shell(name: str, span: Span, better: str) -> Finding:
    message = t(
        "{name} is exported in a shell of its own here, which ends at once: neither this program"
        " nor any later command sees it.",
        name=name,
    )
    return RULE.finding(
        t("exported where it has no effect"), message, span, fix=Fix("display", better)
    )


def _pins(loader: Loader, project: Project) -> set[str]:
    found = (one for one in project.loads_in_configs if one.config.loader is loader)
    return {one.load.name.variable for one in found if one.load.name is not None} - {""}


def _kept(name: str, loader: Loader) -> Span | None:
    """Return where a variable is assigned that holds something, and that no way exports."""
    execution = loader.execution
    if execution.program.resets:
        return None
    filled = [one for one in of(execution.variables, name) if one is not None and one.value != ""]
    if not filled or any(one.exported for one in filled):
        return None
    given = any(f"${name}" in part or f"${{{name}" in part for part in _texts(execution.command))
    return None if given else filled[0].span


def _texts(command: object) -> Iterator[str]:
    """Yield the variables that a command's own words use, as `$NAME`."""
    for word in command.words:  # type: ignore[attr-defined]
        yield from (f"${part.name}" for part in word.parts if hasattr(part, "name"))


def _found(name: str, span: Span, loader: Loader, project: Project) -> Finding:
    message = t(
        "{name} is set here and not exported: {program} does not see it.",
        name=name,
        program=loader.entry,
    )
    title = t("set, but not exported")
    return RULE.finding(title, message, span, fix=_fix(name, span, project))


def _fix(name: str, span: Span, project: Project) -> Fix:
    description = t("Export it: export {name}", name=name)
    source = project.source(span.file)
    if source is None:
        return Fix("display", description)
    line = source.data.rfind(b"\n", 0, span.start) + 1
    alone = not source.data[line : span.start].strip()
    if not alone or not source.data.startswith(name.encode() + b"=", span.start):
        return Fix("display", description)
    plain = _PLAIN.fullmatch(source.data[span.start : span.end]) is not None
    edit = Edit(span.file, span.start, span.start, "export ")
    return Fix("safe" if plain else "unsafe", description, (edit,))


RULE = Rule("SC111", "not-exported", "warning", "high", check)
