"""What notebooks start in shells: each with what `%env` has set before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.roots import inherited
from swarmcache.project.effective.walk import Walk
from swarmcache.project.readers.notebook import Setting
from swarmcache.project.readers.shell.reading import read_script
from swarmcache.project.readers.shell.syntax import (
    Assignment,
    Declare,
    Opaque,
    Script,
    Subshell,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.readers.notebook import Shell
    from swarmcache.project.readers.shell.syntax import Statement
    from swarmcache.project.study import Project


def executions_of_notebooks(project: Project) -> Iterator[Execution]:
    """Yield what is run by `!` and in cells for a shell, from top to bottom."""
    for notebook in project.notebooks:
        body = tuple(map(_statement, notebook.steps))
        if any(isinstance(one, Subshell) for one in body):
            home = project.environment.home
            root = Root("notebook", notebook.source.file, None, home, None)
            walk = Walk(root, project.scripts.get, project.folder)
            variables = inherited(project.environment, project.folder)
            walk.run(Script(notebook.source, body), State(variables, project.folder))
            yield from walk.executions


def _statement(step: Setting | Shell) -> Statement:
    if isinstance(step, Setting):
        parts = (Opaque(""),) if step.value is None else (step.value,) if step.value else ()
        value = Word(parts, step.span, quoted=True)
        return Declare("export", (Assignment(step.name, value, step.span),), (), step.span)
    script = read_script(step.source)
    return Subshell(script.body, step.source.span(0, 0))
