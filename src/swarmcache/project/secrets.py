"""Tokens in files: where they stand, and how a line is shown that holds one.

No output shows a token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS: dict[str, str] = {
    "Hugging Face": r"\bhf_[A-Za-z0-9]{20,}|\bapi_org_[A-Za-z0-9]{20,}",
    "GitHub": r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    "OpenAI": r"\bsk-[A-Za-z0-9_-]{20,}",
    "AWS": r"\bAKIA[0-9A-Z]{16}\b",
    "Telegram": r"\b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b",
}
"""Tokens of the Hub, and of others that training projects use beside it, by who gives them."""
_ANY = "|".join(f"(?:{pattern})" for pattern in _KINDS.values())
SECRET = re.compile(_ANY)
_SECRET_BYTES = re.compile(_ANY.encode())
_PREFIX = re.compile(r"hf_|api_org_|gh[pousr]_|github_pat_|sk-|AKIA|[0-9]+:")
_PLACEHOLDER = re.compile(
    r"x{4}|your|token|example|replace|insert|dummy|fake|test|1234|abcd|(.)\1{4}", re.IGNORECASE
)
_OPENAI = "T3BlbkFJ"
"""What stands within every key of OpenAI; others begin with `sk-` as well, and Dify's own
SECRET_KEY, which everybody has, does."""
_LEAST_DIFFERENT = 10
"""Characters; what has fewer is no random text."""


class Secret(NamedTuple):
    """A token in a file."""

    giver: str
    """Whose token it is: `Hugging Face`."""
    start: int
    """Its first byte."""
    end: int
    shown: str
    """What may be shown of it."""


def redacted(text: str) -> str:
    """Return a text in which everything that looks like a token is cut to its first characters."""
    return SECRET.sub(lambda match: _cut(match[0]), text)


def secrets_in(data: bytes) -> Iterator[Secret]:
    """Yield the tokens of a file's content, without what only stands for one (`hf_xxxx`)."""
    for match in _SECRET_BYTES.finditer(data):
        text = match[0].decode("ascii")
        if _is_random(text) and (not text.startswith("sk-") or _OPENAI in text):
            yield Secret(_giver(text), match.start(), match.end(), _cut(text))


def _cut(text: str) -> str:
    return f"{text[:4]}…"


def _giver(text: str) -> str:
    return next(name for name, pattern in _KINDS.items() if re.fullmatch(pattern, text))


def _is_random(text: str) -> bool:
    """Tell whether a text is a token by its look: letters of both cases, no pattern in them."""
    body = _PREFIX.sub("", text)
    both = body.lower() != body != body.upper() or text.startswith("AKIA")
    return both and len(set(body)) >= _LEAST_DIFFERENT and not _PLACEHOLDER.search(body)
