"""SC205: keys, tokens or other files of the project lie in the cache folder.

People clear a cache with `rm -rf`, share it and mount it elsewhere: what lies in it is lost, or
read by others. The Hub's own token lies above, in HF_HOME, and is none of these.

What it cannot know: files that are only made when the project runs, unless a variable names them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.doctor.caches import used_caches
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.folder import entries_of, within
from swarmcache.locale import t
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader

_KEY = re.compile(
    r".*\.(?:pem|key|p12|pfx|jks|env)|\.env(?:\..*)?|id_(?:rsa|ed25519|ecdsa)|(?:stored_)?tokens?"
    r"|user(?:Data|ApiKey)\.json|.*credentials.*",
    re.IGNORECASE,
)


def check(case: Case) -> Iterator[Finding]:
    """Find files that variables put into a cache, then those that are there."""
    seen: set[str] = set()
    for loader in case.project.loaders:
        for name, path, finding in _named(loader, case):
            if name not in seen:
                seen |= {name, path}
                yield finding
    for cache in used_caches(case):
        for entry in sorted(entries_of(cache), key=lambda one: one.name):
            is_key = _KEY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            if is_key and entry.path not in seen:
                yield _there(entry.path, cache)


def _named(loader: Loader, case: Case) -> Iterator[tuple[str, str, Finding]]:
    execution = loader.execution
    hubs = {use.hub.path for use in uses(execution, case.node.libraries) if use.hub is not None}
    for name, settings in execution.environment().items():
        for setting in settings:
            value = setting.value if setting is not None else None
            if setting is None or setting.span is None or not value or not value.startswith("/"):
                continue
            path = os.path.normpath(value)
            hub = next((hub for hub in hubs if path != hub and within(path, hub)), None)
            if hub is not None and _KEY.fullmatch(os.path.basename(path)):
                message = t(
                    "{name} puts {path} into the cache of models: who clears, shares or mounts the"
                    " cache loses it, or hands it out.",
                    name=name,
                    path=path,
                )
                fix = Fix("display", t("Keep it outside of {path}.", path=hub))
                title = t("a key in the cache folder")
                yield name, path, RULE.finding(title, message, setting.span, fix=fix)


def _there(path: str, cache: str) -> Finding:
    message = t(
        "{path} lies in the cache of models: who clears, shares or mounts the cache loses it, or"
        " hands it out.",
        path=path,
    )
    fix = Fix("display", t("Keep it outside of {path}.", path=cache))
    return RULE.finding(t("a key in the cache folder"), message, fix=fix)


RULE = Rule("SC205", "foreign-files", "warning", "high", check, preview=True)
