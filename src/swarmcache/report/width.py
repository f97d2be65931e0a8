"""Text as a terminal shows it: how wide it is, and nothing hidden in it."""

from __future__ import annotations

from functools import lru_cache

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder or hide text, or cannot be encoded."""
_OPENING, _CLOSING = "（《「『【“", "，。、：；？！）》」』】”"
_PIECES = (
    rf" +|[{_OPENING}]*(?:[\u3400-\u9fff]|[^ \u3400-\u9fff{_OPENING}{_CLOSING}]+)?[{_CLOSING}]*"
)
"""What a line is made of: blanks, words, and Chinese characters with the signs around them."""


def visible(text: str) -> str:
    r"""Return `text` on one line with everything that a terminal would act upon spelled out.

    A file named `a\x1b[2K` or `a\nb` must not erase or forge a line of ours, nor may a
    right-to-left override reorder it. A byte that is no UTF-8, which `os.listdir` returns as a
    surrogate, is written as `\xff`.
    """
    if text.isprintable():
        return text
    return "".join(_spell(char) for char in text)


def _spell(char: str) -> str:
    from unicodedata import category  # noqa: PLC0415 - only for names that need it

    if char in _ESCAPES:
        return _ESCAPES[char]
    if category(char) not in _HIDDEN:
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - PEP 383 hides byte 0x80 + n at U+DC80 + n
        code -= 0xDC00
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def display_width(text: str) -> int:
    """Return how many columns `text` takes: 2 for Chinese, 0 for a combining mark."""
    return len(text) if text.isascii() else _wide(text)


@lru_cache(maxsize=1024)
def _wide(text: str) -> int:
    return sum(map(_char_width, text))


@lru_cache(maxsize=1024)
def _char_width(char: str) -> int:
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - ASCII never needs it

    if category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1


def wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` columns, unless one word alone is wider.

    A line may end at a blank and beside any Chinese character, but none begins with a closing
    sign such as `，` and none ends with an opening one.
    """
    import re  # noqa: PLC0415 - compiled where first used: 2 ms, for Chinese alone

    lines = [""]
    for piece in re.findall(_PIECES, text):
        if display_width(lines[-1] + piece.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def shorten(text: str, width: int) -> str:
    """Return `text` cut to at most `width` columns, the last of them `…` when it was cut."""
    if display_width(text) <= width:
        return text
    kept, used = 0, 0
    for char in text:
        used += display_width(char)
        if used > width - 1:
            break
        kept += 1
    return text[:kept] + "…"
