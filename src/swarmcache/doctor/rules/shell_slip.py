"""SC506: `pip install x>=1` without quotes, which writes a file named `=1`.

The shell takes `>` for a redirection: pip is asked for `x`, whatever version, and a file is
written. The bound that somebody wanted does not hold.

What it cannot know: nothing more; a file whose name begins with `=` is never meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.installing import installs
from swarmcache.project.edits import Edit
from swarmcache.project.readers.shell.syntax import Command
from swarmcache.project.readers.shell.within import statements
from swarmcache.project.readers.shell.written import with_written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.readers.shell.syntax import Word
    from swarmcache.project.sources import Source

_SHOWN = 8


def check(case: Case) -> Iterator[Finding]:
    """Find them in every shell script, called or not; those of one file are one finding."""
    found: dict[str, list[tuple[Word, Fix | None]]] = {}
    for script in with_written(case.project.scripts.values()):
        for one, _ in statements(script.body):
            if isinstance(one, Command) and one.redirects and _is_pip(one):
                for target in _slips(one):
                    fix = _quoted(one.words[-1], target, script.source)
                    found.setdefault(target.span.file, []).append((target, fix))
    for slips in found.values():
        yield _found(slips)


def _is_pip(command: Command) -> bool:
    return installs(tuple(word.literal for word in command.words)) is not None


def _slips(command: Command) -> Iterator[Word]:
    for redirect in command.redirects:
        target = redirect.target
        if target is not None and redirect.operator == ">" and (target.literal or "")[:1] == "=":
            yield target


def _found(slips: Sequence[tuple[Word, Fix | None]]) -> Finding:
    (first, _), *others = slips
    fixes = [one for _, one in slips if one is not None]
    message = t(
        "The shell takes {bound} for a redirection: pip installs any version, and a file named"
        " {name} is written.",
        bound=f">{first.literal}",
        name=f"'{first.literal}'",
    )
    edits = tuple(edit for one in fixes for edit in one.edits)
    fix = Fix("unsafe", fixes[0].description, edits) if fixes else None
    return RULE.finding(
        t("a version bound that becomes a file"),
        message,
        first.span,
        evidence=[Evidence(one.span, t("so does this")) for one, _ in others[:_SHOWN]],
        fix=fix,
    )


def _quoted(word: Word, target: Word, source: Source) -> Fix | None:
    """Return the fix, if the name of the package stands right before the sign."""
    start, end = word.span.start, target.span.end
    text = source.data[start:end].decode("utf-8", "replace")
    if source.data[word.span.end : target.span.start] != b">" or "'" in text:
        return None
    edit = Edit(target.span.file, start, end, f"'{text}'")
    return Fix("unsafe", t("Quote it: {text}", text=f"'{text}'"), (edit,))


RULE = Rule("SC506", "shell-slip", "warning", "high", check)
