r"""SC112: a value holds what was never meant as part of it: quotes, `\n`, a carriage return, `~`.

Who reads a file decides what of it is the value. In a list of compose, `- HF_HOME="/x"` has the
quotes in it, as has `docker run --env-file`; compose takes them out of an env_file. A shell that
sources a file with Windows line ends keeps the carriage return; compose does not. A `~` in quotes
stays one, and only huggingface_hub replaces it, in HF_HOME and HF_HUB_CACHE.

What it cannot know: how a program treats the value that gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.assignments import assigned, is_plain, with_value
from swarmcache.project.edits import Edit
from swarmcache.project.effective.settings_seen import settings_seen
from swarmcache.project.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.settings_seen import SeenSetting

_EXPANDED = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME")
"""In these huggingface_hub replaces `~` and `$NAME` itself (`constants.py`)."""
_AS_THEY_ARE = ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "HF_XET_CACHE")
"""In these nobody does."""
_PATHS = (*_EXPANDED, *_AS_THEY_ARE, "HF_DATASETS_CACHE")
_OTHERS = ("HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "MODEL_NAME")


def check(case: Case) -> Iterator[Finding]:
    """Find values that hold what was meant for whoever reads the file."""
    for seen in settings_seen(case.project, *_PATHS, *_OTHERS):
        what = _wrong(seen)
        if what is not None:
            yield _found(seen, what, _edit(seen, case))


def _wrong(seen: SeenSetting) -> str | None:
    value = seen.value
    if "\r" in value:
        return t("a carriage return, as Windows ends lines")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return t("the quotes around it")
    if "\\n" in value and seen.name in _PATHS:
        return t("a backslash and an n, which were meant as a new line")
    if seen.name in _AS_THEY_ARE and value.startswith(("~", "$")):
        return t("the {sign} that nothing replaces there", sign=value[0])
    return None


def _edit(seen: SeenSetting, case: Case) -> Edit | None:
    """Return the edit that leaves the value alone, where it is plain what that is."""
    source = case.project.source(seen.span.file)
    place = assigned(source, seen.span, seen.name)
    if place is None:
        return None
    if seen.value.endswith("\r"):
        at = place.end
        return Edit(place.file, at, at + 1, "") if place.data[at : at + 2] == b"\r\n" else None
    if "\r" in seen.value:
        return None
    bare = seen.value.removesuffix("\\n")
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" and place.text == bare:
        return (
            Edit(place.file, place.value, place.end, bare[1:-1]) if is_plain(bare[1:-1]) else None
        )
    if "\\n" not in bare and bare != seen.value and place.text.strip("\"'") == seen.value:
        return with_value(place, bare)
    home = place.text.startswith('"~/') and is_plain(bare[1:])
    return Edit(place.file, place.value + 1, place.value + 2, "$HOME") if home else None


def _found(seen: SeenSetting, what: str, edit: Edit | None) -> Finding:
    shown = "…" if "TOKEN" in seen.name else repr(redacted(seen.value))
    message = t(
        "{name} is {value} for the program: {what} is part of it, so it names something else than"
        " was meant.",
        name=seen.name,
        value=shown,
        what=what,
    )
    description = t("Write {name} so that only its value is left.", name=seen.name)
    fix = Fix("display", description) if edit is None else Fix("safe", description, (edit,))
    return RULE.finding(t("more in a value than was meant"), message, seen.span, fix=fix)


RULE = Rule("SC112", "mangled-value", "error", "high", check)
