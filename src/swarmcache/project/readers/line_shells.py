"""Shells whose scripts are read line by line: csh, fish, Windows' cmd and PowerShell.

Only what a line says by itself is taken: variables that are set for programs, and programs that
are started. What stands in a block is run, or not; what a line has that is not plain is not known.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import (
    Arm,
    Assignment,
    Branch,
    Command,
    Declare,
    Opaque,
    Script,
    Unset,
    Variable,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.shell.syntax import Part, Statement
    from swarmcache.project.sources import Source, Span

Dialect: TypeAlias = Literal["csh", "fish", "batch", "powershell"]


class _Rules(NamedTuple):
    """How one of these shells is read."""

    exports: re.Pattern[str]
    """A variable that programs see: `name`, and `value` unless it is taken away."""
    opens: re.Pattern[str]
    closes: re.Pattern[str]
    comment: re.Pattern[str]
    joined: str
    """What goes on with the next line."""
    variables: re.Pattern[str]
    """How a variable's value is put in, where that is no `$NAME`."""
    windows: bool


_DOLLARS = re.compile(r"(?!)")
_RULES: dict[Dialect, _Rules] = {
    "csh": _Rules(
        re.compile(r"(?:un)?setenv\s+(?P<name>\w+)(?:\s+(?P<value>.+))?"),
        re.compile(r"(?:else\s+)?if\s*\(.*\)\s*then|(?:foreach|while|switch)\s*\(?.*|else"),
        re.compile(r"endif|end|endsw|else.*"),
        re.compile(r"#.*"),
        "\\",
        _DOLLARS,
        windows=False,
    ),
    "fish": _Rules(
        re.compile(
            r"set\s+(?:-e\s+(?:-\w+\s+)*|(?:-[gUl]*x[gUl]*|-[gUl]\s+-x|--export)\s+(?:-\w+\s+)*)"
            r"(?P<name>\w+)(?:\s+(?P<value>.+))?"
        ),
        re.compile(r"(?:if|while|for|switch|function|begin|else)\b.*"),
        re.compile(r"end|else.*"),
        re.compile(r"#.*"),
        "\\",
        _DOLLARS,
        windows=False,
    ),
    "batch": _Rules(
        re.compile(r"@?set\s+(?P<q>\"?)(?P<name>\w+)=(?P<value>[^\"]*?)(?P=q)\s*", re.IGNORECASE),
        re.compile(r"@?(?:if|for|else|\)\s*else)\b.*\(\s*", re.IGNORECASE),
        re.compile(r"\).*"),
        re.compile(r"@?(?:rem\b|::).*", re.IGNORECASE),
        "^",
        re.compile(r"[%!](?P<name>\w+)[%!]"),
        windows=True,
    ),
    "powershell": _Rules(
        re.compile(r"\$env:(?P<name>\w+)\s*=\s*(?P<value>.*)", re.IGNORECASE),
        re.compile(r".*\{\s*"),
        re.compile(r"\}.*"),
        re.compile(r"#.*"),
        "`",
        re.compile(r"\$(?:env:|\{env:)?(?P<name>\w+)\}?", re.IGNORECASE),
        windows=True,
    ),
}
_STARTS = re.compile(r"^(?:@|&\s*|call\s+|start\s+(?:\"[^\"]*\"\s+)?(?:/\w+\s+)*)+", re.IGNORECASE)
_PLACE = re.compile(r"[A-Za-z]:|.*\\")
_PLAIN = re.compile(r"[\w./:@%+,~ -]*")
_MAX_LINES = 5000


def read_line_script(source: Source, dialect: Dialect) -> Script:
    """Return a script of one of these shells as statements."""
    rules = _RULES[dialect]
    body: list[Statement] = []
    depth = 0
    for text, span in _lines(source, rules):
        if rules.closes.fullmatch(text):
            depth = max(0, depth - 1)
        if rules.opens.fullmatch(text):
            depth += 1
            continue
        statement = _statement(text, span, rules)
        if statement is not None:
            inside = Branch((Arm((), (statement,), text),), False, span) if depth else statement
            body.append(inside)
    return Script(source, tuple(body))


def _lines(source: Source, rules: _Rules) -> Iterator[tuple[str, Span]]:
    """Yield the lines that say something, those together that are joined."""
    whole, begin, at = "", 0, 0
    for line in source.data.splitlines(keepends=True)[:_MAX_LINES]:
        start, at = at, at + len(line)
        text = line.decode("utf-8", "replace").strip()
        begin = begin if whole else start
        if text.endswith(rules.joined):
            whole += text[:-1] + " "
            continue
        whole += text
        lead = len(source.data[begin:at]) - len(source.data[begin:at].lstrip())
        end = begin + len(source.data[begin:at].rstrip())
        if whole and not rules.comment.fullmatch(whole):
            yield whole, source.span(begin + lead, max(end, begin + lead))
        whole = ""


def _statement(text: str, span: Span, rules: _Rules) -> Statement | None:
    if match := rules.exports.fullmatch(text):
        value = (match["value"] or "").strip()
        gone = text.startswith(("unsetenv", "set -e")) or (rules.windows and value in {"", '""'})
        if gone:
            return Unset((match["name"],), span)
        word = _word(value, span, rules)
        return Declare("export", (Assignment(match["name"], word, span),), (), span)
    words = _split(_STARTS.sub("", text), rules)
    if not words or "=" in words[0] or not re.match(r"[\w./~$%\"'-]", words[0]):
        return None
    return Command(tuple(_word(word, span, rules) for word in words), (), (), span)


def _split(text: str, rules: _Rules) -> list[str]:
    try:
        lexer = shlex.shlex(text, posix=False, punctuation_chars=";|&><")
        lexer.whitespace_split, lexer.commenters = True, "" if rules.windows else "#"
        words = list(lexer)
    except ValueError:
        return []
    ends = next((i for i, word in enumerate(words) if set(word) <= set(";|&><")), len(words))
    return words[:ends]


def _word(text: str, span: Span, rules: _Rules) -> Word:
    """Return a word; of a path of Windows only that there is one."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    bare = text[1:-1] if quoted else text
    if rules.windows:
        if _PLACE.match(bare) or not _PLAIN.fullmatch(rules.variables.sub("x", bare)):
            return Word((Opaque(text),), span, quoted)
        parts = _filled(bare, rules)
    elif quoted and text[0] == "'":
        parts = [bare] if bare else []
    else:
        parts = list(interpolated(bare, span))
        if any(sign in bare for sign in "`(*?["):
            parts = [Opaque(text)]
        if not quoted and (bare == "~" or bare.startswith("~/")):
            parts = [Variable("HOME"), bare[1:]]
    return Word(tuple(part for part in parts if part != ""), span, quoted)


def _filled(text: str, rules: _Rules) -> list[Part]:
    found: list[Part] = []
    at = 0
    for match in rules.variables.finditer(text):
        found += [text[at : match.start()], Variable(match["name"])]
        at = match.end()
    return [*found, text[at:]]
