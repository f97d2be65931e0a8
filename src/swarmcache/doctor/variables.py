"""What the project's programs that load models find in one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.effective.served import serves_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Span


class Seen(NamedTuple):
    """A value that a program may find."""

    value: str
    span: Span
    """Where it is set; of what the user has set, where the program is started."""
    execution: Execution | None
    """The program; None where Python code sets it for itself."""


def seen_values(case: Case, name: str) -> Iterator[Seen]:
    """Yield the values that are known, each place once."""
    found: set[tuple[Span, str]] = set()
    for one in _seen(case, name):
        if (one.span, one.value) not in found:
            found.add((one.span, one.value))
            yield one


def _seen(case: Case, name: str) -> Iterator[Seen]:
    for loader in case.project.loaders:
        for setting in loader.execution.variable(name):
            if setting is not None and setting.value is not None:
                place = setting.span or loader.execution.span
                yield Seen(setting.value, place, loader.execution)
    for module in case.project.modules:
        for write in module.writes:
            value = write.value.value if write.value is not None else None
            if write.name == name and isinstance(value, str):
                yield Seen(value, write.span, None)


def left_unset(case: Case, name: str) -> Execution | None:
    """Return a program that never finds the variable, whatever way its script takes."""
    if any(write.name in {name, ""} for module in case.project.modules for write in module.writes):
        return None  # Python sets it itself, or a dotenv file might.
    return next(
        (
            loader.execution
            for loader in case.project.loaders
            if not any(loader.execution.variable(name))
            and not serves_folder(loader.execution)
            and loader.execution.root.kind != "notebook"
            and not may_be_offline(loader.execution)
        ),
        None,
    )


def may_be_offline(execution: Execution) -> bool:
    """Tell whether a program is told, on some way, to ask nobody; then no timeout matters."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        values = [one.value for one in execution.variable(name) if one is not None]
        if any(value not in {None, "", "0"} for value in values):
            return True
    return False
