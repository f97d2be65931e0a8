"""Words of a shell: which of their parts are text, and which depend on variables or on running."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from swarmcache.project.readers.shell.syntax import (
    Array,
    Items,
    Opaque,
    Operator,
    ScriptFolder,
    Variable,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source

_OPERATORS = frozenset(get_args(Operator)) - {"", "other"}
_HERE = re.compile(r"[$`]\(?\s*pwd(?:\s+-[LP])?\s*\)?`?")
_OWN_FOLDER = re.compile(
    r"""[$`]\(?\s*(?:cd\s+.*)?(?:--\s*)?["']?[$`]\(?\s*dirname\s+(?:--\s*)?
        ["']?\$(?:\{BASH_SOURCE(?:\[0\])?[^}]*\}|BASH_SOURCE|0|\{0\})["']?\s*\)?`?["']?.*""",
    re.VERBOSE | re.DOTALL,
)
"""`$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)` in its spellings."""
_OWN_FOLDER_PLAIN = re.compile(r"""[$`]\(?\s*dirname\s+["']?(?:\$0|\$\{BASH_SOURCE.*)["']?.*""")
_ITEMS = re.compile(r"\$\{(\w+)\[@\]\}")
_MAX_DEPTH = 40
"""Words within words, as in `${A:-${B:-c}}`."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Words:
    """Reads words of one source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._depth = 0

    def word(self, node: Node) -> Word:
        """Return a word of a command; a leading `~` outside of quotes is the home."""
        span = self._source.span(node.start_byte, node.end_byte)
        if self._depth > _MAX_DEPTH:
            return Word((Opaque(self._text(node)),), span)
        self._depth += 1
        parts = _joined(self._parts(node))
        self._depth -= 1
        quoted = node.type in {"string", "raw_string", "ansi_c_string"}
        if parts and isinstance(parts[0], str) and not _is_quoted_at_start(node):
            parts = _with_home(parts)
        return Word(tuple(parts), span, quoted)

    def assigned(self, node: Node, value: Node | None, *, known: bool) -> Word:
        """Return the value of an assignment; the empty word for `NAME=`."""
        if value is not None and value.type == "array":
            items = tuple(
                self.word(c) for c in value.children if c.is_named and c.type != "comment"
            )
            span = self._source.span(node.start_byte, node.end_byte)
            more = any(child.type == "+=" for child in node.children)
            return Word((Array(items, more),), span)
        if not known:
            span = self._source.span(node.start_byte, node.end_byte)
            return Word((Opaque(self._text(node)),), span)
        if value is None:
            return Word((), self._source.span(node.end_byte, node.end_byte))
        return self.word(value)

    def _text(self, node: Node) -> str:
        return self._source.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _parts(self, node: Node) -> list[Part]:
        if node.type == "concatenation":
            return [part for child in node.children for part in self._parts(child)]
        if node.type in {"string", "translated_string"}:
            return self._string(node)
        if node.type in {"simple_expansion", "expansion"}:
            return [self._expansion(node)]
        read = _PLAIN.get(node.type, Opaque)
        return [read(self._text(node))]

    def _string(self, node: Node) -> list[Part]:
        """Return the parts of a double-quoted string; blanks between them are no nodes."""
        found: list[Part] = []
        at = node.start_byte + 1
        for child in node.children:
            if child.type == '"':
                continue
            gap = self._source.data[at : child.start_byte].decode("utf-8", "replace")
            found += [gap] if gap else []
            found += self._parts(child)
            at = child.end_byte
        gap = self._source.data[at : max(at, node.end_byte - 1)].decode("utf-8", "replace")
        return [*found, gap] if gap else found

    def _expansion(self, node: Node) -> Part:
        """`$NAME`, `${NAME}`, `${NAME:-word}`; all other operators stay opaque."""
        text = self._text(node)
        if match := _ITEMS.fullmatch(text):
            return Items(match[1])
        names = [c for c in node.children if c.type in {"variable_name", "special_variable_name"}]
        if len(names) != 1 or node.children[1 if node.type == "expansion" else 0].type == "!":
            return Opaque(text)
        name, operator = self._text(names[0]), ""
        word: Word | None = None
        for child in node.children:
            if child.type in _OPERATORS:
                operator = child.type
            elif child.type not in {"${", "}", "$"} and child != names[0]:
                if not operator:
                    return Opaque(text)
                word = self.word(child)
        if operator and word is None:
            word = Word((), self._source.span(node.end_byte - 1, node.end_byte - 1))
        return Variable(name, operator, word)  # type: ignore[arg-type]


def _substituted(text: str) -> Part:
    if _HERE.fullmatch(text):
        return Variable("PWD")
    if _OWN_FOLDER.fullmatch(text) or _OWN_FOLDER_PLAIN.fullmatch(text):
        return ScriptFolder()
    return Opaque(text)


def _ansi(text: str) -> str:
    inner = text[2:-1]
    plain = {"n": "\n", "t": "\t", "r": "\r"}
    return _ESCAPED.sub(lambda match: plain.get(match[1], match[1]), inner)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _quoted(text: str) -> str:
    r"""Return what stands between double quotes, where a backslash is for `$`, `"`, `\` only."""
    return re.sub(r"\\([$`\"\\\n])", lambda match: match[1].strip("\n"), text)


_PLAIN: dict[str, Callable[[str], Part]] = {
    **dict.fromkeys(("word", "number", "extglob_pattern", "regex", "test_operator"), _unescaped),
    "string_content": _quoted,
    "raw_string": lambda text: text[1:-1],
    "ansi_c_string": _ansi,
    "command_substitution": _substituted,
}
"""By the node's type, what its text stands for."""


def _joined(parts: list[Part]) -> list[Part]:
    """Return the parts with neighbouring texts made one."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, str) and isinstance(last, str):
            found[-1] = last + part
        elif part != "":
            found.append(part)
    return found


def _is_quoted_at_start(node: Node) -> bool:
    while node.type == "concatenation" and node.children:
        node = node.children[0]
    return node.type in {"string", "raw_string", "ansi_c_string"}


def _with_home(parts: list[Part]) -> list[Part]:
    first = str(parts[0])
    if first == "~" or first.startswith("~/"):
        rest: list[Part] = [first[1:]] if first[1:] else []
        return [Variable("HOME"), *rest, *parts[1:]]
    return parts
