r"""The exports of a start script: a block between two marks, and old settings that contradict it.

    #!/bin/bash
    set -euo pipefail

    # >>> swarmcache init: the one cache; `swarmcache init --undo` takes it back >>>
    export HF_HUB_CACHE="${HF_HUB_CACHE:-${HOME:-~}/.cache/huggingface/hub}"
    # <<< swarmcache init <<<

It stands behind the shebang and the script's first `set` lines, so before every command. What the
environment already has comes first: a container's own place, or `swarmcache run --cache-dir`. Only
ASCII is added, unless the folder's name is not: nobody knows the encoding of somebody's script.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import within
from swarmcache.project.edits import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.sources import Source, Span

OPEN = "# >>> swarmcache init: the one cache; `swarmcache init --undo` takes it back >>>"
CLOSE = "# <<< swarmcache init <<<"
_BLOCK = re.compile(
    rb"^# >>> swarmcache init\b[^\n]*\n.*?^# <<< swarmcache init <<<", re.MULTILINE | re.DOTALL
)
_ALSO = re.compile(rb'^export (\w+)="\$HF_HUB_CACHE"', re.MULTILINE)
_OPENED = re.compile(rb"^# >>> swarmcache init\b", re.MULTILINE)
_HEAD = re.compile(rb"\s*(?:#.*)?|\s*(?:set|shopt)\s+[-+a-zA-Z][^\\;&|`$(]*")
"""Lines that may stand before the block: nothing, a comment, what sets the shell's own options."""
_ANCHOR = re.compile(rb"#!.*|\s*(?:set|shopt)\s.*")
_PLAIN = re.compile(r"[\w./@+,:=~ -]*")
_BASH = re.compile(rb"#![^\n]*\bbash\b")
"""No other shell has BASH_SOURCE; under dash its name alone ends the script."""
_WHOLE_LINE = re.compile(rb"[ \t]*(?:export[ \t]+|declare -x[ \t]+)?")
_VALUE = re.compile(rb"[\w./:$~{}-]*|\"[^\"\n`\\]*\"|'[^'\n]*'")
_BLANK = re.compile(rb"[ \t]*")
_REST = re.compile(rb"[ \t]*(?:;[ \t]*)?(?:#[^\n]*)?\r?(?=\n|\Z)")


class Old(NamedTuple):
    """A setting of another cache, or by an old name, where it stands."""

    name: str
    span: Span
    """The assignment, or its value."""


def block_edit(
    source: Source, folder: str, project: str, home: str, also: Iterable[str]
) -> Edit | None:
    """Return what puts the block into a script, or renews it; None where somebody has broken it.

    `also` are the old variables that a library of this project still reads and finds set.
    """
    exports = _exports(source, folder, project, home)
    lines = [OPEN, *exports, *(f'export {name}="$HF_HUB_CACHE"' for name in also), CLOSE]
    return marked(source, lines, insertion_point(source.data))


def renewed(before: Edit | None, after: Edit | None, data: bytes) -> Edit | None:
    """Return the second edit of a block, where the first says what stands there already.

    So a block that somebody has changed, or that names another folder, stays as it is.
    """
    if before is None or data[before.start : before.end] != before.text.encode():
        return None
    return after if before.end > before.start else None


def also_exported(data: bytes) -> list[str]:
    """Return the old variables that the block of a script exports beside the one of today."""
    found = _BLOCK.search(data)
    return [name.decode() for name in _ALSO.findall(found[0])] if found is not None else []


def marked(source: Source, lines: list[str], at: int) -> Edit | None:
    """Return what puts lines between the marks at a byte, or in the place of those that are there.

    Line ends are the file's own. None where one of the marks alone is there.
    """
    data = source.data
    end = "\r\n" if data.partition(b"\n")[0].endswith(b"\r") else "\n"
    text = end.join(lines)
    found = _BLOCK.search(data)
    if found is not None:
        return Edit(source.file, found.start(), found.end(), text)
    if _OPENED.search(data):
        return None
    begun = data[at - 1 : at] == b"\n"
    before = "" if not at else end if begun else end * 2
    return Edit(source.file, at, at, f"{before}{text}{end}")


def in_block(source: Source, span: Span) -> bool:
    """Tell whether something stands between the marks."""
    return any(m.start() <= span.start < m.end() for m in _BLOCK.finditer(source.data))


def insertion_point(data: bytes) -> int:
    """Return the byte behind a script's shebang and its first `set` lines."""
    at = place = 0
    for line in data.splitlines(keepends=True):
        content = line.rstrip(b"\r\n")
        if not _HEAD.fullmatch(content):
            break
        at += len(line)
        if _ANCHOR.fullmatch(content) and (place == 0 or not content.startswith(b"#")):
            place = at
    return place


def _exports(source: Source, folder: str, project: str, home: str) -> Iterator[str]:
    if not _PLAIN.fullmatch(folder):  # A brace or a quote would end the default value.
        yield f"swarmcache_folder={shlex.quote(folder)}"
        yield 'export HF_HUB_CACHE="${HF_HUB_CACHE:-$swarmcache_folder}"'
        return
    yield f'export HF_HUB_CACHE="${{HF_HUB_CACHE:-{_spelled(source, folder, project, home)}}}"'


def _spelled(source: Source, folder: str, project: str, home: str) -> str:
    """Return a folder as a script finds it: from its own place, from the home, or absolute."""
    if within(folder, project):
        own = "${BASH_SOURCE[0]}" if _BASH.match(source.data) else "$0"
        way = os.path.relpath(folder, os.path.dirname(source.path))
        return f'$(cd -- "$(dirname -- "{own}")" && pwd)/{way}'
    if within(folder, home):
        # Under `set -u` a unit of systemd or cron may have no HOME; the Hub's own `~` then serves.
        return f"${{HOME:-~}}/{os.path.relpath(folder, home)}"
    return folder


def silenced(source: Source, old: Old, *, shell: bool) -> Edit | None:
    """Return what takes a setting away and keeps it to be read; None where that is not plain.

    In a script its line becomes a `:`, which does nothing, with the old line as its comment: so the
    branch or loop that it may be alone in stays one.
    """
    data, name = source.data, old.name.encode() + b"="
    start = data.rfind(b"\n", 0, old.span.start) + 1
    setting = data[old.span.start : old.span.end]
    if not setting.startswith(name) or b"\n" in setting:
        return None
    before = data[start : old.span.start]
    indent = start + len(before) - len(before.lstrip(b" \t"))
    if not shell:
        return Edit(source.file, indent, indent, "# swarmcache init: ")
    if _WHOLE_LINE.fullmatch(before) and _REST.match(data, old.span.end):
        return Edit(source.file, indent, indent, ": # swarmcache init: ")
    if not _VALUE.fullmatch(setting, len(name)):
        return None
    behind = _BLANK.match(data, old.span.end)
    return Edit(source.file, old.span.start, behind.end() if behind else old.span.end, "")
