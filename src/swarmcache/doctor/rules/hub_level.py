"""SC106: one `hub` too many or too few between HF_HOME, HF_HUB_CACHE and mounts.

The Hub's cache is `$HF_HOME/hub`, and HF_HUB_CACHE is that folder itself. Who gives HF_HOME the
name of a hub gets `hub/hub`; who gives HF_HUB_CACHE the home lays the models beside the hub that
everything else uses. Both download again what is there.

What it cannot know: whether a folder that is called so by chance is meant so.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches
from swarmcache.project.effective.settings_seen import settings_seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.containers.kept import ContainerCache
    from swarmcache.project.effective.settings_seen import SeenSetting

_HUBS = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")


def check(case: Case) -> Iterator[Finding]:
    """Find values and mounts that are a level off."""
    for seen in settings_seen(case.project, "HF_HOME", *_HUBS):
        value = seen.value.rstrip("/")
        if seen.name == "HF_HOME" and _is_hub(value):
            yield _too_many(seen, value)
        elif seen.name in _HUBS and _is_home(value):
            yield _too_few(seen, value)
    for cache in container_caches(case.project, case.node.libraries):
        finding = _mounted(cache)
        if finding is not None:
            yield finding


def _is_hub(path: str) -> bool:
    """Tell whether a path is by its name the hub of a home: `…/huggingface/hub`."""
    return posixpath.basename(path) == "hub" and _is_home(posixpath.dirname(path))


def _is_home(path: str) -> bool:
    """Tell whether a path is by its name the home of the Hub's tools: `….cache/huggingface`."""
    return posixpath.basename(path) == "huggingface" and posixpath.basename(
        posixpath.dirname(path)
    ) in {".cache", "cache"}


def _too_many(seen: SeenSetting, value: str) -> Finding:
    hubs = [s for name in _HUBS for s in seen.variables.get(name, ()) if s is not None]
    message = t(
        "HF_HOME is {value}, and models go to hub below it: {path}. What lies in {value} itself is"
        " not found, and downloaded again.",
        value=value,
        path=f"{value}/hub",
    )
    if hubs:  # Then models are where HF_HUB_CACHE says, and only the token and datasets are off.
        message = t(
            "HF_HOME is {value}, the folder of models: token, datasets and assets go into it, among"
            " the models.",
            value=value,
        )
    right = posixpath.dirname(value)
    fix = Fix("display", t("Set HF_HOME={home}, or HF_HUB_CACHE={hub}.", home=right, hub=value))
    return RULE.finding(
        t("one hub level too many"),
        message,
        seen.span,
        fix=fix,
        severity="info" if hubs else None,
    )


def _too_few(seen: SeenSetting, value: str) -> Finding:
    message = t(
        "{name} is {value}, so models go beside the hub folder that everything else uses, {path}:"
        " what is there is not found, and downloaded again.",
        name=seen.name,
        value=value,
        path=f"{value}/hub",
    )
    fix = Fix("display", t("Set {name}={path}.", name=seen.name, path=f"{value}/hub"))
    return RULE.finding(t("one hub level too few"), message, seen.span, fix=fix)


def _mounted(cache: ContainerCache) -> Finding | None:
    """Return what a bound folder of the host comes to, where that is a level off."""
    mount = cache.mount
    if mount is None or mount.kind != "bind" or mount.source is None:
        return None
    host = posixpath.normpath(
        posixpath.join(mount.source, posixpath.relpath(cache.path, mount.target))
    )
    if not _is_home(host) and not (
        posixpath.basename(host) == "hub" and _is_hub(posixpath.dirname(host))
    ):
        return None
    message = t(
        "Models of the container go to {path}, which is {host} here: not where this machine's own"
        " tools keep theirs, so that each downloads for itself.",
        path=cache.path,
        host=host,
    )
    right = posixpath.dirname(host) if not _is_home(host) else posixpath.join(host, "hub")
    fix = Fix("display", t("Mount {host} at {path}.", host=right, path=cache.path))
    places = [Evidence(cache.loader, t("this loads the models"))] if cache.loader else []
    return RULE.finding(t("mounted one level off"), message, mount.span, evidence=places, fix=fix)


RULE = Rule("SC106", "hub-level", "warning", "high", check)
