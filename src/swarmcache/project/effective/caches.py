"""Which cache folders a program would use; each library reads the environment its own way."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.environment import Environment
from swarmcache.hubcache.locate import (
    HUB_VARIABLES,
    TRANSFORMERS_VARIABLES,
    locate,
    locate_transformers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.values import Alternatives, Setting

DECIDING = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME")
"""What decides where huggingface_hub's cache is."""
_MOST = 32


class Use(NamedTuple):
    """One answer to where a program's cache is; a branch in a script may give several."""

    hub: Location | None
    """Where huggingface_hub puts what it fetches; None where that is not known."""
    transformers: Location | None
    """Where `from_pretrained` puts it."""
    settings: Mapping[str, Setting]
    """The variables that decide, as they are set in this alternative."""


def uses(execution: Execution, libraries: Libraries) -> Iterator[Use]:
    """Yield where a program's cache may be, one answer for each way to set its variables."""
    environment = execution.environment()
    names = [n for n in (*DECIDING, *TRANSFORMERS_VARIABLES) if n in environment]
    ways = list(product(*(environment[name] for name in names)))
    for way in ways[:_MOST]:
        found = dict(zip(names, way, strict=True))
        settings = {name: setting for name, setting in found.items() if setting is not None}
        yield _use(execution, settings, environment, libraries)


def _use(
    execution: Execution,
    settings: Mapping[str, Setting],
    environment: Mapping[str, Alternatives],
    libraries: Libraries,
) -> Use:
    seen = _environment(execution, settings, environment)
    if seen is None:
        return Use(None, None, settings)
    return Use(locate(seen), locate_transformers(seen, libraries), settings)


def _environment(
    execution: Execution,
    settings: Mapping[str, Setting],
    environment: Mapping[str, Alternatives],
) -> Environment | None:
    """Return the environment of one alternative; None where a variable that decides is unknown."""
    home = settings["HOME"].value if "HOME" in settings else execution.root.home
    if home is None or any(setting.value is None for setting in settings.values()):
        return None
    others = {name: found[0].value for name, found in environment.items() if found[0] is not None}
    plain = {name: value for name, value in others.items() if value is not None}
    given = {name: setting.value or "" for name, setting in settings.items()}
    for name in (*HUB_VARIABLES, *TRANSFORMERS_VARIABLES):
        plain.pop(name, None)
    return Environment({**plain, **given}, home, execution.cwd or execution.project)
