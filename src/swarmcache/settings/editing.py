"""One setting changed in a settings file, everything else left as it is, comments included."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from swarmcache.settings.files import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE = re.compile(r"^\s*\[\s*(?P<name>[^\[\]]+?)\s*\]\s*(#.*)?$")
_DIR = re.compile(r"^(?P<before>\s*dir\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*')(?P<after>\s*(#.*)?)$")


def with_cache_dir(path: str, folder: str) -> str | None:
    """Return the text of a settings file with `cache.dir` changed to `folder`.

    None where it stands in a form that only its user can change. Raises SettingsError, OSError.
    """
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    wanted = "tool.swarmcache.cache" if os.path.basename(path) == "pyproject.toml" else "cache"
    lines, table, found = text.split("\n"), "", 0
    for number, line in enumerate(lines):
        if header := _TABLE.match(line.rstrip("\r")):
            table = re.sub(r"\s", "", header["name"])
        elif table == wanted and (setting := _DIR.match(line.rstrip("\r"))):
            end = "\r" if line.endswith("\r") else ""
            lines[number] = f"{setting['before']}{_quoted(folder)}{setting['after']}{end}"
            found += 1
    changed = "\n".join(lines)
    before, after = parsed(path, text.encode()), parsed(path, changed.encode())
    return changed if found == 1 and after == _changed(before, wanted, folder) else None


def _changed(document: Mapping[str, object], table: str, folder: str) -> dict[str, object]:
    """Return a document in which a table's `dir` is `folder`."""
    first, _, rest = table.partition(".")
    inner = document.get(first)
    assert isinstance(inner, dict)  # noqa: S101 - the line was found in this table
    return {**document, first: _changed(inner, rest, folder) if rest else {**inner, "dir": folder}}


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for DEL, which only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
