"""JSON files that loaders parse: whether they are JSON objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.structure.outcomes import Flawed, Sound, Unexamined
from swarmcache.hubcache.foreign_json import parse
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.structure.content import Content
    from swarmcache.hubcache.complete.structure.outcomes import Examined

MAX_SIZE = 256 * 2**20
"""Bytes; the largest tokenizer.json known takes 34 MB."""
_PARSED = re.compile(
    r"(?:.*/)?(?:(?:\w+_)?config|model_index|tokenizer|vocab|added_tokens|special_tokens_map"
    r"|chat_template|[\w.-]+\.index)\.json"
)
"""What loaders parse as one object; a `.json` file of another name may be lines, or a list."""


def is_document(path: str) -> bool:
    """Tell whether loaders parse the file at `path` in a repo as one JSON object."""
    return _PARSED.fullmatch(path) is not None


def examine(content: Content) -> Examined:
    """Return whether a file is a JSON object; NaN and Infinity count as numbers, as in Python."""
    if content.size > MAX_SIZE:
        return Unexamined(t("The file is larger than any JSON file that loaders parse."))
    try:
        document = parse(content.at(0, content.size))
    except ValueError as error:
        return Flawed("bad-json", t("The file is not JSON: {why}.", why=error))
    if not isinstance(document, dict):
        return Flawed("bad-json", t("The file is JSON, and not an object as loaders expect."))
    return Sound()
