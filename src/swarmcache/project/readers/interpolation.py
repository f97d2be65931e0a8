r"""The grammar of OmegaConf's interpolations: text to a tree of references and calls.

    ${a.b.0.c}  ${a[b]}              a reference from the top of the config
    ${.x}  ${..x}                    from the mapping that holds it, or the one around that
    ${oc.env:NAME, default}          a call; its arguments are typed: 1, true, null, 'text', [a, b]
    \${x}                            the four characters themselves

Any part may hold further interpolations. Source: the grammar files of omegaconf 2.3 and 2.4
(`OmegaConfGrammarLexer.g4`, `OmegaConfGrammarParser.g4`); a property test compares the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHOLE = r"(?:0|[1-9](?:_?[0-9])*)"
_DIGITS = r"[0-9](?:_?[0-9])*"
_POINT = rf"(?:{_WHOLE}\.|{_WHOLE}?\.{_DIGITS})"
_INTEGER = re.compile(rf"[+-]?{_WHOLE}")
_FLOAT = re.compile(
    rf"[+-]?(?:{_POINT}|(?:{_WHOLE}|{_POINT})[eE][+-]?{_DIGITS}|inf|nan)", re.IGNORECASE
)
_KEY = re.compile(r"[^\\${}()\[\]:. \t'\"]+")
_BARE = re.compile(r"[A-Za-z0-9_/\-+.$%*@?|: \t]")
_ESCAPABLE = "\\()[]{}:=, \t"
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}


class BadInterpolation(ValueError):
    """The text holds `${` but OmegaConf's grammar refuses it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`${..a.b}`: another value of the same config."""

    dots: int
    """How many dots lead: 0 starts at the top, 1 at the mapping around the value."""
    keys: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`${name:argument,…}`: a resolver, registered by OmegaConf or by the project."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """An unquoted argument that is no text: a number, a truth value or null."""

    value: object


@dataclass(frozen=True, slots=True)
class Quoted:
    """An argument in quotes, which is text whatever stands in it."""

    text: Text


@dataclass(frozen=True, slots=True)
class Items:
    """`[a, b]` as an argument."""

    items: tuple[Argument, ...]


Interpolation = Reference | Call
Text = tuple[str | Interpolation, ...]
Argument = Text | Quoted | Literal | Items


def parse(text: str) -> Text:
    """Return the parts of a YAML string: literal text, references and calls.

    Raises BadInterpolation where OmegaConf would refuse the string.
    """
    if "${" not in text:
        return (text,)
    return _Parser(text).top()


class _Parser:
    """Recursive descent over one string."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def top(self) -> Text:
        return self.quotable(end="")

    def quotable(self, end: str) -> Text:
        """Read text up to the quote `end`; backslashes count only before `${` and the quote."""
        parts: list[str | Interpolation] = []
        while self.at < len(self.text):
            slashes = self.run_of("\\")
            special = self.looking_at("${") or bool(end and self.looking_at(end))
            if not special:
                parts.append("\\" * slashes or self.take(1))
                continue
            parts.append("\\" * (slashes // 2))
            if slashes % 2:
                parts.append(self.take(2 if self.looking_at("${") else 1))
            elif self.looking_at("${"):
                parts.append(self.interpolation())
            else:
                return _joined(parts)
        if end:
            raise BadInterpolation(self.text)
        return _joined(parts)

    def interpolation(self) -> Interpolation:
        self.expect("${")
        self.spaces()
        dots = self.run_of(".")
        keys: list[Text] = [self.key()]
        while self.skip(".") or self.looking_at("["):
            keys.append(self.key())
        self.spaces()
        if self.skip("}"):
            return Reference(dots, tuple(keys))
        if self.looking_at(":") and not dots:
            return self.call(keys)
        raise BadInterpolation(self.text)

    def key(self) -> Text:
        bracket = self.skip("[")
        if self.looking_at("${"):
            found: Text = (self.interpolation(),)
        else:
            match = _KEY.match(self.text, self.at)
            if match is None:
                raise BadInterpolation(self.text)
            self.at = match.end()
            found = (match[0],)
        if bracket:
            self.expect("]")
        return found

    def call(self, keys: list[Text]) -> Call:
        names = [part for key in keys for part in key]
        if not all(isinstance(name, str) for name in names):
            raise BadInterpolation(self.text)
        self.expect(":")
        arguments = self.arguments("}")
        return Call(".".join(map(str, names)), arguments)

    def arguments(self, end: str) -> tuple[Argument, ...]:
        found: list[Argument] = []
        self.spaces()
        if self.skip(end):
            return ()
        while True:
            found.append(self.argument(end))
            self.spaces()
            if self.skip(end):
                return tuple(found)
            self.expect(",")

    def argument(self, end: str) -> Argument:
        self.spaces()
        for quote in ("'", '"'):
            if self.skip(quote):
                text = self.quotable(end=quote)
                self.expect(quote)
                return Quoted(text)
        if self.skip("["):
            return Items(self.arguments("]"))
        return self.bare(end)

    def bare(self, end: str) -> Argument:
        parts: list[str | Interpolation] = []
        plain = True
        kept = 0  # Escaped blanks at the end stay, plain ones go.
        while not (self.looking_at(",") or self.looking_at(end)):
            if self.looking_at("${"):
                parts.append(self.interpolation())
            elif self.looking_at("\\"):
                self.take(1)
                escaped = self.at < len(self.text) and self.text[self.at] in _ESCAPABLE
                parts.append(self.take(1) if escaped else "\\")
                plain = False
            elif _BARE.match(self.text, self.at):
                character = self.take(1)
                parts.append(character)
                if character in " \t":
                    continue
            else:
                raise BadInterpolation(self.text)
            kept = len(parts)
        text = _joined(parts[:kept])
        return _typed(text) if plain else text

    def looking_at(self, word: str) -> bool:
        return self.text.startswith(word, self.at)

    def skip(self, word: str) -> bool:
        found = self.looking_at(word)
        self.at += len(word) * found
        return found

    def expect(self, word: str) -> None:
        if not self.skip(word):
            raise BadInterpolation(self.text)

    def take(self, count: int) -> str:
        taken = self.text[self.at : self.at + count]
        self.at += count
        return taken

    def run_of(self, character: str) -> int:
        start = self.at
        while self.looking_at(character):
            self.at += 1
        return self.at - start

    def spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1


def _joined(parts: list[str | Interpolation]) -> Text:
    """Return the parts with neighbouring texts made one and empty ones left out."""
    joined: list[str | Interpolation] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, str) and isinstance(last, str):
            joined[-1] = last + part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def _typed(text: Text) -> Argument:
    if len(text) != 1 or not isinstance(text[0], str):
        return text
    word = text[0]
    if word.lower() in _WORDS:
        return Literal(_WORDS[word.lower()])
    if _INTEGER.fullmatch(word):
        return Literal(int(word))
    if _FLOAT.fullmatch(word):
        return Literal(float(word))
    return text
