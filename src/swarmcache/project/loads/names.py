"""Which models a load site really gets, where a variable or an option of the program decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.arguments import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.loads.values import Load
    from swarmcache.project.study import Project


def effective_names(project: Project, load: Load) -> tuple[str, ...]:
    """Return the names that a site may load in the programs in sight, as far as they are known.

    Where no variable decides, or no program in sight gets there, these are the site's own.
    """
    variable = load.name.variable if load.name is not None else ""
    if load.name is not None and load.name.flags:
        return _by_option(project, load, load.name.flags)
    if not variable:
        return load.repos
    found: dict[str, None] = {}
    executions = list(_executions(project, load))
    for execution in executions:
        for setting in execution.variable(variable):
            if setting is None or setting.value == "":
                found |= dict.fromkeys(load.repos)
            elif setting.value is not None:
                found[setting.value] = None
    return tuple(found) if executions else load.repos


def _by_option(project: Project, load: Load, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Return what command lines give, and the default for those that give nothing."""
    executions = list(_executions(project, load))
    found: dict[str, None] = {}
    for execution in executions:
        given = option(execution, *flags)
        found |= dict.fromkeys(load.repos if given is None else given.known)
    return tuple(found) if executions else load.repos


def _executions(project: Project, load: Load) -> Iterator[Execution]:
    """Yield the programs that get to a site."""
    if load.way == "config":
        for one in project.loads_in_configs:
            if one.load.span == load.span:
                yield one.config.loader.execution
        return
    here = {module.name for module in project.modules if module.source.file == load.span.file}
    for loader in project.loaders:
        if not here.isdisjoint(loader.modules):
            yield loader.execution
