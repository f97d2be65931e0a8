"""SC105: the cache depends on the working directory.

huggingface_hub takes a relative HF_HOME or HF_HUB_CACHE as it is: each folder that a program is
started from, and each `cd` before it, is another cache.

What it cannot know: whether everybody always starts from the same folder. `cache_dir="./x"` in code
is told as info for that reason. Empty values are SC104's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.effective.settings_seen import settings_seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.settings_seen import SeenSetting

_NAMES = (
    *("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "TRANSFORMERS_CACHE"),
    *("HF_DATASETS_CACHE", "HF_XET_CACHE", "XDG_CACHE_HOME"),
)
_ROOTED = ("/", "~", "$", "\\")


def check(case: Case) -> Iterator[Finding]:
    """Find relative values of variables, then of arguments."""
    for seen in settings_seen(case.project, *_NAMES):
        value = seen.value
        if seen.way in {"image", "service"}:
            continue  # A container has one working directory.
        if value.strip("\"'") and not value.strip("\"'").startswith(_ROOTED) and value[1:2] != ":":
            yield _variable(seen)
    known: set[tuple[str, str]] = set()
    for load in case.project.loads:
        option = load.options.get("cache_dir")
        path = option.value if option is not None else None
        if option is None or not isinstance(path, str) or not path or path.startswith(_ROOTED):
            continue
        if path[1:2] != ":" and (load.span.file, path) not in known:
            known.add((load.span.file, path))
            message = t(
                "cache_dir={path} is below the folder that the program is started from; from"
                " another folder it downloads again.",
                path=repr(path),
            )
            fix = Fix(
                "display", t("Leave cache_dir out, and set HF_HUB_CACHE to an absolute path.")
            )
            title = t("the cache depends on the working directory")
            yield RULE.finding(title, message, option.span, fix=fix, severity="info")


def _variable(seen: SeenSetting) -> Finding:
    message = t(
        "{name}={value} is seen from the working directory: after a cd, or started from another"
        " folder, the program finds an empty cache and downloads again.",
        name=seen.name,
        value=seen.value,
    )
    fix = Fix(
        "display", t('Make it absolute: {name}="$PWD/{value}".', name=seen.name, value=seen.value)
    )
    return RULE.finding(
        t("the cache depends on the working directory"), message, seen.span, fix=fix
    )


RULE = Rule("SC105", "relative-path", "warning", "high", check)
