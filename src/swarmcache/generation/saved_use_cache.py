"""A checkpoint that says `use_cache: false`: found, judged, and mended on request. Without torch.

`generate()` reads generation_config.json, and config.json only where there is no such file. A
trainer that switched the cache off in memory and saved then leaves it off for whoever loads it
(transformers 5.23's Trainer always does, TRL up to 0.21 did).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
_FALSE = re.compile(rb'("use_cache"\s*:\s*)false')


class SavedFalse(NamedTuple):
    """One file that says it."""

    path: str
    counts: bool
    """Whether generate() will read it: then every rollout is slow."""
    shared: bool
    """Whether it is a link, as in the Hub's cache, whose content other names rely on."""


def saved_false(folder: str) -> list[SavedFalse]:
    """Return the files of a checkpoint folder that say `use_cache: false` at their top level."""
    contents = {name: _document(os.path.join(folder, name)) for name in (CONFIG, GENERATION_CONFIG)}
    found = []
    for name, content in contents.items():
        if content is not None and content.get("use_cache") is False:
            path = os.path.join(folder, name)
            counts = name == GENERATION_CONFIG or contents[GENERATION_CONFIG] is None
            found.append(SavedFalse(path, counts, os.path.islink(path)))
    return found


def mend(saved: SavedFalse) -> bool:
    """Write `true` in place of `false`, no other byte changed; return whether it was done.

    Not through a link: the content of a blob in a cache is what its name says. Replaced by rename,
    so that no reader meets half a file. Raises OSError.
    """
    if saved.shared:
        return False
    with open(saved.path, "rb") as file:
        content = file.read()
    mended = _mended(content)
    if mended is None:
        return False
    handle, draft = tempfile.mkstemp(dir=os.path.dirname(saved.path), prefix=".use_cache-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mended)
        os.chmod(draft, os.stat(saved.path).st_mode & 0o7777)
        os.replace(draft, saved.path)
    except BaseException:
        os.unlink(draft)
        raise
    return True


def _mended(content: bytes) -> bytes | None:
    """Return the content with the top level's `use_cache` true, or None if that is not all."""
    before = json.loads(content)
    for match in _FALSE.finditer(content):
        mended = content[: match.start()] + match[1] + b"true" + content[match.end() :]
        if json.loads(mended) == {**before, "use_cache": True}:
            return mended
    return None


def _document(path: str) -> Mapping[str, object] | None:
    """Return the object that a JSON file holds, or None without the file."""
    try:
        with open(path, "rb") as file:
            content = json.load(file)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
