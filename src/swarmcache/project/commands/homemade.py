"""Checks of a cache that scripts make themselves, and why they answer wrongly."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.effective.values import of
from swarmcache.project.readers.shell.syntax import Branch, Declare, Function, Opaque
from swarmcache.project.readers.shell.within import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.readers.shell.syntax import Script, Statement
    from swarmcache.project.sources import Span

_TEST = re.compile(r"-[de]\s+[\"']?\$\{?(?P<folder>\w+)\}?/models--\$\{?(?P<slug>\w+)\}?[\"']?")
"""`[ -d "$cache_dir/models--$slug" ]`."""
_ONE_DASH = re.compile(
    r"s([/|#,:])(?:\\?/|\[/\])\1-\1|tr\s+['\"]?/['\"]?\s+['\"]?-+['\"]?|//\\?//-\}"
)
"""`sed 's/\\//-/g'`, `tr / -` (which knows single characters only) and `${name//\\//-}`."""


class Homemade(NamedTuple):
    """A test whether a model's folder is in the cache."""

    span: Span
    slug: Span | None
    """Where a name gets one dash where the Hub writes two; None where it does not."""
    folder: str | None
    """Where it looks, absolute; None where that is not known."""


def homemade_checks(script: Script, executions: Iterable[Execution]) -> Iterator[Homemade]:
    """Yield the tests of a script; `executions` tell what its variables are."""
    mine = [one for one in executions if one.span.file == script.source.file]
    for one, around in statements(script.body):
        if not isinstance(one, Branch):
            continue
        function = next((o for o in reversed(around) if isinstance(o, Function)), None)
        body = function.body if function is not None else script.body
        for arm in one.arms:
            match = _TEST.search(arm.text)
            if match is not None:
                slug = _one_dash(body, match["slug"])
                inside = _inside(mine, one.span)
                yield Homemade(one.span, slug, _folder(inside, match["folder"]))


def _one_dash(body: Iterable[Statement], name: str) -> Span | None:
    for one, _ in statements(body):
        if not isinstance(one, Declare):
            continue
        for assignment in one.assignments:
            opaque = [part.text for part in assignment.value.parts if isinstance(part, Opaque)]
            if assignment.name == name and any(map(_ONE_DASH.search, opaque)):
                return assignment.span
    return None


def _inside(executions: Iterable[Execution], span: Span) -> Execution | None:
    """Return a command of a branch, whose variables are those of the test."""
    for one in executions:
        if span.start <= one.span.start and one.span.end <= span.end:
            return one
    return None


def _folder(execution: Execution | None, name: str) -> str | None:
    settings = of(execution.variables, name) if execution is not None else ()
    values = {setting.value if setting is not None else None for setting in settings}
    value = values.pop() if len(values) == 1 else None
    return os.path.normpath(value) if value and value.startswith("/") else None
